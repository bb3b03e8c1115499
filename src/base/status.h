// Status and Result<T>: the one way in which Millrace's own interfaces fail.
//
// A Status is a code from a short list and a sentence for a person: what is
// wrong, where, and what would be right. No exception crosses an interface of
// ours; code that calls throwing libraries converts at its edge. What is
// expected to fail returns; a broken invariant ends the process (MR_CHECK).
//
//   Result<Table> ReadParquet(const std::string& path);
//
//   MR_ASSIGN_OR_RETURN(Table table, ReadParquet(path));
//   if (table.num_rows() == 0) return InvalidArgument("{} holds no rows", path);
//
// Both types are values; distinct objects may be used from distinct threads.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

enum class Code : uint8_t {
  kOk = 0,
  kInvalidArgument,     // the caller's input is wrong, whatever the state
  kNotFound,            // what was named is not there
  kAlreadyExists,       // what should be made is there
  kConflict,            // another writer was first: read again and retry
  kFailedPrecondition,  // the state does not allow it (now)
  kUnauthenticated,     // nobody was identified
  kPermissionDenied,    // somebody was, and may not
  kResourceExhausted,   // a limit, quota, disk or memory is used up
  kDeadlineExceeded,    // it took too long
  kCancelled,           // somebody called it off
  kUnavailable,         // try again later
  kDataLoss,            // stored bytes are not what was stored
  kUnimplemented,       // the protocol has it, this server does not
  kInternal,            // a defect of Millrace
};

// "InvalidArgument" for kInvalidArgument, and so on.
std::string_view CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // "InvalidArgument: spec.windows[0]: …", or "Ok".
  std::string ToString() const;

  // The same code, with `context` and ": " before the message.
  Status WithContext(std::string_view context) const;

  bool operator==(const Status&) const = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status Ok() { return Status(); }

// InvalidArgument("{} has {} columns", path, n), one for each code but kOk.
#define MR_DEFINE_STATUS(Name)                                                      \
  template <typename... Args>                                                       \
  Status Name(fmt::format_string<Args...> format, Args&&... args) {                 \
    return Status(Code::k##Name, fmt::format(format, std::forward<Args>(args)...)); \
  }
MR_DEFINE_STATUS(InvalidArgument)
MR_DEFINE_STATUS(NotFound)
MR_DEFINE_STATUS(AlreadyExists)
MR_DEFINE_STATUS(Conflict)
MR_DEFINE_STATUS(FailedPrecondition)
MR_DEFINE_STATUS(Unauthenticated)
MR_DEFINE_STATUS(PermissionDenied)
MR_DEFINE_STATUS(ResourceExhausted)
MR_DEFINE_STATUS(DeadlineExceeded)
MR_DEFINE_STATUS(Cancelled)
MR_DEFINE_STATUS(Unavailable)
MR_DEFINE_STATUS(DataLoss)
MR_DEFINE_STATUS(Unimplemented)
MR_DEFINE_STATUS(Internal)
#undef MR_DEFINE_STATUS

// Ends the process with `what` and where: for broken invariants, never for input.
[[noreturn]] void Die(const char* file, int line, std::string_view what);

#define MR_CHECK(condition, ...)                                                                            \
  do {                                                                                                      \
    if (!(condition)) [[unlikely]]                                                                          \
      ::millrace::Die(__FILE__, __LINE__, ::fmt::format("{}: {}", #condition, ::fmt::format(__VA_ARGS__))); \
  } while (false)

// A T, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    MR_CHECK(!status_.ok(), "a Result without a value needs a reason");
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }

  // Precondition: ok().
  T& value() & { return Require(); }
  const T& value() const& { return const_cast<Result*>(this)->Require(); }
  T&& value() && { return std::move(Require()); }
  T& operator*() & { return Require(); }
  const T& operator*() const& { return const_cast<Result*>(this)->Require(); }
  T&& operator*() && { return std::move(Require()); }
  T* operator->() { return &Require(); }
  const T* operator->() const { return &const_cast<Result*>(this)->Require(); }

  T value_or(T other) && { return ok() ? std::move(*value_) : std::move(other); }

 private:
  T& Require() {
    MR_CHECK(value_.has_value(), "no value: {}", status_.ToString());
    return *value_;
  }

  Status status_;
  std::optional<T> value_;
};

#define MR_CONCAT_INNER(a, b) a##b
#define MR_CONCAT(a, b) MR_CONCAT_INNER(a, b)

#define MR_RETURN_IF_ERROR(expression)           \
  do {                                           \
    ::millrace::Status mr_status = (expression); \
    if (!mr_status.ok()) [[unlikely]]            \
      return mr_status;                          \
  } while (false)

#define MR_ASSIGN_OR_RETURN(target, expression) \
  MR_ASSIGN_OR_RETURN_INNER(MR_CONCAT(mr_result_, __LINE__), target, expression)
#define MR_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                 \
  if (!result.ok()) [[unlikely]]                              \
    return result.status();                                   \
  target = std::move(result).value()

}  // namespace millrace
