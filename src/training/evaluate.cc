#include "training/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "inference/tree_model.h"
#include "training/features.h"

namespace millrace::training {
namespace {

constexpr Micros kDay = std::chrono::hours(24);

Micros Every(const resource::MetricSpec& spec) { return spec.every.value_or(kDay); }

Result<std::vector<int64_t>> Times(const Table& table, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const Column column, table.Find(name));
  if (column.type() != DataType::kTimestamp) {
    return InvalidArgument("the event time '{}' is {}; it must be a timestamp", name,
                           DataTypeName(column.type()));
  }
  for (size_t row = 0; row < column.size(); ++row) {
    if (column.IsNull(row)) return InvalidArgument("the event time '{}' of row {} is null", name, row);
  }
  return std::vector<int64_t>(column.ints().begin(), column.ints().end());
}

// Numbers entities of the test and the history alike, in the order of their
// values, so that a tie between entities does not depend on the order of rows.
// Each null is an entity of its own: it matches nothing.
class EntityNumbers {
 public:
  static Result<EntityNumbers> Create(const Column& test, const std::optional<Column>& history) {
    if (history && history->type() != test.type()) {
      return InvalidArgument("an entity is {} in the test rows and {} in their history",
                             DataTypeName(test.type()), DataTypeName(history->type()));
    }
    EntityNumbers numbers;
    numbers.test_ = numbers.Number(test);
    if (history) numbers.history_ = numbers.Number(*history);
    return numbers;
  }

  std::vector<int64_t> TakeTest() && { return std::move(test_); }
  const std::vector<int64_t>& test() const { return test_; }
  const std::vector<int64_t>& history() const { return history_; }

 private:
  std::vector<int64_t> Number(const Column& column) {
    std::vector<int64_t> out(column.size());
    switch (column.type()) {
      case DataType::kInt64:
      case DataType::kTimestamp:
        std::copy(column.ints().begin(), column.ints().end(), out.begin());  // their own numbers serve
        break;
      case DataType::kBool:
        std::copy(column.bools().begin(), column.bools().end(), out.begin());
        break;
      default:
        NumberOthers(column, out);
        break;
    }
    for (size_t row = 0; row < column.size(); ++row) {
      if (column.IsNull(row)) out[row] = next_null_--;
    }
    return out;
  }

  // Text and doubles are numbered by a dictionary that test and history share; the
  // test comes first, and its values are numbered in sorted order.
  void NumberOthers(const Column& column, std::vector<int64_t>& out) {
    const auto text = [&](size_t row) {
      return column.type() == DataType::kString ? std::string(column.String(row))
                                                : fmt::format("{}", column.doubles()[row]);
    };
    std::vector<std::string> fresh;
    for (size_t row = 0; row < column.size(); ++row) {
      if (!column.IsNull(row) && !dictionary_.contains(text(row))) fresh.push_back(text(row));
    }
    std::sort(fresh.begin(), fresh.end());
    for (const std::string& value : fresh)
      dictionary_.try_emplace(value, static_cast<int64_t>(dictionary_.size()));
    for (size_t row = 0; row < column.size(); ++row) {
      if (!column.IsNull(row)) out[row] = dictionary_.at(text(row));
    }
  }

  std::unordered_map<std::string, int64_t> dictionary_;
  int64_t next_null_ = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> test_;
  std::vector<int64_t> history_;
};

// When each entity's first label of 1 became part of the past: the earliest event
// time, not before the training range, of a positive row.
Result<std::unordered_map<int64_t, int64_t>> FirstPositives(const TestRequest& request,
                                                            const std::vector<int64_t>& entities) {
  std::unordered_map<int64_t, int64_t> first;
  if (request.history.num_columns() == 0) return first;
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> times, Times(request.history, request.time));
  MR_ASSIGN_OR_RETURN(const Column label, request.history.Find(request.label));
  for (size_t row = 0; row < times.size(); ++row) {
    // A label that has not arrived says nothing.
    if (times[row] < request.train_start.micros || label.IsNull(row)) continue;
    MR_ASSIGN_OR_RETURN(const bool positive, IsPositive(label, row, request.label));
    if (!positive) continue;
    const auto [it, fresh] = first.try_emplace(entities[row], times[row]);
    if (!fresh) it->second = std::min(it->second, times[row]);
  }
  return first;
}

// Marks the rows whose entity was known, at the start of the row's period, by labels older than the gap.
Status MarkKnown(const TestRequest& request, const resource::MetricSpec& metric,
                 const std::vector<int64_t>& times, const EntityNumbers& entities,
                 std::vector<uint8_t>& known) {
  MR_ASSIGN_OR_RETURN(const auto first, FirstPositives(request, entities.history()));
  const int64_t every = Every(metric).count();
  for (size_t row = 0; row < times.size(); ++row) {
    const auto it = first.find(entities.test()[row]);
    if (it == first.end()) continue;
    const int64_t offset = times[row] - request.test_start.micros;
    const int64_t into = ((offset % every) + every) % every;
    const int64_t period_start = times[row] - into;
    if (it->second < period_start - request.gap.count()) known[row] = 1;
  }
  return Ok();
}

template <typename T>
std::vector<T> TakeRows(const std::vector<T>& values, const std::vector<int64_t>& rows) {
  std::vector<T> out;
  out.reserve(rows.size());
  for (const int64_t row : rows) out.push_back(values[static_cast<size_t>(row)]);
  return out;
}

Result<double> Compute(const resource::MetricSpec& spec, const TestRows& rows,
                       std::span<const double> scores) {
  if (spec.name == "auc_roc") return AucRoc(scores, rows.labels);
  if (spec.name == "average_precision") return AveragePrecision(scores, rows.labels);
  if (spec.name == "log_loss") return LogLoss(scores, rows.labels);
  if (spec.name == "brier") return Brier(scores, rows.labels);
  if (spec.name == "recall_at") return RecallAtK(scores, rows.labels, *spec.k);
  if (spec.per.empty()) return PrecisionAtK(scores, rows.labels, *spec.k);
  const auto entities = rows.entities.find(spec.per);
  if (entities == rows.entities.end()) {
    return InvalidArgument("the test rows were selected without the entity '{}'", spec.per);
  }
  MR_ASSIGN_OR_RETURN(const PrecisionByPeriod result,
                      PrecisionAtKPerEntity(scores, rows.labels, entities->second, rows.times, *spec.k,
                                            Every(spec), rows.start));
  return result.mean;
}

}  // namespace

Result<TestRows> SelectTestRows(const TestRequest& request) {
  MR_RETURN_IF_ERROR(ValidateMetrics(request.metrics));
  if (request.test.num_rows() == 0) return InvalidArgument("the test set has no rows");
  MR_ASSIGN_OR_RETURN(const Column label, request.test.Find(request.label));
  MR_ASSIGN_OR_RETURN(const std::vector<uint8_t> labels, BinaryLabels(label, request.label));
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> times, Times(request.test, request.time));
  std::vector<uint8_t> known(labels.size(), 0);
  std::map<std::string, std::vector<int64_t>> entities;
  for (const resource::MetricSpec& metric : request.metrics) {
    if (metric.per.empty()) continue;
    MR_ASSIGN_OR_RETURN(const Column test, request.test.Find(metric.per));
    std::optional<Column> history;
    if (request.history.num_columns() > 0) {
      MR_ASSIGN_OR_RETURN(history, request.history.Find(metric.per));
    }
    MR_ASSIGN_OR_RETURN(EntityNumbers numbers, EntityNumbers::Create(test, history));
    if (metric.exclude_known) MR_RETURN_IF_ERROR(MarkKnown(request, metric, times, numbers, known));
    entities[metric.per] = std::move(numbers).TakeTest();
  }
  TestRows rows;
  for (size_t row = 0; row < known.size(); ++row) {
    if (known[row] == 0) rows.kept.push_back(static_cast<int64_t>(row));
  }
  if (rows.kept.empty()) {
    return InvalidArgument(
        "all {} test rows belong to entities that were known before: nothing is left to judge", known.size());
  }
  rows.left_out = static_cast<int64_t>(known.size() - rows.kept.size());
  rows.table = rows.left_out == 0 ? request.test : request.test.Take(rows.kept);
  rows.labels = TakeRows(labels, rows.kept);
  rows.times = TakeRows(times, rows.kept);
  for (auto& [name, numbers] : entities) rows.entities[name] = TakeRows(numbers, rows.kept);
  rows.start = request.test_start;
  rows.positives = std::accumulate(rows.labels.begin(), rows.labels.end(), int64_t{0});
  return rows;
}

Result<Evaluation> EvaluateScores(const TestRows& rows, std::span<const double> scores,
                                  std::span<const resource::MetricSpec> metrics) {
  MR_RETURN_IF_ERROR(ValidateMetrics(metrics));
  Evaluation evaluation;
  evaluation.rows = static_cast<int64_t>(rows.labels.size());
  evaluation.positives = rows.positives;
  evaluation.left_out = rows.left_out;
  std::vector<resource::MetricSpec> all;
  for (const std::string& name : StandardMetrics()) {
    all.emplace_back();
    all.back().name = name;
  }
  all.insert(all.end(), metrics.begin(), metrics.end());
  for (const resource::MetricSpec& spec : all) {
    const std::string name = MetricName(spec);
    if (evaluation.metrics.contains(name)) continue;
    const Result<double> value = Compute(spec, rows, scores);
    if (!value.ok()) return value.status().WithContext(fmt::format("{} of the test rows", name));
    evaluation.metrics[name] = *value;
  }
  return evaluation;
}

namespace {

Result<std::vector<double>> Score(const inference::TreeModel& model, const std::string& model_path,
                                  std::span<const std::string> features, const Table& table) {
  if (model.num_features() != features.size() || model.num_outputs() != 1) {
    return InvalidArgument(
        "{} takes {} features and gives {} outputs; {} features and 1 output were expected", model_path,
        model.num_features(), model.num_outputs(), features.size());
  }
  MR_ASSIGN_OR_RETURN(const std::vector<float> rows, FeatureMatrix(table, features));
  std::vector<float> scores(table.num_rows());
  model.PredictMargins(rows, scores);
  model.Transform(scores);
  return std::vector<double>(scores.begin(), scores.end());
}

}  // namespace

Result<std::vector<double>> ScoreTable(const std::string& model_path, std::span<const std::string> features,
                                       const Table& table) {
  MR_ASSIGN_OR_RETURN(const inference::TreeModel model, inference::TreeModel::Load(model_path));
  return Score(model, model_path, features, table);
}

Result<std::vector<double>> ScorePackage(const registry::ModelPackage& package,
                                         std::span<const std::string> features, const Table& table) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, registry::ReadPackageFile(package, package.model_file));
  const Result<inference::TreeModel> model = inference::TreeModel::Parse(bytes);
  if (!model.ok()) return model.status().WithContext(package.model_path());
  return Score(*model, package.model_path(), features, table);
}

}  // namespace millrace::training
