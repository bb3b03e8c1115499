#include "source/internal/unpack.h"

#include <arrow/util/compression.h>

#include <algorithm>
#include <array>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "base/file.h"

namespace millrace::source::internal {
namespace {

constexpr size_t kPiece = 256 << 10;
constexpr std::array<std::pair<std::string_view, Packing>, 4> kExtensions = {{{".gz", Packing::kGzip},
                                                                              {".gzip", Packing::kGzip},
                                                                              {".zst", Packing::kZstd},
                                                                              {".zstd", Packing::kZstd}}};

std::string_view ExtensionOf(std::string_view path) {
  for (const auto& [extension, packing] : kExtensions) {
    if (path.ends_with(extension)) return extension;
  }
  return {};
}

// A compressed file, unpacked from its beginning until there is enough of it.
class Unpacking {
 public:
  Unpacking(const std::string& path, Packing packing)
      : path_(path), packing_(packing), file_(path, std::ios::binary), input_(kPiece, '\0') {}

  Result<std::string> Read(uint64_t wanted) {
    if (!file_) return NotFound("cannot open {}", path_);
    const auto codec = ::arrow::util::Codec::Create(packing_ == Packing::kGzip ? ::arrow::Compression::GZIP
                                                                               : ::arrow::Compression::ZSTD);
    if (!codec.ok()) return Unimplemented("{} cannot be unpacked here: {}", path_, codec.status().message());
    auto made = (*codec)->MakeDecompressor();
    if (!made.ok()) return Unavailable("cannot unpack {}: {}", path_, made.status().message());
    decompressor_ = *made;
    while (text_.size() < wanted && !ended_) MR_RETURN_IF_ERROR(Step());
    text_.resize(std::min<uint64_t>(text_.size(), wanted));
    return std::move(text_);
  }

 private:
  // More input if there is none, then as much text as comes of it at once.
  Status Step() {
    if (begin_ == end_) {
      file_.read(input_.data(), static_cast<std::streamsize>(input_.size()));
      if (file_.bad()) return Unavailable("cannot read {}", path_);
      begin_ = 0;
      end_ = static_cast<size_t>(file_.gcount());
      packed_ += end_;
    }
    const bool no_more = end_ == 0;
    if (decompressor_->IsFinished()) {
      if (no_more) {
        ended_ = true;
        return Ok();
      }
      // Another member follows, as in files that were concatenated.
      const ::arrow::Status reset = decompressor_->Reset();
      if (!reset.ok()) return Damaged(reset.message());
    }
    MR_ASSIGN_OR_RETURN(const bool moved, Decompress());
    if (!moved && no_more)
      return DataLoss("{} ends in the middle of its compressed data: it was cut short", path_);
    return Ok();
  }

  // False when nothing was taken and nothing came.
  Result<bool> Decompress() {
    const auto done = decompressor_->Decompress(
        static_cast<int64_t>(end_ - begin_), reinterpret_cast<const uint8_t*>(input_.data()) + begin_,
        static_cast<int64_t>(output_.size()), reinterpret_cast<uint8_t*>(output_.data()));
    if (!done.ok()) return Damaged(done.status().message());
    begin_ += static_cast<size_t>(done->bytes_read);
    text_.append(output_.data(), static_cast<size_t>(done->bytes_written));
    if (text_.size() > std::min(kMaxTextBytes, std::max(kAlwaysUnpacked, packed_ * kMaxRatio))) {
      return ResourceExhausted(
          "{} unpacks to more than {} bytes out of {}: text is at most 8 GiB, and beyond 64 MiB at most {} "
          "times its compressed size",
          path_, text_.size(), packed_, kMaxRatio);
    }
    // Some decoders need an empty call to see that a member has ended.
    return done->bytes_read > 0 || done->bytes_written > 0 || decompressor_->IsFinished();
  }

  Status Damaged(std::string_view why) const {
    return DataLoss("{} is damaged or not compressed as its name says: {}", path_, why);
  }

  const std::string& path_;
  Packing packing_;
  std::ifstream file_;
  std::shared_ptr<::arrow::util::Decompressor> decompressor_;
  std::string input_;
  size_t begin_ = 0;  // of what is not unpacked yet
  size_t end_ = 0;
  std::string output_ = std::string(kPiece, '\0');
  std::string text_;
  uint64_t packed_ = 0;  // bytes read
  bool ended_ = false;
};

Result<std::string> Unpack(const std::string& path, Packing packing, uint64_t wanted) {
  try {
    return Unpacking(path, packing).Read(wanted);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("the text of {} does not fit into memory", path);
  } catch (const std::exception& failure) {
    return DataLoss("cannot unpack {}: {}", path, failure.what());
  }
}

}  // namespace

Packing PackingOf(std::string_view path) {
  for (const auto& [extension, packing] : kExtensions) {
    if (path.ends_with(extension)) return packing;
  }
  return Packing::kNone;
}

std::string_view WithoutPacking(std::string_view path) {
  path.remove_suffix(ExtensionOf(path).size());
  return path;
}

Result<std::string> ReadText(const std::string& path) {
  const Packing packing = PackingOf(path);
  if (packing == Packing::kNone) return ReadFile(path, kMaxTextBytes);
  return Unpack(path, packing, UINT64_MAX);
}

Result<std::string> ReadTextBeginning(const std::string& path, size_t bytes) {
  const Packing packing = PackingOf(path);
  if (packing != Packing::kNone) return Unpack(path, packing, bytes);
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound("cannot open {}", path);
  std::string text(bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace millrace::source::internal
