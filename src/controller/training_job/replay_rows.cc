#include "controller/training_job/replay_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "controller/training_job/judge.h"
#include "inference/tree_model.h"

namespace millrace::controller::training_job {
namespace {

// The events with test_begin <= time < test_end; the table is in order of time.
Table InRange(const Table& events, size_t time_column, const feature::Split& split) {
  const std::span<const int64_t> times = events.column(time_column).ints();
  const auto begin = std::lower_bound(times.begin(), times.end(), split.test_begin.micros);
  const auto end = std::lower_bound(begin, times.end(), split.test_end.micros);
  std::vector<int64_t> rows;
  for (auto at = begin; at != end; ++at) rows.push_back(at - times.begin());
  return events.Take(rows);
}

struct Scores {
  std::vector<double> margins;
  std::vector<double> scores;
};

Result<Scores> Score(const std::string& model_path, const Table& vectors) {
  MR_ASSIGN_OR_RETURN(const inference::TreeModel model, inference::TreeModel::Load(model_path));
  if (model.num_features() != vectors.num_columns() || model.num_outputs() != 1) {
    return FailedPrecondition("the model has {} inputs and {} outputs; a replay needs {} and 1",
                              model.num_features(), model.num_outputs(), vectors.num_columns());
  }
  const size_t rows = vectors.num_rows();
  std::vector<float> matrix(rows * vectors.num_columns());
  for (size_t c = 0; c < vectors.num_columns(); ++c) {
    const Column& column = vectors.column(c);
    for (size_t r = 0; r < rows; ++r) {
      matrix[r * vectors.num_columns() + c] = column.IsNull(r) ? std::numeric_limits<float>::quiet_NaN()
                                                               : static_cast<float>(column.doubles()[r]);
    }
  }
  std::vector<float> out(rows);
  model.PredictMargins(matrix, out);
  Scores scores;
  scores.margins.assign(out.begin(), out.end());
  model.Transform(out);
  scores.scores.assign(out.begin(), out.end());
  return scores;
}

// Which of the events are rows that the metrics were computed on: by id, or, where
// events have none, by place when every event is an example.
Result<std::vector<uint8_t>> Counting(const ReplayRequest& request, const Table& events) {
  std::vector<uint8_t> counts(events.num_rows(), 0);
  const feature::SourcePlan& source = request.state.plan->source;
  if (!source.event_id) {
    if (request.set.test.num_rows() != events.num_rows()) {
      return FailedPrecondition("events without an id of which only some are examples cannot be replayed");
    }
    for (const int64_t row : request.rows.kept) counts[static_cast<size_t>(row)] = 1;
    return counts;
  }
  MR_ASSIGN_OR_RETURN(const Column kept, request.rows.table.Find(source.event_id_name()));
  const Column& ids = events.column(*source.event_id);
  std::set<std::string> counted;
  for (size_t i = 0; i < kept.size(); ++i) counted.insert(ToText(kept.Get(i)));
  for (size_t i = 0; i < ids.size(); ++i) counts[i] = counted.contains(ToText(ids.Get(i))) ? 1 : 0;
  return counts;
}

}  // namespace

Result<Table> ReplayRows(const ReplayRequest& request) {
  const feature::ServicePlan& plan = *request.state.plan;
  const auto own = std::find_if(request.events.begin(), request.events.end(),
                                [&](const auto& source) { return source.first == plan.source.name; });
  MR_CHECK(own != request.events.end(), "no events of {}", plan.source.name);
  const Table events = InRange(own->second, plan.source.event_time, request.split);
  MR_ASSIGN_OR_RETURN(const Table vectors, feature::ComputeVectors(plan, events, request.events));
  MR_ASSIGN_OR_RETURN(Scores scores, Score(request.model_path, vectors));
  MR_ASSIGN_OR_RETURN(std::vector<uint8_t> counts, Counting(request, events));
  std::vector<Field> fields;
  std::vector<Column> columns;
  const auto add = [&](std::string name, DataType type, Column column) {
    fields.push_back({std::move(name), type});
    columns.push_back(std::move(column));
  };
  for (const Field& field : plan.fields.fields()) {
    MR_ASSIGN_OR_RETURN(Column column, events.Find(field.name));
    add(field.name, field.type, std::move(column));
  }
  for (size_t i = 0; i < vectors.num_columns(); ++i) {
    add("vector." + vectors.schema()[i].name, DataType::kDouble, vectors.column(i));
  }
  add("margin", DataType::kDouble, Column::Doubles(std::move(scores.margins)));
  add("score", DataType::kDouble, Column::Doubles(std::move(scores.scores)));
  add("counts", DataType::kBool, Column::Bools(std::move(counts)));
  MR_ASSIGN_OR_RETURN(Column label, events.Find(request.state.spec.label));
  const DataType label_type = label.type();
  add("label", label_type, std::move(label));
  for (const std::string& name : EntityColumns(request.state.spec)) {
    if (plan.fields.Find(name)) continue;
    MR_ASSIGN_OR_RETURN(Column column, events.Find(name));
    const DataType type = column.type();
    add("entity." + name, type, std::move(column));
  }
  for (const auto& [name, delay] : plan.source.known_after) {
    MR_ASSIGN_OR_RETURN(Column column, events.Find(name));
    const DataType type = column.type();
    add("later." + name, type, std::move(column));
  }
  return Table::Create(Schema(std::move(fields)), std::move(columns));
}

}  // namespace millrace::controller::training_job
