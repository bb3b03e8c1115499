#include "controller/data_source/pushed.h"

#include <algorithm>

#include "controller/data_source/dead_letters.h"
#include "controller/data_source/observe.h"
#include "controller/tail.h"
#include "table/delta.h"

namespace millrace::controller::data_source {
namespace {

// The schema's columns of `rows`; null where there is none of that name and type.
Result<Table> Conform(const Table& rows, const Schema& schema) {
  std::vector<Column> columns;
  for (const Field& field : schema.fields()) {
    const std::optional<size_t> found = rows.schema().Find(field.name);
    const bool same = found && rows.schema()[*found].type == field.type;
    columns.push_back(same ? rows.column(*found) : Column::Nulls(field.type, rows.num_rows()));
  }
  return Table::Create(schema, std::move(columns));
}

// Updates as rows without an event time.
Result<Table> UpdateRows(const std::vector<feature::LateColumns>& updates, const Schema& schema,
                         const std::string& event_id) {
  std::vector<ColumnBuilder> builders;
  for (const Field& field : schema.fields()) builders.emplace_back(field.type);
  const std::optional<size_t> id = schema.Find(event_id);
  for (const feature::LateColumns& update : updates) {
    std::vector<Value> row(schema.size(), Null{});
    if (id) row[*id] = update.event_id;
    for (const auto& [name, value] : update.columns) {
      const std::optional<size_t> column = schema.Find(name);
      if (column) row[*column] = value;
    }
    for (size_t c = 0; c < row.size(); ++c) MR_RETURN_IF_ERROR(builders[c].Append(row[c]));
  }
  std::vector<Column> columns;
  for (ColumnBuilder& builder : builders) columns.push_back(std::move(builder).Finish());
  return Table::Create(schema, std::move(columns));
}

// Events and updates as they alternate in the log, with its columns.
Result<Table> RowsOf(const feature::LogRange& range, const std::string& event_id) {
  MR_ASSIGN_OR_RETURN(const Table updates, UpdateRows(range.updates, range.events.schema(), event_id));
  const std::vector<Table> parts = {range.events, updates};
  MR_ASSIGN_OR_RETURN(const Table both, Table::Concatenate(parts));
  int64_t event = 0;
  int64_t update = static_cast<int64_t>(range.events.num_rows());
  std::vector<int64_t> order;
  for (const bool is_event : range.is_event) order.push_back(is_event ? event++ : update++);
  return both.Take(order);
}

// The table's columns, and behind them those that the source has by now. One that the source has no
// longer stays: files of a moment must not take what was pushed for good.
Schema Widened(const Schema& held, const Schema& wanted) {
  std::vector<Field> fields;
  for (const Field& field : held.fields()) {
    const std::optional<size_t> now = wanted.Find(field.name);
    fields.push_back(now ? wanted[*now] : field);
  }
  for (const Field& field : wanted.fields())
    if (!held.Find(field.name)) fields.push_back(field);
  return Schema(std::move(fields));
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

Result<Pushed> ReadPushed(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan,
                          int64_t from) {
  Pushed pushed;
  const Result<DeltaTable> table = DeltaTable::Open(context.layout.Pushed(key.project, key.name));
  if (!table.ok()) {
    if (table.status().code() == Code::kNotFound) return pushed;
    return table.status();
  }
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table->Snapshot());
  MR_ASSIGN_OR_RETURN(const Table rows, ReadFrom(*table, snapshot, std::min(from, snapshot.num_rows)));
  MR_ASSIGN_OR_RETURN(pushed.rows, Conform(rows, plan.schema));
  pushed.num_rows = snapshot.num_rows;
  pushed.through = ThroughOf(snapshot);
  return pushed;
}

Result<uint64_t> TakenThrough(Context& context, const resource::ResourceKey& key) {
  MR_ASSIGN_OR_RETURN(const uint64_t letters, LettersThrough(context, key));
  const Result<DeltaTable> table = DeltaTable::Open(context.layout.Pushed(key.project, key.name));
  if (!table.ok())
    return table.status().code() == Code::kNotFound ? letters : Result<uint64_t>(table.status());
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table->Snapshot());
  return std::max(letters, ThroughOf(snapshot));
}

Status TakeFromLog(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan) {
  if (!context.stores.online.Source(OnlineKey(key))) return Ok();
  MR_ASSIGN_OR_RETURN(const DeltaTable table,
                      DeltaTable::OpenOrCreate(context.layout.Pushed(key.project, key.name), plan.schema));
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table.Snapshot());
  MR_ASSIGN_OR_RETURN(const feature::LogRange range,
                      context.stores.online.ReadLog(OnlineKey(key), ThroughOf(snapshot)));
  // First: once the position has moved on, nobody reads them from the log again.
  MR_RETURN_IF_ERROR(KeepPushedLetters(context, key, range));
  if (range.through == ThroughOf(snapshot)) return Ok();
  const Schema schema = Widened(snapshot.schema, plan.schema);
  MR_ASSIGN_OR_RETURN(const Table logged, RowsOf(range, plan.event_id_name()));
  MR_ASSIGN_OR_RETURN(const Table rows, Conform(logged, schema));
  const DeltaWriteOptions options{.user_metadata = std::to_string(range.through), .rows_a_file = kRowsAFile};
  if (snapshot.schema == schema) return AppendToTail(table, snapshot, rows, options).status();
  // Written again with the columns of today, each row in its place.
  MR_ASSIGN_OR_RETURN(const Table old_rows, table.Read(snapshot));
  MR_ASSIGN_OR_RETURN(const Table old, Conform(old_rows, schema));
  const std::vector<Table> parts = {old, rows};
  MR_ASSIGN_OR_RETURN(const Table all, Table::Concatenate(parts));
  return table.Overwrite(all, options).status();
}

}  // namespace millrace::controller::data_source
