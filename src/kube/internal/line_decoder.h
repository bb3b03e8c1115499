// LineDecoder: pieces of a stream into its lines, each at most `max_line` bytes.
//
//   MR_RETURN_IF_ERROR(decoder.Feed(piece, [&](std::string_view line) { return Handle(line); }));
//
// Lines come without their newline (and a carriage return before it); empty ones
// are passed over. The view is valid during the call. Keeps at most one line.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::kube::internal {

class LineDecoder {
 public:
  explicit LineDecoder(size_t max_line) : max_line_(max_line) {}

  // ResourceExhausted for a line that is too long; else the first failure of `on_line`.
  Status Feed(std::string_view piece, const std::function<Status(std::string_view)>& on_line);
  // What came after the last newline.
  std::string_view rest() const { return pending_; }

 private:
  Status Emit(std::string_view line, const std::function<Status(std::string_view)>& on_line) const;

  size_t max_line_;
  std::string pending_;
};

}  // namespace millrace::kube::internal
