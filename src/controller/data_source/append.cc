#include "controller/data_source/append.h"

#include <algorithm>
#include <string>
#include <vector>

#include "controller/data_source/merge.h"
#include "controller/tail.h"

namespace millrace::controller::data_source {
namespace {

// Time and id of every event, and the plan over them.
struct Positions {
  Table rows;
  feature::SourcePlan plan;
};

Result<Positions> ReadPositions(const DeltaTable& table, const DeltaSnapshot& snapshot,
                                const feature::SourcePlan& plan) {
  std::vector<std::string> names = {plan.event_time_name()};
  Positions positions;
  positions.plan.event_time = 0;
  if (plan.event_id) {
    names.push_back(plan.event_id_name());
    positions.plan.event_id = 1;
  }
  MR_ASSIGN_OR_RETURN(positions.rows, table.Read(snapshot, names));
  positions.plan.schema = positions.rows.schema();
  return positions;
}

// Where a row would be put: behind all that stand before it and those at its very position.
int64_t PlaceOf(const Positions& positions, const Table& rows, size_t row) {
  int64_t low = 0;
  int64_t high = static_cast<int64_t>(positions.rows.num_rows());
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (Precedes(rows, row, positions.rows, static_cast<size_t>(middle), positions.plan)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void Earlier(std::optional<EventTime>& time, EventTime other) {
  if (!time || other < *time) time = other;
}

// What the fold changes of the events, and the first row of them that is not as it was.
int64_t Describe(const Positions& positions, const Table& keys, const Table& pushed, const Fold& fold,
                 const feature::SourcePlan& plan, EventsChange& change) {
  const int64_t num_events = static_cast<int64_t>(positions.rows.num_rows());
  int64_t first = num_events;
  for (const int64_t row : fold.added) {
    first = std::min(first, PlaceOf(positions, keys, static_cast<size_t>(row)));
    Earlier(change.added_from, EventTime{pushed.column(plan.event_time).ints()[static_cast<size_t>(row)]});
  }
  for (const auto& [event, rows] : fold.fills) {
    if (event >= num_events) continue;
    const EventTime time{positions.rows.column(0).ints()[static_cast<size_t>(event)]};
    for (const auto& [name, after] : plan.known_after) {
      const Column& values = pushed.column(*plan.schema.Find(name));
      const bool says = std::any_of(rows.begin(), rows.end(),
                                    [&](int64_t row) { return !values.IsNull(static_cast<size_t>(row)); });
      if (!says) continue;
      first = std::min(first, event);
      const auto [found, inserted] = change.columns_from.try_emplace(name, time);
      if (!inserted) found->second = std::min(found->second, time);
    }
  }
  return first;
}

}  // namespace

Result<int64_t> AppendPushed(const DeltaTable& table, const DeltaSnapshot& snapshot, const Table& pushed,
                             const feature::SourcePlan& plan, EventsCommit commit) {
  MR_ASSIGN_OR_RETURN(const Positions positions, ReadPositions(table, snapshot, plan));
  MR_ASSIGN_OR_RETURN(const Table keys, pushed.Select(positions.plan.schema.Names()));
  MR_ASSIGN_OR_RETURN(const Fold fold, FoldPushed(positions.rows, pushed, plan));
  commit.change = EventsChange{};
  const int64_t first = Describe(positions, keys, pushed, fold, plan, *commit.change);
  const std::span<const int64_t> times = pushed.column(plan.event_time).ints();
  for (const int64_t row : fold.added) {
    const EventTime time{times[static_cast<size_t>(row)]};
    Earlier(commit.oldest, time);
    commit.newest = commit.newest ? std::max(*commit.newest, time) : time;
  }
  DeltaWriteOptions options{.user_metadata = ToMetadata(commit), .rows_a_file = kRowsAFile};
  const int64_t num_events = static_cast<int64_t>(positions.rows.num_rows());
  if (fold.added.empty() && first == num_events) {
    MR_ASSIGN_OR_RETURN(const Table none, pushed.Take({}).Select(snapshot.schema.Names()));
    return table.ReplaceTail(snapshot, snapshot.files.size(), none, options);
  }
  const Tail tail = TailFrom(snapshot, first);
  MR_ASSIGN_OR_RETURN(const Table rows, ReadFrom(table, snapshot, tail.first_row));
  MR_ASSIGN_OR_RETURN(const Table changed, ApplyFold(rows, tail.first_row, num_events, pushed, fold, plan));
  return table.ReplaceTail(snapshot, tail.files, changed, options);
}

}  // namespace millrace::controller::data_source
