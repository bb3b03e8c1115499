// The text of a file that may be compressed, told by its extension: .gz (gzip) or
// .zst (zstd), of one or several members. Private to src/source; thread safe.
//
// Unpacked piece by piece, so what is held is the text and 512 KiB. A small file
// that would fill the memory is refused: text is at most kMaxTextBytes, and beyond
// 64 MiB at most a thousand times its compressed size. One that is cut short or
// damaged is DataLoss, never a part of its rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::source::internal {

inline constexpr uint64_t kMaxTextBytes = uint64_t{8} << 30;
inline constexpr uint64_t kAlwaysUnpacked = uint64_t{64} << 20;
inline constexpr uint64_t kMaxRatio = 1000;

enum class Packing { kNone, kGzip, kZstd };

Packing PackingOf(std::string_view path);
// The path without the extension that says how it is compressed.
std::string_view WithoutPacking(std::string_view path);

Result<std::string> ReadText(const std::string& path);
// The first `bytes` of the text, or all when there are fewer.
Result<std::string> ReadTextBeginning(const std::string& path, size_t bytes);

}  // namespace millrace::source::internal
