// fuzz: registry
// A filter of runs, from outside: any text is parsed or refused, and what was parsed can be asked.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "registry/run_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using millrace::registry::RunFilter;
  const auto filter = RunFilter::Parse({reinterpret_cast<const char*>(data), size});
  if (!filter.ok()) return 0;
  millrace::registry::Run run;
  run.name = "fraud%_7";
  run.params = {{"a", "5"}};
  run.metrics["a"] = {.key = "a", .value = 0.5};
  (void)filter->Matches(run);
  return 0;
}
