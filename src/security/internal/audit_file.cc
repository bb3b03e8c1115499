#include "security/internal/audit_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace millrace::security::internal {
namespace {

constexpr size_t kReadBytes = 64 << 10;

}  // namespace

std::string HeadPath(const std::string& path) { return path + ".head"; }

Result<std::string> TextOf(const Json& line, const char* key) {
  auto it = line.find(key);
  if (it == line.end() || !it->is_string()) return InvalidArgument("'{}' is missing or not a text", key);
  return it->get<std::string>();
}

Status WriteHead(const std::string& path, const Head& head) {
  return WriteFileAtomically(HeadPath(path),
                             fmt::format("{{\"seq\":{},\"hash\":\"{}\"}}\n", head.seq, head.hash), 0600);
}

Result<Head> ReadHead(const std::string& path) {
  if (!FileExists(HeadPath(path))) {
    return DataLoss("{} is missing: without it, records cut from the end of {} cannot be noticed",
                    HeadPath(path), path);
  }
  MR_ASSIGN_OR_RETURN(std::string text, ReadFile(HeadPath(path), 4096));
  Result<Json> parsed = ParseJson(text, 2);
  if (!parsed.ok() || !parsed->is_object() || !parsed->contains("seq") ||
      !(*parsed)["seq"].is_number_unsigned()) {
    return DataLoss("{} is not a head of an audit log", HeadPath(path));
  }
  Result<std::string> hash = TextOf(*parsed, "hash");
  if (!hash.ok())
    return DataLoss("{} is not a head of an audit log: {}", HeadPath(path), hash.status().message());
  return Head{.seq = (*parsed)["seq"].get<uint64_t>(), .hash = *hash};
}

Result<std::optional<LineReader::Line>> LineReader::Next() {
  size_t newline;
  while ((newline = buffer_.find('\n', begin_)) == std::string::npos) {
    if (buffer_.size() - begin_ > kMaxLine) {
      return DataLoss("there is a line of more than {} bytes", kMaxLine);
    }
    MR_ASSIGN_OR_RETURN(bool more, Fill());
    if (more) continue;
    if (begin_ == buffer_.size()) return std::optional<Line>();
    Line torn{.text = std::string_view(buffer_).substr(begin_), .whole = false};
    begin_ = buffer_.size();
    return std::optional<Line>(torn);
  }
  Line line{.text = std::string_view(buffer_).substr(begin_, newline - begin_), .whole = true};
  begin_ = newline + 1;
  return std::optional<Line>(line);
}

Result<bool> LineReader::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  size_t old = buffer_.size();
  buffer_.resize(old + kReadBytes);
  ssize_t n = ::pread(fd_, buffer_.data() + old, kReadBytes, static_cast<off_t>(offset_));
  buffer_.resize(old + (n > 0 ? static_cast<size_t>(n) : 0));
  if (n < 0) return Internal("cannot read the audit log: {}", std::strerror(errno));
  offset_ += static_cast<uint64_t>(n);
  return n > 0;
}

Status CheckRecord(const AuditRecord& record, std::string_view line) {
  if (HashOf(record) == record.hash && FormatAuditLine(record) == line) return Ok();
  return DataLoss("its hash does not match what it says");
}

Status CheckLink(const AuditRecord& record, std::string_view line, uint64_t expected,
                 const std::string& prev) {
  const Status alone = CheckRecord(record, line);
  if (!alone.ok()) return DataLoss("record {} was changed: {}", expected, alone.message());
  if (record.seq != expected) {
    return DataLoss("record {} was dropped or moved: record {} stands in its place", expected, record.seq);
  }
  if (record.prev != prev) {
    return DataLoss(
        "record {} was changed, or record {} is not the one that followed it: the chain breaks there",
        expected - 1, expected);
  }
  return Ok();
}

}  // namespace millrace::security::internal
