#include "controller/feature_view/refresh.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "controller/events_commit.h"
#include "controller/tail.h"
#include "feature/batch.h"

namespace millrace::controller::feature_view {
namespace {

// The first event that a window of a row at `time` can reach. What a ttl asks for is older
// than any window: it takes them all.
int64_t FirstReached(const feature::ViewPlan& plan, std::span<const int64_t> times, int64_t time) {
  if (plan.ttl) return 0;
  const int64_t reach = plan.Reach().count();
  const int64_t after = time < INT64_MIN + reach ? INT64_MIN : time - reach;
  return std::upper_bound(times.begin(), times.end(), after) - times.begin();
}

std::string InputPrefix(const feature::ViewPlan& plan, const DeltaSnapshot& events) {
  return fmt::format("{}@{}@", plan.digest, events.id);
}

}  // namespace

std::string InputOf(const feature::ViewPlan& plan, const DeltaSnapshot& events) {
  return InputPrefix(plan, events) + std::to_string(events.version);
}

std::optional<int64_t> MadeFrom(const feature::ViewPlan& plan, const DeltaSnapshot& events,
                                const std::string& input) {
  const std::string prefix = InputPrefix(plan, events);
  if (!input.starts_with(prefix) || input.size() == prefix.size() || input.size() > prefix.size() + 18)
    return std::nullopt;
  int64_t version = 0;
  for (const char c : std::string_view(input).substr(prefix.size())) {
    if (c < '0' || c > '9') return std::nullopt;
    version = version * 10 + (c - '0');
  }
  return version;
}

// The events' time, id and keys, then the features: one row an event.
Result<Table> Published(const feature::ViewPlan& plan, const Table& events, const Table& features) {
  std::vector<Field> fields;
  std::vector<Column> columns;
  std::vector<size_t> leading = {plan.source.event_time};
  if (plan.source.event_id) leading.push_back(*plan.source.event_id);
  leading.insert(leading.end(), plan.keys.begin(), plan.keys.end());
  for (const size_t index : leading) {
    const std::string& name = plan.source.schema[index].name;
    const Schema so_far(fields);
    // A feature of the same name is what the table is about.
    if (so_far.Find(name) || features.schema().Find(name)) continue;
    MR_ASSIGN_OR_RETURN(Column column, events.Find(name));
    fields.push_back(plan.source.schema[index]);
    columns.push_back(std::move(column));
  }
  for (size_t i = 0; i < features.num_columns(); ++i) {
    fields.push_back(features.schema()[i]);
    columns.push_back(features.column(i));
  }
  return Table::Create(Schema(std::move(fields)), std::move(columns));
}

Refresh PlanRefresh(const feature::ViewPlan& plan, std::span<const DeltaCommit> history, int64_t made_from,
                    int64_t now) {
  Refresh refresh{.whole = false};
  int64_t seen = 0;
  const auto from = [&](EventTime time) {
    refresh.from = refresh.from ? std::min(*refresh.from, time) : time;
  };
  for (const DeltaCommit& commit : history) {
    if (commit.version <= made_from || commit.version > now) continue;
    ++seen;
    const std::optional<EventsCommit> made = ParseEventsCommit(commit.user_metadata);
    if (!made || !made->change) return {};
    if (made->change->added_from) from(*made->change->added_from);
    for (const auto& [column, time] : made->change->columns_from) {
      if (plan.Reads(column)) from(time);
    }
  }
  if (made_from > now || seen != now - made_from) return {};
  return refresh;
}

Result<int64_t> RefreshFeatures(const feature::ViewPlan& plan, const FeatureTables& tables,
                                std::optional<EventTime> from, const std::string& metadata,
                                const std::function<void(int64_t)>& progress) {
  const DeltaWriteOptions options{.user_metadata = metadata, .rows_a_file = kRowsAFile};
  MR_ASSIGN_OR_RETURN(const Table time_column,
                      tables.source.Read(tables.events, {plan.source.event_time_name()}));
  const std::span<const int64_t> times = time_column.column(0).ints();
  const auto num_events = static_cast<int64_t>(times.size());
  const int64_t kept =
      from ? std::lower_bound(times.begin(), times.end(), from->micros) - times.begin() : num_events;
  if (tables.made.num_rows < kept || (!from && tables.made.num_rows != num_events)) {
    return FailedPrecondition("{} has {} rows, fewer than the {} events before what has changed",
                              tables.features.path(), tables.made.num_rows, kept);
  }
  Tail tail{tables.made.files.size(), tables.made.num_rows};
  if (from) tail = TailFrom(tables.made, kept);
  if (tail.first_row >= num_events) {
    MR_ASSIGN_OR_RETURN(const Table none, tables.features.Read([&] {
      DeltaSnapshot empty = tables.made;
      empty.files.clear();
      return empty;
    }()));
    return tables.features.ReplaceTail(tables.made, tail.files, none, options);
  }
  const int64_t reached =
      std::min(tail.first_row, FirstReached(plan, times, times[static_cast<size_t>(tail.first_row)]));
  MR_ASSIGN_OR_RETURN(const Table events, ReadFrom(tables.source, tables.events, reached));
  std::vector<int64_t> rows(static_cast<size_t>(num_events - tail.first_row));
  std::iota(rows.begin(), rows.end(), tail.first_row - reached);
  feature::BatchOptions batch;
  batch.progress = progress;
  MR_ASSIGN_OR_RETURN(const Table features,
                      feature::ComputeFeatures(plan, events, feature::Spine::OfEventRows(rows), batch));
  MR_ASSIGN_OR_RETURN(const Table published, Published(plan, events.Take(rows), features));
  return tables.features.ReplaceTail(tables.made, tail.files, published, options);
}

}  // namespace millrace::controller::feature_view
