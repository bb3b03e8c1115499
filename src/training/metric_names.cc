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

std::vector<resource::FieldProblem> Check(const resource::MetricSpec& spec) {
  if (!Contains(StandardMetrics(), spec.name) && !Contains(MetricsAtK(), spec.name)) {
    std::vector<std::string> known = StandardMetrics();
    known.insert(known.end(), MetricsAtK().begin(), MetricsAtK().end());
    const std::string near = Nearest(spec.name, known);
    return {{"name", fmt::format("there is no metric '{}'; {}", spec.name,
                                 near.empty() ? "the metrics are " + Join(known, ", ")
                                              : "did you mean '" + near + "'?")}};
  }
  std::vector<resource::FieldProblem> problems;
  const bool at_k = Contains(MetricsAtK(), spec.name);
  if (at_k && (!spec.k || *spec.k < 1)) {
    problems.push_back({"", fmt::format("{} needs k, such as k: 100", spec.name)});
  }
  if (!at_k && spec.k) problems.push_back({"k", fmt::format("{} takes no k; leave it out", spec.name)});
  if (!spec.per.empty() && spec.name != "precision_at") {
    problems.push_back({"per", fmt::format("{} is of rows; only precision_at takes per", spec.name)});
  }
  if (spec.every && spec.per.empty()) {
    problems.push_back({"every", "needs per beside it, the entity's column"});
  }
  if (spec.every && spec.every->count() <= 0) problems.push_back({"every", "must be longer than 0"});
  return problems;
}

}  // namespace

const std::vector<std::string>& StandardMetrics() {
  static const std::vector<std::string> names{"auc_roc", "average_precision", "log_loss", "brier"};
  return names;
}

std::string MetricName(const resource::MetricSpec& spec) {
  return spec.k ? fmt::format("{}_{}", spec.name, *spec.k) : spec.name;
}

std::vector<resource::FieldProblem> CheckMetrics(std::span<const resource::MetricSpec> specs) {
  std::vector<resource::FieldProblem> problems;
  std::set<std::string> names;
  for (size_t i = 0; i < specs.size(); ++i) {
    std::vector<resource::FieldProblem> own = Check(specs[i]);
    if (!names.insert(MetricName(specs[i])).second) {
      own.push_back({"", fmt::format("the metric '{}' is listed twice", MetricName(specs[i]))});
    }
    own = resource::Below(fmt::format("[{}]", i), std::move(own));
    problems.insert(problems.end(), own.begin(), own.end());
  }
  return problems;
}

Status ValidateMetrics(std::span<const resource::MetricSpec> specs) {
  return resource::ToStatus(resource::Below("metrics", CheckMetrics(specs)));
}

}  // namespace millrace::training
