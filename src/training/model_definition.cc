#include "training/model_definition.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "training/gate.h"
#include "training/metrics.h"
#include "training/parameters.h"

namespace millrace::training {
namespace {

using resource::FieldProblem;

void Append(std::vector<FieldProblem>& all, std::vector<FieldProblem> more) {
  for (FieldProblem& problem : more) all.push_back(std::move(problem));
}

std::vector<FieldProblem> CheckGates(const resource::ModelSpec& spec) {
  std::vector<std::string> known = StandardMetrics();
  for (const resource::MetricSpec& metric : spec.metrics) known.push_back(MetricName(metric));
  std::vector<FieldProblem> problems;
  for (size_t i = 0; i < spec.gates.size(); ++i) {
    const Result<Gate> gate = ParseGate(spec.gates[i], known);
    if (!gate.ok()) problems.push_back({fmt::format("[{}]", i), gate.status().message()});
  }
  return problems;
}

}  // namespace

std::vector<FieldProblem> CheckModelDefinition(const resource::ModelSpec& spec) {
  std::vector<FieldProblem> problems;
  Append(problems, resource::Below("spec.trainer.xgboost", CheckXgboostParameters(spec.parameters)));
  Append(problems, resource::Below("spec.metrics", CheckMetrics(spec.metrics)));
  Append(problems, resource::Below("spec.gates", CheckGates(spec)));
  return problems;
}

Json RunParameters(const Json& model, const Json& run) {
  Json merged = model.is_object() ? model : Json::object();
  if (run.is_object()) MergePatch(merged, run);
  return merged;
}

std::vector<FieldProblem> CheckRunParameters(const Json& model, const Json& run) {
  const std::vector<FieldProblem> models = CheckXgboostParameters(model);
  std::vector<FieldProblem> problems;
  for (FieldProblem& problem : CheckXgboostParameters(RunParameters(model, run))) {
    if (run.is_object() && run.contains(problem.field)) {
      problems.push_back(std::move(problem));
    } else if (std::none_of(models.begin(), models.end(),
                            [&](const FieldProblem& old) { return old.message == problem.message; })) {
      problems.push_back({"", fmt::format("the model's {} {}", problem.field, problem.message)});
    }
  }
  return resource::Below("spec.parameters", std::move(problems));
}

}  // namespace millrace::training
