// The audit log's files: reading lines in order with bounded memory, and the
// head, a file of its own that remembers the newest record. Private to src/security.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"
#include "security/audit.h"

namespace millrace::security::internal {

inline constexpr size_t kMaxLine = 32 << 10;  // four fields, each byte escaped as six, and the rest
inline const std::string kNoHash(64, '0');    // what the first record follows

// The newest record that is known to be on disk.
struct Head {
  uint64_t seq = 0;
  std::string hash;
};
std::string HeadPath(const std::string& path);
Status WriteHead(const std::string& path, const Head& head);
// DataLoss when it is missing or is none.
Result<Head> ReadHead(const std::string& path);

// A field of a JSON object that must be a text.
Result<std::string> TextOf(const Json& line, const char* key);

class LineReader {
 public:
  LineReader(int fd, uint64_t offset) : fd_(fd), offset_(offset) {}

  struct Line {
    std::string_view text;  // valid until the next call
    bool whole = true;      // false: the file ends before its newline
  };
  // nullopt at the end.
  Result<std::optional<Line>> Next();

 private:
  Result<bool> Fill();

  int fd_;
  uint64_t offset_;
  std::string buffer_;
  size_t begin_ = 0;
};

// What is wrong with `record`, read from `line`, taken by itself; Ok when nothing is.
Status CheckRecord(const AuditRecord& record, std::string_view line);
// The same where `expected` should follow `prev`.
Status CheckLink(const AuditRecord& record, std::string_view line, uint64_t expected,
                 const std::string& prev);

}  // namespace millrace::security::internal
