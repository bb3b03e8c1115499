// fuzz: admission
// Jobs as CSV: any text is read or refused, and what was read can be simulated.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "admission/jobs_csv.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::admission;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto jobs = ReadJobs(text, {});
  if (!jobs.ok() || jobs->size() > 50) return 0;
  SimulationOptions options;
  options.pools = {
      {.name = "gpu", .shapes = {{.name = "node", .capacity = {{"gpu", 8}, {"cpu", 8000}}, .most = 3}}}};
  options.projects = {{.name = "p"}};
  for (SimulatedJob& job : *jobs) job.workload.project = "p";
  options.jobs = *std::move(jobs);
  const auto result = Simulate(options);
  if (result.ok() && result->ToString().empty()) __builtin_trap();
  return 0;
}
