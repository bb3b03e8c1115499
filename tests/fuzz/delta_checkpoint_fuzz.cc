// fuzz: table
// A checkpoint's file: refused, or a state that a commit could say.
#include <fstream>

#include "base/file.h"
#include "table/internal/delta_checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::internal;
  static const TempDirectory directory;
  static const bool made = MakeDirectories(LogDirectory(directory.path())).ok();
  if (!made || size > 1 << 14) return 0;
  std::ofstream(CheckpointPath(directory.path(), 7), std::ios::binary)
      << std::string(reinterpret_cast<const char*>(data), size);
  const Result<DeltaLogEntry> state = ReadCheckpoint(directory.path(), 7);
  if (!state.ok()) return 0;
  MR_CHECK(ParseLogEntry(FormatLogEntry(*state)).ok(), "a state that no commit could say");
  return 0;
}
