#include "controller/data_source/merge.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "table/delta.h"

namespace millrace::controller::data_source {
namespace {

// The plan's columns of `rows`; null where there is none of that name and type.
Result<Table> Conform(const Table& rows, const Schema& schema) {
  std::vector<Column> columns;
  for (const Field& field : schema.fields()) {
    const std::optional<size_t> found = rows.schema().Find(field.name);
    const bool same = found && rows.schema()[*found].type == field.type;
    columns.push_back(same ? rows.column(*found) : Column::Nulls(field.type, rows.num_rows()));
  }
  return Table::Create(schema, std::move(columns));
}

// A key for a row's id; ids are int64 or string.
std::string IdOf(const Column& ids, size_t row) {
  return ids.type() == DataType::kInt64 ? std::to_string(ids.ints()[row]) : std::string(ids.String(row));
}

bool Precedes(const Table& table, const feature::SourcePlan& plan, int64_t a, int64_t b) {
  const auto i = static_cast<size_t>(a);
  const auto j = static_cast<size_t>(b);
  const std::span<const int64_t> times = table.column(plan.event_time).ints();
  if (times[i] != times[j]) return times[i] < times[j];
  if (!plan.event_id) return false;
  const Column& ids = table.column(*plan.event_id);
  if (ids.IsNull(i) || ids.IsNull(j)) return !ids.IsNull(i) && ids.IsNull(j);
  if (ids.type() == DataType::kInt64) return ids.ints()[i] < ids.ints()[j];
  return ids.String(i) < ids.String(j);
}

// Rows of `pushed` that are new events, and for each row of both tables together
// (files first) the pushed rows that may fill in its later columns.
struct Matches {
  std::vector<int64_t> added;
  std::unordered_map<int64_t, std::vector<size_t>> fills;
};

Matches Match(const Table& events, const Table& pushed, const feature::SourcePlan& plan) {
  Matches matches;
  const Column& times = pushed.column(plan.event_time);
  const int64_t base = static_cast<int64_t>(events.num_rows());
  if (!plan.event_id) {
    for (size_t i = 0; i < pushed.num_rows(); ++i) {
      if (!times.IsNull(i)) matches.added.push_back(base + static_cast<int64_t>(i));
    }
    return matches;
  }
  const Column& pushed_ids = pushed.column(*plan.event_id);
  const Column& ids = events.column(*plan.event_id);
  std::unordered_map<std::string, int64_t> place;  // of every pushed id; -1: not seen yet
  for (size_t i = 0; i < pushed.num_rows(); ++i) {
    if (!pushed_ids.IsNull(i)) place.emplace(IdOf(pushed_ids, i), -1);
  }
  for (size_t i = 0; i < events.num_rows(); ++i) {
    if (ids.IsNull(i)) continue;
    const auto found = place.find(IdOf(ids, i));
    if (found != place.end()) found->second = static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < pushed.num_rows(); ++i) {
    if (times.IsNull(i)) continue;
    int64_t* at = pushed_ids.IsNull(i) ? nullptr : &place[IdOf(pushed_ids, i)];
    if (at != nullptr && *at >= 0) continue;
    matches.added.push_back(base + static_cast<int64_t>(i));
    if (at != nullptr) *at = base + static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < pushed.num_rows(); ++i) {
    if (pushed_ids.IsNull(i)) continue;
    const int64_t at = place[IdOf(pushed_ids, i)];
    if (at >= 0) matches.fills[at].push_back(i);
  }
  return matches;
}

// The columns that are known later, filled in; the others as they are.
Result<Table> FillLater(const Table& both, const Table& pushed, const Matches& matches,
                        const feature::SourcePlan& plan) {
  std::vector<Column> columns;
  for (size_t c = 0; c < both.num_columns(); ++c) {
    if (!plan.known_after.contains(both.schema()[c].name) || matches.fills.empty()) {
      columns.push_back(both.column(c));
      continue;
    }
    ColumnBuilder builder(both.schema()[c].type);
    for (size_t row = 0; row < both.num_rows(); ++row) {
      Value value = both.column(c).Get(row);
      const auto fills = IsNull(value) ? matches.fills.find(static_cast<int64_t>(row)) : matches.fills.end();
      if (fills != matches.fills.end()) {
        for (const size_t i : fills->second) {
          if (!pushed.column(c).IsNull(i)) value = pushed.column(c).Get(i);
        }
      }
      MR_RETURN_IF_ERROR(builder.Append(value));
    }
    columns.push_back(std::move(builder).Finish());
  }
  return Table::Create(both.schema(), std::move(columns));
}

// Updates as rows without an event time.
Result<Table> UpdateRows(const std::vector<feature::LateColumns>& updates, const feature::SourcePlan& plan) {
  std::vector<ColumnBuilder> builders;
  for (const Field& field : plan.schema.fields()) builders.emplace_back(field.type);
  for (const feature::LateColumns& update : updates) {
    std::vector<Value> row(plan.schema.size(), Null{});
    if (plan.event_id) row[*plan.event_id] = update.event_id;
    for (const auto& [name, value] : update.columns) {
      const std::optional<size_t> column = plan.schema.Find(name);
      if (column) row[*column] = value;
    }
    for (size_t c = 0; c < row.size(); ++c) MR_RETURN_IF_ERROR(builders[c].Append(row[c]));
  }
  std::vector<Column> columns;
  for (ColumnBuilder& builder : builders) columns.push_back(std::move(builder).Finish());
  return Table::Create(plan.schema, std::move(columns));
}

uint64_t ThroughOf(const DeltaSnapshot& snapshot) {
  uint64_t through = 0;
  for (const char c : snapshot.user_metadata) {
    if (c < '0' || c > '9' || through > (uint64_t{1} << 59)) return 0;
    through = through * 10 + static_cast<uint64_t>(c - '0');
  }
  return through;
}

}  // namespace

Result<Table> MergePushed(Table events, const Table& pushed, const feature::SourcePlan& plan) {
  if (pushed.num_rows() == 0) return events;
  const Matches matches = Match(events, pushed, plan);
  if (matches.added.empty() && matches.fills.empty()) return events;
  const std::vector<Table> parts = {events, pushed};
  MR_ASSIGN_OR_RETURN(Table both, Table::Concatenate(parts));
  MR_ASSIGN_OR_RETURN(both, FillLater(both, pushed, matches, plan));
  std::vector<int64_t> order(events.num_rows());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::vector<int64_t> added = matches.added;
  const auto precedes = [&](int64_t a, int64_t b) { return Precedes(both, plan, a, b); };
  std::stable_sort(added.begin(), added.end(), precedes);
  const auto middle = static_cast<std::ptrdiff_t>(order.size());
  order.insert(order.end(), added.begin(), added.end());
  std::inplace_merge(order.begin(), order.begin() + middle, order.end(), precedes);
  return both.Take(order);
}

Result<Pushed> ReadPushed(Context& context, const resource::ResourceKey& key,
                          const feature::SourcePlan& plan) {
  Pushed pushed;
  const Result<DeltaTable> table = DeltaTable::Open(context.layout.Pushed(key.project, key.name));
  if (!table.ok()) {
    if (table.status().code() == Code::kNotFound) return pushed;
    return table.status();
  }
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table->Snapshot());
  MR_ASSIGN_OR_RETURN(const Table rows, table->Read(snapshot));
  MR_ASSIGN_OR_RETURN(pushed.rows, Conform(rows, plan.schema));
  pushed.through = ThroughOf(snapshot);
  return pushed;
}

Status TakeFromLog(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan,
                   const std::string& online_key) {
  MR_ASSIGN_OR_RETURN(const Pushed pushed, ReadPushed(context, key, plan));
  MR_ASSIGN_OR_RETURN(const feature::LogRange range,
                      context.stores.online.ReadLog(online_key, pushed.through));
  MR_ASSIGN_OR_RETURN(const Table updates, UpdateRows(range.updates, plan));
  MR_ASSIGN_OR_RETURN(const Table events, Conform(range.events, plan.schema));
  std::vector<Table> parts;
  if (pushed.rows.num_columns() > 0) parts.push_back(pushed.rows);
  parts.push_back(events);
  parts.push_back(updates);
  MR_ASSIGN_OR_RETURN(const Table all, Table::Concatenate(parts));
  MR_ASSIGN_OR_RETURN(const DeltaTable table,
                      DeltaTable::OpenOrCreate(context.layout.Pushed(key.project, key.name), plan.schema));
  return table.Overwrite(all, {.user_metadata = std::to_string(range.through)}).status();
}

}  // namespace millrace::controller::data_source
