#include <algorithm>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/data_source/append.h"
#include "controller/data_source/dead_letters.h"
#include "controller/data_source/merge.h"
#include "controller/data_source/observe.h"
#include "controller/data_source/pushed.h"
#include "controller/key.h"
#include "controller/maintain.h"
#include "controller/status_writer.h"
#include "controller/tail.h"
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
  options.stop = task.stop_token();
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
  commit.pushed_rows = pushed.num_rows;
  commit.change.reset();
  if (events.num_rows() > 0) {
    const Column& times = events.column(plan.event_time);
    commit.oldest = EventTime{times.ints().front()};
    commit.newest = EventTime{times.ints().back()};
  }
  MR_ASSIGN_OR_RETURN(
      const DeltaTable table,
      DeltaTable::OpenOrCreate(context.layout.Events(key.project, key.name), events.schema()));
  return table.Overwrite(events, {.user_metadata = ToMetadata(commit), .rows_a_file = kRowsAFile}).status();
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
  MR_RETURN_IF_ERROR(KeepFileLetters(context, key, rows.dead_letters, rows.input));
  // The table gets a new version, so the next append is put off: what waits in the log goes along.
  if (!context.as_of) MR_RETURN_IF_ERROR(TakeFromLog(context, key, plan));
  MR_ASSIGN_OR_RETURN(const int64_t all_letters, CountLetters(context, key));
  const int64_t dead_letters = static_cast<int64_t>(rows.dead_letters.num_rows());
  MR_RETURN_IF_ERROR(CommitRows(context, key, plan, std::move(rows.events),
                                {.input = rows.input, .dead_letters = all_letters}));
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

// Moves what was pushed and learned from the online log to the tables. `input`: as for a read.
Status AppendFromLog(Context& context, const resource::ResourceKey& key, const SourceState& state,
                     const std::string& input, TaskContext& task) {
  const feature::SourcePlan& plan = state.plan;
  task.Report("appending pushed events", 0, 0);
  MR_RETURN_IF_ERROR(TakeFromLog(context, key, plan));
  MR_ASSIGN_OR_RETURN(const DeltaTable table, DeltaTable::Open(context.layout.Events(key.project, key.name)));
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table.Snapshot());
  std::optional<EventsCommit> commit = ParseEventsCommit(snapshot.user_metadata);
  if (!commit)
    return DataLoss("{}: version {} says not what it was made from", table.path(), snapshot.version);
  MR_ASSIGN_OR_RETURN(commit->dead_letters, CountLetters(context, key));
  MR_ASSIGN_OR_RETURN(const Pushed pushed,
                      ReadPushed(context, key, plan, std::max<int64_t>(0, commit->pushed_rows)));
  if (commit->pushed_rows < 0 || pushed.num_rows < commit->pushed_rows || !(snapshot.schema == plan.schema)) {
    // Which pushed rows the table holds is told by their ids alone: without, all of it is made anew.
    if (!plan.event_id) return ReadAndCommit(context, key, state.spec, input, task);
    MR_ASSIGN_OR_RETURN(Table events, table.Read(snapshot));
    return CommitRows(context, key, plan, std::move(events), *commit);
  }
  const auto began = std::chrono::steady_clock::now();
  commit->through = pushed.through;
  commit->pushed_rows = pushed.num_rows;
  MR_RETURN_IF_ERROR(AppendPushed(table, snapshot, pushed.rows, plan, *commit).status());
  const auto took = std::chrono::steady_clock::now() - began;
  LogInfo("pushed events appended",
          {{"resource", key.ToString()},
           {"rows", std::to_string(pushed.rows.num_rows())},
           {"ms", std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count())}});
  return Ok();
}

Status Maintain(Context& context, const resource::ResourceKey& key) {
  MaintainTables({context.layout.Events(key.project, key.name), context.layout.Pushed(key.project, key.name),
                  context.layout.Dead(key.project, key.name)});
  return Ok();
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
  if (!context.as_of) {
    options.through = state.commit.through;
    MR_ASSIGN_OR_RETURN(options.reached, TakenThrough(context, key));
  }
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
  if (work == Work::kRead) {
    const std::string input = *observed.snapshot.input;
    context.tasks.Start(KeyOf(key), input, [&context, key, spec = *observed.spec, input](TaskContext& task) {
      MR_RETURN_IF_ERROR(ReadAndCommit(context, key, spec, input, task));
      return Maintain(context, key);
    });
    return;
  }
  // Files that cannot be read keep nothing out: the table stays the one of those that were.
  const std::string input =
      observed.snapshot.input.ok() ? *observed.snapshot.input : observed.state->commit.input;
  context.tasks.Start(AppendTaskKey(key), "pushed events",
                      [&context, key, state = *observed.state, input](TaskContext& task) {
                        MR_RETURN_IF_ERROR(AppendFromLog(context, key, state, input, task));
                        return Maintain(context, key);
                      });
}

// What the offline tables hold may leave the log. A replay has no such tables: all may.
void Confirm(Context& context, const resource::ResourceKey& key, const Observed& observed) {
  if (!observed.state || observed.online.held.empty()) return;
  const uint64_t through = context.as_of ? observed.log_position : observed.state->commit.through;
  const Status confirmed = context.stores.online.Confirm(OnlineKey(key), through);
  if (!confirmed.ok())
    LogDebug("not confirmed", {{"resource", key.ToString()}, {"reason", confirmed.message()}});
  context.stores.metrics
      .GetGauge("millrace_unconfirmed_log_bytes",
                "Bytes of the online log with events that the offline tables do not hold yet.",
                {{"project", key.project}, {"source", key.name}})
      .Set(static_cast<double>(observed.snapshot.unconfirmed_bytes));
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  const Observed observed = Observe(context, resource);
  Decision decision = Decide(observed.snapshot);
  const OnlineDecision online = DecideOnline(observed.online);
  Confirm(context, key, observed);
  if (!online.failure.empty()) {
    decision.ready = NotReady("OnlineStateFailed", "The online state could not be loaded: " + online.failure);
  }
  if (decision.cancel) context.tasks.Cancel(KeyOf(key));
  StartWork(context, key, observed, decision.work);
  // Not while the table is about to change: what is loaded would be out of date at once.
  if (online.load && decision.work == Work::kNone) {
    context.tasks.Start(
        LoadTaskKey(key), observed.online.wanted,
        [&context, key, observed](TaskContext& task) { return LoadOnline(context, key, observed, task); });
  }
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, StatusFields(observed), decision.ready));
  if (online.look_again.count() > 0) return std::min(online.look_again, decision.look_again);
  return decision.look_again;
}

void Forget(Context& context, const resource::ResourceKey& key) {
  for (const std::string& task : {KeyOf(key), AppendTaskKey(key), LoadTaskKey(key)})
    context.tasks.Forget(task);
  const Status dropped = context.stores.online.Drop(OnlineKey(key));
  if (!dropped.ok() && dropped.code() != Code::kNotFound) {
    LogWarning("the online state of a deleted source stays",
               {{"resource", key.ToString()}, {"reason", dropped.message()}});
  }
}

}  // namespace millrace::controller::data_source
