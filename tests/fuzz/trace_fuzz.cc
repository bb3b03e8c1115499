// fuzz: autoscale
// A trace of traffic: any bytes become rows or a sentence, and what is accepted can be simulated.
#include <string_view>

#include "autoscale/simulation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::autoscale;
  const auto trace = ParseTrace(std::string_view(reinterpret_cast<const char*>(data), size), "trace");
  if (!trace.ok()) return 0;
  if (trace->Requests() > 10'000 || trace->duration > std::chrono::hours(1)) return 0;
  const auto fixed = MakeFixedAutoscaler(2);
  (void)Simulate(*trace, *fixed, {});
  return 0;
}
