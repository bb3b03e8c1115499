// fuzz: source
// Compressed text: refused, or a text of bounded length, of which the beginning is the same.
#include <fstream>

#include "base/file.h"
#include "source/internal/unpack.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::source::internal;
  static const TempDirectory directory;
  if (size == 0 || size > 1 << 14) return 0;
  const std::string path = directory.path() + ((data[0] & 1) != 0 ? "/fuzz.gz" : "/fuzz.zst");
  std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Result<std::string> text = ReadText(path);
  if (!text.ok()) return 0;
  const Result<std::string> beginning = ReadTextBeginning(path, 100);
  MR_CHECK(beginning.ok() && *beginning == text->substr(0, 100), "the beginning is another");
  return 0;
}
