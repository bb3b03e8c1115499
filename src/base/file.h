// Files and directories, durably. Paths are UTF-8 strings. Functions are
// thread safe; two writers of one path need their own agreement.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace {

// Owns a POSIX file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { Close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;
};

// The whole file; refused when it is larger than `limit` bytes.
Result<std::string> ReadFile(const std::string& path, uint64_t limit = uint64_t{1} << 30);

// Replaces `path` in one step: readers and a crash see the old bytes or the new
// ones, whole. On return the new ones are on disk (file and directory fsynced).
Status WriteFileAtomically(const std::string& path, std::string_view bytes, uint32_t mode = 0644);

// Appends all of `bytes` at the descriptor's position.
Status WriteAll(int fd, std::string_view bytes);

Status SyncDirectory(const std::string& path);
Status MakeDirectories(const std::string& path);
Status RemoveTree(const std::string& path);
bool FileExists(const std::string& path);

// Names of the entries, sorted; no "." and "..".
Result<std::vector<std::string>> ListDirectory(const std::string& path);

// A directory below $TMPDIR that is removed, with what is in it, at the end.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// An advisory lock on a file, held as long as the object lives; released by the
// operating system when the process dies. Unavailable when another holds it.
class FileLock {
 public:
  static Result<FileLock> Acquire(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace millrace
