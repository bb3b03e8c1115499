// fuzz: training
// The files that pass between a training child and its parent, and a model's parameters.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "training/job.h"
#include "training/parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::training;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto job = ParseJob(text); job.ok() && !ParseJob(JobToJson(*job)).ok()) __builtin_trap();
  if (const auto line = ParseProgress(text); line.ok() && !ParseProgress(ProgressToJson(*line)).ok())
    __builtin_trap();
  (void)ParseResult(text, "/run").ok();
  if (const auto json = ParseJson(text); json.ok()) (void)ParseXgboostParameters(*json, 0, 1).ok();
  return 0;
}
