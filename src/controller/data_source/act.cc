#include <algorithm>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/data_source/merge.h"
#include "controller/data_source/observe.h"
#include "controller/key.h"
#include "controller/status_writer.h"
#include "source/push.h"
#include "source/source.h"

namespace millrace::controller::data_source {
namespace {

// Rows are not known before they are read: told from the bytes so far.
void ReportRead(TaskContext& task, const source::ReadProgress& progress) {
  int64_t total = 0;
  if (progress.bytes > 0 && progress.total_bytes > 0) {
    total =
        static_cast<int64_t>(static_cast<double>(progress.rows) * static_cast<double>(progress.total_bytes) /
                             static_cast<double>(progress.bytes));
  }
  task.Report("reading rows", progress.rows, total);
}

Result<Table> EmptyTable(const Schema& schema) {
  std::vector<Column> columns;
  for (const Field& field : schema.fields()) columns.push_back(Column::Nulls(field.type, 0));
  return Table::Create(schema, std::move(columns));
}

struct Rows {
  Table events;
  Table dead_letters;
  std::string input;
};

Result<Rows> ReadRows(const resource::DataSourceSpec& spec, const std::string& input, TaskContext& task) {
  if (!spec.files) {
    MR_ASSIGN_OR_RETURN(const Schema schema, source::DeclaredSchema(spec));
    MR_ASSIGN_OR_RETURN(Table empty, EmptyTable(schema));
    return Rows{.events = std::move(empty), .dead_letters = source::DeadLetterTable({}), .input = input};
  }
  source::SourceReadOptions options;
  options.progress = [&task](const source::ReadProgress& progress) { ReportRead(task, progress); };
  MR_ASSIGN_OR_RETURN(source::SourceRows read, source::ReadSource(spec, options));
  return Rows{.events = std::move(read.events),
              .dead_letters = std::move(read.dead_letters),
              .input = read.snapshot.digest};
}

Status CommitRows(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan,
                  Table events, EventsCommit commit) {
  MR_ASSIGN_OR_RETURN(const Pushed pushed, ReadPushed(context, key, plan));
  MR_ASSIGN_OR_RETURN(events, MergePushed(std::move(events), pushed.rows, plan));
  commit.through = pushed.through;
  if (events.num_rows() > 0) {
    const Column& times = events.column(plan.event_time);
    commit.oldest = EventTime{times.ints().front()};
    commit.newest = EventTime{times.ints().back()};
  }
  MR_ASSIGN_OR_RETURN(
      const DeltaTable table,
      DeltaTable::OpenOrCreate(context.layout.Events(key.project, key.name), events.schema()));
  return table.Overwrite(events, {.user_metadata = ToMetadata(commit), .expected_version = std::nullopt})
      .status();
}

Status ReadAndCommit(Context& context, const resource::ResourceKey& key, const resource::DataSourceSpec& spec,
                     const std::string& input, TaskContext& task) {
  MR_ASSIGN_OR_RETURN(Rows rows, ReadRows(spec, input, task));
  if (task.stopped()) return Cancelled("called off: the files have changed, or Millrace stops");
  const int64_t num_rows = static_cast<int64_t>(rows.events.num_rows());
  task.Report("writing the table of events", 0, num_rows);
  MR_ASSIGN_OR_RETURN(const feature::SourcePlan plan,
                      feature::PlanSource(key.name, spec, rows.events.schema()));
  // Dead letters first: once the events are there, so are these.
  MR_ASSIGN_OR_RETURN(
      const DeltaTable dead,
      DeltaTable::OpenOrCreate(context.layout.Dead(key.project, key.name), rows.dead_letters.schema()));
  MR_RETURN_IF_ERROR(dead.Overwrite(rows.dead_letters, {.user_metadata = rows.input}).status());
  const int64_t dead_letters = static_cast<int64_t>(rows.dead_letters.num_rows());
  MR_RETURN_IF_ERROR(CommitRows(context, key, plan, std::move(rows.events),
                                {.input = rows.input, .dead_letters = dead_letters}));
  const telemetry::Labels labels = {{"project", key.project}, {"source", key.name}};
  context.stores.metrics.GetCounter("millrace_source_rows_total", "Rows read from sources.", labels)
      .Add(static_cast<uint64_t>(num_rows + dead_letters));
  context.stores.metrics.GetCounter("millrace_dead_letters_total", "Rows that could not be used.", labels)
      .Add(static_cast<uint64_t>(dead_letters));
  LogInfo("source read", {{"resource", key.ToString()},
                          {"rows", std::to_string(num_rows)},
                          {"dead_letters", std::to_string(dead_letters)}});
  return Ok();
}

// Moves what was pushed and learned from the online log to the tables.
Status AppendPushed(Context& context, const resource::ResourceKey& key, const SourceState& state,
                    TaskContext& task) {
  task.Report("appending pushed events", 0, 0);
  MR_RETURN_IF_ERROR(TakeFromLog(context, key, state.plan, OnlineKey(key)));
  const DeltaTable table = *DeltaTable::Open(context.layout.Events(key.project, key.name));
  MR_ASSIGN_OR_RETURN(Table events, table.Read(state.snapshot));
  return CommitRows(context, key, state.plan, std::move(events), state.commit);
}

// The events before `as_of`; the table is in order of time.
Table Before(const Table& events, size_t time_column, EventTime as_of) {
  const std::span<const int64_t> times = events.column(time_column).ints();
  const auto end = std::lower_bound(times.begin(), times.end(), as_of.micros);
  std::vector<int64_t> rows(static_cast<size_t>(end - times.begin()));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  return events.Take(rows);
}

Status LoadOnline(Context& context, const resource::ResourceKey& key, const Observed& observed,
                  TaskContext& task) {
  const SourceState& state = *observed.state;
  MR_ASSIGN_OR_RETURN(const DeltaTable table, DeltaTable::Open(context.layout.Events(key.project, key.name)));
  task.Report("loading the online state", 0, state.snapshot.num_rows);
  MR_ASSIGN_OR_RETURN(Table events, table.Read(state.snapshot));
  if (context.as_of) events = Before(events, state.plan.event_time, *context.as_of);
  const int64_t total = static_cast<int64_t>(events.num_rows());
  std::atomic<int64_t> done{0};
  feature::LoadOptions options;
  options.marker = observed.online.wanted;
  options.through = context.as_of ? 0 : state.commit.through;
  options.progress = [&](int64_t rows) { task.Report("loading the online state", done += rows, total); };
  return context.stores.online.Load(OnlineKey(key), state.plan, observed.views, events, options);
}

Json StatusFields(const Observed& observed) {
  Json fields = Json::object();
  if (!observed.state) return fields;
  fields["rows"] = observed.state->snapshot.num_rows;
  fields["deadLetters"] = observed.state->commit.dead_letters;
  fields["snapshot"] = observed.state->snapshot.version;
  if (observed.state->commit.oldest) fields["oldestEvent"] = FormatTime(*observed.state->commit.oldest);
  if (observed.state->commit.newest) fields["newestEvent"] = FormatTime(*observed.state->commit.newest);
  Json columns = Json::array();
  for (const Field& field : observed.state->snapshot.schema.fields()) {
    columns.push_back({{"name", field.name}, {"type", DataTypeName(field.type)}});
  }
  fields["columns"] = std::move(columns);
  // Not for people: its change wakes whatever waits for the online state.
  fields["online"] = observed.online.held;
  return fields;
}

void StartWork(Context& context, const resource::ResourceKey& key, const Observed& observed, Work work) {
  if (work == Work::kNone) return;
  const std::string input = *observed.snapshot.input;
  if (work == Work::kRead) {
    context.tasks.Start(KeyOf(key), input, [&context, key, spec = *observed.spec, input](TaskContext& task) {
      return ReadAndCommit(context, key, spec, input, task);
    });
    return;
  }
  context.tasks.Start(KeyOf(key), input, [&context, key, state = *observed.state](TaskContext& task) {
    return AppendPushed(context, key, state, task);
  });
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  const Observed observed = Observe(context, resource);
  Decision decision = Decide(observed.snapshot);
  const OnlineDecision online = DecideOnline(observed.online);
  if (!online.failure.empty()) {
    decision.ready = NotReady("OnlineStateFailed", "The online state could not be loaded: " + online.failure);
  }
  if (decision.cancel) context.tasks.Cancel(KeyOf(key));
  StartWork(context, key, observed, decision.work);
  // Not while the table is about to change: what is loaded would be out of date at once.
  if (online.load && decision.work != Work::kRead) {
    context.tasks.Start(
        LoadTaskKey(key), observed.online.wanted,
        [&context, key, observed](TaskContext& task) { return LoadOnline(context, key, observed, task); });
  }
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, StatusFields(observed), decision.ready));
  if (online.look_again.count() > 0) return std::min(online.look_again, decision.look_again);
  return decision.look_again;
}

void Forget(Context& context, const resource::ResourceKey& key) {
  context.tasks.Cancel(KeyOf(key));
  context.tasks.Cancel(LoadTaskKey(key));
  const Status dropped = context.stores.online.Drop(OnlineKey(key));
  if (!dropped.ok() && dropped.code() != Code::kNotFound) {
    LogWarning("the online state of a deleted source stays",
               {{"resource", key.ToString()}, {"reason", dropped.message()}});
  }
}

}  // namespace millrace::controller::data_source
