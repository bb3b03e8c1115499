// fuzz: table
// A commit's file: refused, or an entry that is the same after being written and read again.
#include "table/internal/delta_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::internal;
  if (size > 1 << 16) return 0;
  const Result<DeltaLogEntry> entry = ParseLogEntry({reinterpret_cast<const char*>(data), size});
  if (!entry.ok()) return 0;
  const Result<DeltaLogEntry> again = ParseLogEntry(FormatLogEntry(*entry));
  MR_CHECK(again.ok(), "what was written cannot be read");
  MR_CHECK(again->removed.size() == entry->removed.size(), "paths changed");
  MR_CHECK(again->added.size() == entry->added.size(), "files were lost");
  for (size_t i = 0; i < again->added.size(); ++i) {
    MR_CHECK(again->added[i].path == entry->added[i].path, "a path changed");
  }
  return 0;
}
