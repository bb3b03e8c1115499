// fuzz: training
// Gates as YAML has them, then judged: no text may crash, and what parses has a verdict.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "training/gate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::training;
  static const std::vector<std::string> known{"auc_roc", "average_precision", "log_loss", "precision_at_100"};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto gate = ParseGate(text, known);
  if (!gate.ok()) return 0;
  const MetricValues metrics{{"auc_roc", 0.9}, {"average_precision", 0.6}, {"log_loss", 0.1}};
  for (const std::optional<MetricValues>& champion :
       {std::optional<MetricValues>(), std::optional(metrics)}) {
    if (EvaluateGate(*gate, metrics, champion).sentence.empty()) __builtin_trap();
  }
  return 0;
}
