#include "controller/training_job/judge.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "registry/package.h"

namespace millrace::controller::training_job {
namespace {

// The champion's vectors of the same test rows: the set's own when the champion
// has the same input, else computed by the champion's plan.
Result<std::vector<double>> ScoreChampion(const JudgeRequest& request, const registry::ModelPackage& package,
                                          const training::TestRows& rows) {
  MR_ASSIGN_OR_RETURN(const Json service, ParseJson(package.service_json));
  MR_ASSIGN_OR_RETURN(const feature::ServicePlanPtr plan, feature::ServicePlan::FromJson(service));
  if (plan->digest == request.state.plan->digest) {
    return training::ScorePackage(package, plan->InputNames(), rows.table);
  }
  feature::TrainingSetRequest same;
  same.plan = plan;
  same.events = request.events;
  same.split = request.split;
  same.label = request.state.spec.label;
  same.where = request.state.spec.where;
  MR_ASSIGN_OR_RETURN(const feature::TrainingSet set, feature::BuildTrainingSet(same));
  if (set.test.num_rows() != request.set.test.num_rows()) {
    return FailedPrecondition("the champion's test rows are {}, the new version's {}", set.test.num_rows(),
                              request.set.test.num_rows());
  }
  return training::ScorePackage(package, plan->InputNames(), set.test.Take(rows.kept));
}

// The champion's metrics on the same rows; empty when there is no champion. A
// champion that cannot be judged (its sources are gone) is an error: a gate that
// compares with it must not pass for want of a number.
Status JudgeChampion(Context& context, const JudgeRequest& request, Judgement& judgement) {
  const registry::ScopedName name{request.project, request.model};
  const Result<registry::ModelVersion> champion =
      context.stores.registry.ResolveAlias(name, request.state.spec.promotion.alias);
  if (!champion.ok()) return champion.status().code() == Code::kNotFound ? Ok() : champion.status();
  MR_ASSIGN_OR_RETURN(
      const registry::ModelPackage package,
      registry::OpenPackage(champion->source, champion->digest, context.stores.signing_key.public_key()));
  MR_ASSIGN_OR_RETURN(const std::vector<double> scores, ScoreChampion(request, package, judgement.rows));
  MR_ASSIGN_OR_RETURN(const training::Evaluation evaluation,
                      training::EvaluateScores(judgement.rows, scores, request.state.spec.metrics));
  judgement.champion = champion->version;
  judgement.champion_metrics = evaluation.metrics;
  return Ok();
}

Result<std::vector<training::Gate>> Gates(const resource::ModelSpec& spec) {
  std::vector<std::string> known = training::StandardMetrics();
  for (const resource::MetricSpec& metric : spec.metrics) known.push_back(training::MetricName(metric));
  std::vector<training::Gate> gates;
  for (const std::string& text : spec.gates) {
    MR_ASSIGN_OR_RETURN(training::Gate gate, training::ParseGate(text, known));
    gates.push_back(std::move(gate));
  }
  return gates;
}

bool NamesChampion(const std::vector<training::Gate>& gates) {
  const auto of = [](const std::vector<training::GateTerm>& terms) {
    return std::any_of(terms.begin(), terms.end(), [](const auto& term) { return term.champion; });
  };
  return std::any_of(gates.begin(), gates.end(),
                     [&](const auto& gate) { return of(gate.left) || of(gate.right); });
}

}  // namespace

std::vector<std::string> EntityColumns(const resource::ModelSpec& spec) {
  std::vector<std::string> columns;
  for (const resource::MetricSpec& metric : spec.metrics) {
    if (metric.per.empty()) continue;
    if (std::find(columns.begin(), columns.end(), metric.per) == columns.end()) columns.push_back(metric.per);
  }
  return columns;
}

Result<Judgement> Judge(Context& context, const JudgeRequest& request) {
  const resource::ModelSpec& spec = request.state.spec;
  training::TestRequest test;
  test.test = request.set.test;
  test.history = request.set.history;
  test.label = spec.label;
  test.time = request.state.plan->source.event_time_name();
  test.train_start = request.split.train_begin;
  test.test_start = request.split.test_begin;
  test.gap = spec.split.gap;
  test.metrics = spec.metrics;
  Judgement judgement;
  MR_ASSIGN_OR_RETURN(judgement.rows, training::SelectTestRows(test));
  MR_ASSIGN_OR_RETURN(const std::vector<double> scores,
                      training::ScoreTable(request.model_path, request.set.inputs, judgement.rows.table));
  MR_ASSIGN_OR_RETURN(judgement.evaluation, training::EvaluateScores(judgement.rows, scores, spec.metrics));
  MR_ASSIGN_OR_RETURN(const std::vector<training::Gate> gates, Gates(spec));
  const Status champion = JudgeChampion(context, request, judgement);
  if (!champion.ok()) {
    if (NamesChampion(gates)) return champion.WithContext("the champion cannot be judged on the same rows");
    LogWarning("the champion was not judged", {{"model", request.model}, {"reason", champion.message()}});
  }
  std::optional<training::MetricValues> compared;
  if (judgement.champion) compared = judgement.champion_metrics;
  judgement.gates = training::EvaluateGates(gates, judgement.evaluation.metrics, compared);
  return judgement;
}

}  // namespace millrace::controller::training_job
