// WatchedFile: a small file that somebody else replaces now and then (a rotated
// token, a renewed certificate). Read looks at its metadata each time and reads
// it again when they changed. Should a later reading fail (it is being replaced),
// what was last read still counts. Not thread safe.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <tuple>

#include "base/status.h"

namespace millrace::kube::internal {

class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  Result<std::string> Read();

 private:
  using Mark = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;  // device, inode, size, time

  std::string path_;
  Mark mark_{};
  bool have_ = false;
  std::string text_;
};

}  // namespace millrace::kube::internal
