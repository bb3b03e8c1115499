// fuzz: table
// Parquet files: refused, or a table. Small ones only: the library that decodes them is fuzzed by its own
// project.
#include <fstream>

#include "base/file.h"
#include "table/parquet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  static const TempDirectory directory;
  if (size > 1 << 14) return 0;
  const std::string path = directory.path() + "/fuzz.parquet";
  std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<const char*>(data), size);
  (void)ReadParquet(path, {.threads = 1, .max_rows = 10'000});
  return 0;
}
