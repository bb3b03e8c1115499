// What metrics are called, and which specs of metrics make sense.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "training/metrics.h"

namespace millrace::training {
namespace {

const std::vector<std::string>& MetricsAtK() {
  static const std::vector<std::string> names{"precision_at", "recall_at"};
  return names;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status Validate(const resource::MetricSpec& spec) {
  if (!Contains(StandardMetrics(), spec.name) && !Contains(MetricsAtK(), spec.name)) {
    std::vector<std::string> known = StandardMetrics();
    known.insert(known.end(), MetricsAtK().begin(), MetricsAtK().end());
    const std::string near = Nearest(spec.name, known);
    return InvalidArgument(
        "there is no metric '{}'; {}", spec.name,
        near.empty() ? "the metrics are " + Join(known, ", ") : "did you mean '" + near + "'?");
  }
  const bool at_k = Contains(MetricsAtK(), spec.name);
  if (at_k && (!spec.k || *spec.k < 1)) {
    return InvalidArgument("the metric '{}' needs k, a whole number of at least 1", spec.name);
  }
  if (!at_k && spec.k) return InvalidArgument("the metric '{}' has no k", spec.name);
  if (!spec.per.empty() && spec.name != "precision_at") {
    return InvalidArgument("the metric '{}' is not computed per entity; only precision_at is", spec.name);
  }
  if (spec.every && spec.per.empty()) {
    return InvalidArgument("the metric '{}' has `every` without `per`: name the entity's column", spec.name);
  }
  if (spec.every && spec.every->count() <= 0) {
    return InvalidArgument("`every` of the metric '{}' must be longer than 0", spec.name);
  }
  return Ok();
}

}  // namespace

const std::vector<std::string>& StandardMetrics() {
  static const std::vector<std::string> names{"auc_roc", "average_precision", "log_loss", "brier"};
  return names;
}

std::string MetricName(const resource::MetricSpec& spec) {
  return spec.k ? fmt::format("{}_{}", spec.name, *spec.k) : spec.name;
}

Status ValidateMetrics(std::span<const resource::MetricSpec> specs) {
  std::set<std::string> names;
  for (const resource::MetricSpec& spec : specs) {
    MR_RETURN_IF_ERROR(Validate(spec));
    if (!names.insert(MetricName(spec)).second) {
      return InvalidArgument("the metric '{}' is listed twice", MetricName(spec));
    }
  }
  return Ok();
}

}  // namespace millrace::training
