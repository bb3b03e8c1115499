#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/id.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// The sentence for `errno` after `what` failed on `path`.
Status FromErrno(std::string_view what, const std::string& path) {
  const int error = errno;
  const std::string text = fmt::format("{} {}: {}", what, path, std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Status(Code::kNotFound, text);
    case EACCES:
    case EPERM:
    case EROFS:
      return Status(Code::kPermissionDenied, text);
    case EEXIST:
      return Status(Code::kAlreadyExists, text);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return Status(Code::kResourceExhausted, text);
    default:
      return Status(Code::kUnavailable, text);
  }
}

std::string ParentOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = other.Release();
  }
  return *this;
}

void UniqueFd::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<std::string> ReadFile(const std::string& path, uint64_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FromErrno("cannot read", path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return FromErrno("cannot read", path);
  if (S_ISDIR(info.st_mode)) return InvalidArgument("{} is a directory, not a file", path);
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read", path);
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
    if (bytes.size() > limit) return ResourceExhausted("{} is larger than {} bytes", path, limit);
  }
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FromErrno("cannot write", "the file");
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return Ok();
}

Status WriteFileAtomically(const std::string& path, std::string_view bytes, uint32_t mode) {
  const std::string scratch = path + ".tmp-" + RandomHex(6);
  UniqueFd fd(::open(scratch.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return FromErrno("cannot write", path);
  Status status = WriteAll(fd.get(), bytes).WithContext(path);
  if (status.ok() && ::fsync(fd.get()) != 0) status = FromErrno("cannot sync", path);
  fd.Close();
  if (status.ok() && ::rename(scratch.c_str(), path.c_str()) != 0) status = FromErrno("cannot replace", path);
  if (!status.ok()) {
    ::unlink(scratch.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path));
}

Status SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FromErrno("cannot open", path);
  if (::fsync(fd.get()) != 0) return FromErrno("cannot sync", path);
  return Ok();
}

Status MakeDirectories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return Ok();
  errno = error.value();
  return FromErrno("cannot make the directory", path);
}

Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return Ok();
  errno = error.value();
  return FromErrno("cannot remove", path);
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  std::error_code error;
  fs::directory_iterator entries(path, error);
  std::vector<std::string> names;
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    names.push_back(entries->path().filename().string());
  }
  if (error) {
    errno = error.value();
    return FromErrno("cannot list", path);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TempDirectory::TempDirectory() {
  std::error_code error;
  std::string pattern = (fs::temp_directory_path(error) / "millrace-XXXXXX").string();
  MR_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory: {}", std::strerror(errno));
  path_ = pattern;
}

TempDirectory::~TempDirectory() { (void)RemoveTree(path_).ok(); }

Result<FileLock> FileLock::Acquire(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return FromErrno("cannot open the lock", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno == EWOULDBLOCK) return Unavailable("{} is locked by another process", path);
  return FromErrno("cannot lock", path);
}

}  // namespace millrace
