#include "feature/training_set.h"

#include <algorithm>
#include <set>

#include "feature/internal/plan_text.h"

namespace millrace::feature {
namespace {

constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;

// An input as the model sees it: a double, null kept.
Column ToDoubles(const Column& column) {
  if (column.type() == DataType::kDouble) return column;
  std::vector<double> values(column.size());
  for (size_t row = 0; row < values.size(); ++row) {
    values[row] = column.type() == DataType::kBool ? (column.bools()[row] != 0 ? 1.0 : 0.0)
                                                   : static_cast<double>(column.ints()[row]);
  }
  return Column::Doubles(std::move(values),
                         std::vector<uint8_t>(column.valid().begin(), column.valid().end()));
}

Result<const Table*> EventsOf(const EventTables& events, const std::string& source) {
  for (const auto& [name, table] : events) {
    if (name == source) return &table;
  }
  return InvalidArgument("the events of the source {} are missing", source);
}

// Where the rows of `examples` stand: by number among their source's events, or by time and id.
struct Examples {
  Table rows;
  std::optional<std::vector<int64_t>> event_rows;
};

Result<Table> FeaturesOfView(const ServicePlan& plan, const ServiceView& view, const Examples& examples,
                             const EventTables& events, const BatchOptions& options) {
  const ViewPlan& of = *view.plan;
  MR_ASSIGN_OR_RETURN(const Table* const table, EventsOf(events, of.source.name));
  const bool own_source = of.source.name == plan.source.name;
  if (own_source && examples.event_rows) {
    return ComputeFeatures(of, *table, Spine::OfEventRows(*examples.event_rows), options);
  }
  std::vector<std::string> keys;
  for (const size_t field : view.keys) keys.push_back(plan.fields[field].name);
  const std::string id = own_source ? plan.source.event_id_name() : std::string();
  return ComputeFeatures(
      of, *table, Spine::OfRows(examples.rows, std::move(keys), plan.source.event_time_name(), id), options);
}

Result<Table> Vectors(const ServicePlan& plan, const Examples& examples, const EventTables& events,
                      const BatchOptions& options) {
  std::vector<Table> by_view;
  for (const ServiceView& view : plan.views) {
    MR_ASSIGN_OR_RETURN(Table features, FeaturesOfView(plan, view, examples, events, options));
    by_view.push_back(std::move(features));
  }
  std::vector<Field> fields;
  std::vector<Column> columns;
  for (const ServiceInput& input : plan.inputs) {
    fields.push_back({input.name, DataType::kDouble});
    if (input.kind == ServiceInput::Kind::kView) {
      columns.push_back(ToDoubles(by_view[input.index].column(input.output)));
    } else if (input.kind == ServiceInput::Kind::kExpression) {
      MR_ASSIGN_OR_RETURN(const Column values, plan.expressions[input.index].Evaluate(examples.rows));
      columns.push_back(ToDoubles(values));
    } else {
      MR_ASSIGN_OR_RETURN(const Column values, examples.rows.Find(plan.fields[input.index].name));
      if (values.type() != plan.fields[input.index].type) {
        return InvalidArgument("examples: {} is {}, and the plan has it as {}", plan.fields[input.index].name,
                               DataTypeName(values.type()), DataTypeName(plan.fields[input.index].type));
      }
      columns.push_back(ToDoubles(values));
    }
  }
  return Table::Create(Schema(std::move(fields)), std::move(columns));
}

// Rows in [begin, end) where the condition holds.
Result<std::vector<int64_t>> ExampleRows(const TrainingSetRequest& request, const Table& events) {
  MR_ASSIGN_OR_RETURN(const Column times, events.Find(request.plan->source.event_time_name()));
  std::optional<Column> passes;
  if (!request.where.empty()) {
    MR_ASSIGN_OR_RETURN(const Expression where, CompileExamplesWhere(request.where, events.schema()));
    MR_ASSIGN_OR_RETURN(passes, where.Evaluate(events));
  }
  std::vector<int64_t> rows;
  for (size_t row = 0; row < events.num_rows(); ++row) {
    const int64_t time = times.ints()[row];
    if (times.IsNull(row) || time < request.split.train_begin.micros || time >= request.split.test_end.micros)
      continue;
    if (passes && (passes->IsNull(row) || passes->bools()[row] == 0)) continue;
    rows.push_back(static_cast<int64_t>(row));
  }
  return rows;
}

// Label, event time, id and entities, each once and unless an input has its name.
std::vector<std::string> FurtherColumns(const TrainingSetRequest& request) {
  std::vector<std::string> names = {request.label, request.plan->source.event_time_name()};
  if (request.plan->source.event_id) names.push_back(request.plan->source.event_id_name());
  names.insert(names.end(), request.entities.begin(), request.entities.end());
  const std::vector<std::string> inputs = request.plan->InputNames();
  std::set<std::string> taken(inputs.begin(), inputs.end());
  std::vector<std::string> kept;
  for (const std::string& name : names) {
    if (taken.insert(name).second) kept.push_back(name);
  }
  return kept;
}

Result<Table> Beside(const Table& left, const Table& right) {
  std::vector<Field> fields = left.schema().fields();
  std::vector<Column> columns;
  for (size_t i = 0; i < left.num_columns(); ++i) columns.push_back(left.column(i));
  for (size_t i = 0; i < right.num_columns(); ++i) {
    fields.push_back(right.schema()[i]);
    columns.push_back(right.column(i));
  }
  return Table::Create(Schema(std::move(fields)), std::move(columns));
}

std::vector<std::string> HistoryColumns(const TrainingSetRequest& request) {
  std::vector<std::string> names = {request.label, request.plan->source.event_time_name()};
  for (const std::string& entity : request.entities) {
    if (std::find(names.begin(), names.end(), entity) == names.end()) names.push_back(entity);
  }
  return names;
}

}  // namespace

Result<Table> ComputeVectors(const ServicePlan& plan, const Table& examples, const EventTables& events,
                             const BatchOptions& options) {
  return Vectors(plan, {examples, std::nullopt}, events, options);
}

Result<Expression> CompileExamplesWhere(const std::string& where, const Schema& schema) {
  Result<Expression> compiled = Expression::Compile(where, schema);
  if (!compiled.ok()) return compiled.status().WithContext("spec.where");
  if (compiled->type() != DataType::kBool) {
    return InvalidArgument("spec.where: a condition is bool, and this is {}", DataTypeName(compiled->type()));
  }
  return compiled;
}

Result<Split> ResolveSplit(const resource::SplitSpec& spec, EventTime newest) {
  for (const auto& [name, length] :
       {std::pair<const char*, Micros>{"train", spec.train}, {"test", spec.test}}) {
    if (length <= Micros(0) || length > kLongestTime) {
      return InvalidArgument("spec.split.{}: must be longer than 0, such as 7d, and at most 36500d", name);
    }
  }
  if (spec.gap < Micros(0) || spec.gap > kLongestTime) {
    return InvalidArgument("spec.split.gap: must lie between 0 and 36500d");
  }
  const auto from = [&](EventTime start) {
    Split split;
    split.train_begin = start;
    split.train_end = start + spec.train;
    split.test_begin = split.train_end + spec.gap;
    split.test_end = split.test_begin + spec.test;
    return split;
  };
  if (spec.start) return from(*spec.start);
  const int64_t after = newest.micros + 1;
  int64_t day = after / kDayMicros;
  if (after % kDayMicros < 0) --day;
  return from(EventTime{day * kDayMicros} - (spec.train + spec.gap + spec.test));
}

Result<TrainingSet> BuildTrainingSet(const TrainingSetRequest& request) {
  const ServicePlan& plan = *request.plan;
  const Split& split = request.split;
  MR_RETURN_IF_ERROR(CheckLabel(plan, request.label, split.test_begin - split.train_end));
  MR_ASSIGN_OR_RETURN(const Table* const events, EventsOf(request.events, plan.source.name));
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> history_rows, ExampleRows(request, *events));
  MR_ASSIGN_OR_RETURN(const Column labels, events->Find(request.label));
  MR_ASSIGN_OR_RETURN(const Column times, events->Find(plan.source.event_time_name()));

  TrainingSet set;
  set.inputs = plan.InputNames();
  std::vector<int64_t> rows;  // of train and test
  std::vector<int64_t> train;
  std::vector<int64_t> test;  // of `rows`
  for (const int64_t row : history_rows) {
    const EventTime time{times.ints()[static_cast<size_t>(row)]};
    const bool in_train = time < split.train_end;
    if (!in_train && time < split.test_begin) continue;
    if (labels.IsNull(static_cast<size_t>(row))) {
      ++set.unlabelled;
      continue;
    }
    (in_train ? train : test).push_back(static_cast<int64_t>(rows.size()));
    rows.push_back(row);
  }
  for (const auto& [part, begin, end] : {std::tuple{&train, split.train_begin, split.train_end},
                                         std::tuple{&test, split.test_begin, split.test_end}}) {
    if (!part->empty()) continue;
    return InvalidArgument("spec.split: {} has no labelled example from {} to {}", plan.source.name,
                           FormatTime(begin), FormatTime(end));
  }
  const Table examples = events->Take(rows);
  MR_ASSIGN_OR_RETURN(const Table vectors, Vectors(plan, {examples, rows}, request.events, request.batch));
  MR_ASSIGN_OR_RETURN(const Table further, examples.Select(FurtherColumns(request)));
  MR_ASSIGN_OR_RETURN(const Table all, Beside(vectors, further));
  set.train = all.Take(train);
  set.test = all.Take(test);
  MR_ASSIGN_OR_RETURN(set.history, events->Take(history_rows).Select(HistoryColumns(request)));
  return set;
}

}  // namespace millrace::feature
