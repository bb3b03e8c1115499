#include "api/registry/log_stream.h"

#include <fcntl.h>
#include <unistd.h>

namespace millrace::api {
namespace {

constexpr size_t kPiece = 64 << 10;

}  // namespace

bool LogStream::Open() {
  if (file_) return true;
  Result<std::string> path = options_.find();
  if (!path.ok() || path->empty()) return false;
  file_ = UniqueFd(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return static_cast<bool>(file_);
}

std::string LogStream::ReadPiece() {
  std::string piece(kPiece, '\0');
  ssize_t n = ::pread(file_.get(), piece.data(), piece.size(), static_cast<off_t>(offset_));
  piece.resize(n > 0 ? static_cast<size_t>(n) : 0);
  offset_ += piece.size();
  return piece;
}

http::BodyStream::Chunk LogStream::Next() {
  // Asked before reading: what is written between the two is then read the next time.
  bool ended = !options_.follow || options_.ended();
  Chunk chunk;
  if (Open()) chunk.bytes = ReadPiece();
  bool more = chunk.bytes.size() == kPiece;
  chunk.end = ended && !more;
  if (more && wake_) wake_();
  return chunk;
}

}  // namespace millrace::api
