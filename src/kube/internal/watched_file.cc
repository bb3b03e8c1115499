#include "kube/internal/watched_file.h"

#include "base/file.h"

namespace millrace::kube::internal {

Result<std::string> WatchedFile::Read() {
  struct stat info{};
  if (::stat(path_.c_str(), &info) == 0) {
    const Mark mark{info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
    if (have_ && mark == mark_) return text_;
    Result<std::string> text = ReadFile(path_, uint64_t{1} << 20);
    if (text.ok() && !text->empty()) {
      text_ = std::move(*text);
      mark_ = mark;
      have_ = true;
      return text_;
    }
    if (!have_ && !text.ok()) return text;
  }
  if (have_) return text_;
  return NotFound("the file {} is not there, or empty", path_);
}

}  // namespace millrace::kube::internal
