#include "source/internal/event_order.h"

#include <algorithm>
#include <compare>
#include <numeric>
#include <unordered_map>

#include "base/text.h"
#include "source/internal/typed_value.h"

namespace millrace::source::internal {
namespace {

Status UnknownColumn(const Schema& schema, std::string_view what, const std::string& name) {
  const std::vector<std::string> names = schema.Names();
  const std::string nearest = Nearest(name, names);
  if (!nearest.empty()) {
    return InvalidArgument("{}: the data has no column '{}'; did you mean '{}'?", what, name, nearest);
  }
  return InvalidArgument("{}: the data has no column '{}'; its columns are {}", what, name,
                         Join(names, ", "));
}

// Equal as stored: a NaN is the same as a NaN of the same bits, null as null.
bool SameValue(const Column& column, size_t a, size_t b) {
  if (column.IsNull(a) || column.IsNull(b)) return column.IsNull(a) == column.IsNull(b);
  switch (column.type()) {
    case DataType::kBool:
      return column.bools()[a] == column.bools()[b];
    case DataType::kInt64:
    case DataType::kTimestamp:
      return column.ints()[a] == column.ints()[b];
    case DataType::kDouble:
      return std::strong_order(column.doubles()[a], column.doubles()[b]) == 0;
    case DataType::kString:
      return column.String(a) == column.String(b);
  }
  return false;
}

// Ids as their type compares; neither may be null.
std::strong_ordering CompareIds(const Column& ids, size_t a, size_t b) {
  switch (ids.type()) {
    case DataType::kBool:
      return ids.bools()[a] <=> ids.bools()[b];
    case DataType::kInt64:
    case DataType::kTimestamp:
      return ids.ints()[a] <=> ids.ints()[b];
    case DataType::kDouble:
      return std::strong_order(ids.doubles()[a], ids.doubles()[b]);
    case DataType::kString:
      return ids.String(a) <=> ids.String(b);
  }
  return std::strong_ordering::equal;
}

// The work on one table: which rows stay, where later columns come from, in which order.
class Ordering {
 public:
  Ordering(RawRows rows, const OrderRules& rules) : rows_(std::move(rows)) {
    const Schema& schema = rows_.table.schema();
    times_ = &rows_.table.column(*schema.Find(rules.event_time));
    if (!rules.event_id.empty()) ids_ = &rows_.table.column(*schema.Find(rules.event_id));
    for (const std::string& name : rules.known_later) later_.push_back(*schema.Find(name));
  }

  OrderedEvents Run() {
    DropTimeless();
    if (ids_ != nullptr && !IdsIncrease()) DropRepeated();
    const std::vector<int64_t> kept = Kept();
    OrderedEvents ordered;
    ordered.duplicates = duplicates_;
    ordered.events = Assemble(kept);
    ordered.dead_letters = std::move(rows_.dead_letters);
    return ordered;
  }

 private:
  static size_t At(int64_t row) { return static_cast<size_t>(row); }
  int64_t size() const { return static_cast<int64_t>(rows_.table.num_rows()); }
  bool HasId(int64_t row) const { return ids_ != nullptr && !ids_->IsNull(At(row)); }

  void DropTimeless() {
    if (!times_->has_nulls()) return;
    for (int64_t row = 0; row < size(); ++row) {
      if (times_->IsNull(At(row))) Drop(rows_, row, "the event has no event time");
    }
  }

  // The usual case, in which no id can be there twice.
  bool IdsIncrease() const {
    if (ids_->has_nulls()) return false;
    for (int64_t row = 1; row < size(); ++row) {
      if (CompareIds(*ids_, At(row - 1), At(row)) >= 0) return false;
    }
    return true;
  }

  void DropRepeated() {
    std::vector<int64_t> by_id;
    for (int64_t row = 0; row < size(); ++row) {
      if (HasId(row) && !rows_.IsDropped(row)) by_id.push_back(row);
    }
    std::sort(by_id.begin(), by_id.end(), [&](int64_t a, int64_t b) {
      const auto order = CompareIds(*ids_, At(a), At(b));
      return order != 0 ? order < 0 : a < b;
    });
    repeated_.assign(At(size()), 0);
    for (size_t i = 1, first = 0; i < by_id.size(); ++i) {
      if (CompareIds(*ids_, At(by_id[first]), At(by_id[i])) != 0) {
        first = i;
      } else {
        Join(by_id[first], by_id[i]);
      }
    }
  }

  // `row` has the id of the earlier row `event`.
  void Join(int64_t event, int64_t row) {
    for (size_t c = 0; c < rows_.table.num_columns(); ++c) {
      const Column& column = rows_.table.column(c);
      if (SameValue(column, At(event), At(row))) continue;
      if (std::find(later_.begin(), later_.end(), c) != later_.end()) continue;
      Drop(rows_, row,
           fmt::format("an event with the same id has '{}' {}, but this one {}", rows_.table.schema()[c].name,
                       ToText(column.Get(At(event))), ToText(column.Get(At(row)))));
      return;
    }
    // What is known now replaces what was known; an unknown value replaces nothing.
    for (const size_t c : later_) {
      if (!rows_.table.column(c).IsNull(At(row))) value_from_[c][event] = row;
    }
    repeated_[At(row)] = 1;
    ++duplicates_;
  }

  std::vector<int64_t> Kept() const {
    std::vector<int64_t> kept;
    kept.reserve(At(size()));
    for (int64_t row = 0; row < size(); ++row) {
      const bool repeated = !repeated_.empty() && repeated_[At(row)] != 0;
      if (!repeated && !rows_.IsDropped(row)) kept.push_back(row);
    }
    const auto before = [&](int64_t a, int64_t b) { return Before(a, b); };
    if (!std::is_sorted(kept.begin(), kept.end(), before)) std::stable_sort(kept.begin(), kept.end(), before);
    return kept;
  }

  bool Before(int64_t a, int64_t b) const {
    const int64_t time_a = times_->ints()[At(a)];
    const int64_t time_b = times_->ints()[At(b)];
    if (time_a != time_b) return time_a < time_b;
    if (HasId(a) && HasId(b)) return CompareIds(*ids_, At(a), At(b)) < 0;
    return HasId(a) && !HasId(b);
  }

  Table Assemble(const std::vector<int64_t>& kept) const {
    const bool untouched =
        static_cast<int64_t>(kept.size()) == size() && std::is_sorted(kept.begin(), kept.end());
    if (untouched && value_from_.empty()) return rows_.table;
    std::vector<Column> columns;
    for (size_t c = 0; c < rows_.table.num_columns(); ++c) {
      const auto replaced = value_from_.find(c);
      if (replaced == value_from_.end()) {
        columns.push_back(rows_.table.column(c).Take(kept));
        continue;
      }
      std::vector<int64_t> from = kept;
      for (int64_t& row : from) {
        const auto later = replaced->second.find(row);
        if (later != replaced->second.end()) row = later->second;
      }
      columns.push_back(rows_.table.column(c).Take(from));
    }
    return Table::Create(rows_.table.schema(), std::move(columns)).value();
  }

  RawRows rows_;
  const Column* times_ = nullptr;  // both within rows_.table
  const Column* ids_ = nullptr;    // null when events have no id
  std::vector<size_t> later_;
  std::vector<uint8_t> repeated_;
  int64_t duplicates_ = 0;
  // By column: the row whose value an event has now.
  std::unordered_map<size_t, std::unordered_map<int64_t, int64_t>> value_from_;
};

}  // namespace

Result<Schema> WithDeclaredTypes(const Schema& schema, std::span<const Field> declared) {
  std::vector<Field> fields = schema.fields();
  for (const Field& field : declared) {
    const std::optional<size_t> index = schema.Find(field.name);
    if (!index) return UnknownColumn(schema, "columns", field.name);
    const DataType from = fields[*index].type;
    if (!IsCastable(from, field.type)) {
      return InvalidArgument("columns: '{}' is declared {}, but the data has {}, which never is one",
                             field.name, DataTypeName(field.type), DataTypeName(from));
    }
    fields[*index].type = field.type;
  }
  return Schema(std::move(fields));
}

Result<RawRows> EnforceTypes(RawRows rows, std::span<const Field> declared, const TimeZone& zone) {
  MR_ASSIGN_OR_RETURN(const Schema schema, WithDeclaredTypes(rows.table.schema(), declared));
  if (schema == rows.table.schema()) return rows;
  std::vector<Column> columns;
  for (size_t c = 0; c < schema.size(); ++c) {
    const Column& column = rows.table.column(c);
    if (column.type() == schema[c].type) {
      columns.push_back(column);
      continue;
    }
    ColumnBuilder builder(schema[c].type);
    for (size_t row = 0; row < column.size(); ++row) {
      const Result<Value> value = CastExactly(column.Get(row), schema[c].type, zone);
      if (value.ok()) {
        MR_RETURN_IF_ERROR(builder.Append(*value));
        continue;
      }
      builder.AppendNull();
      Drop(rows, static_cast<int64_t>(row),
           fmt::format("column '{}': {}", schema[c].name, value.status().message()));
    }
    columns.push_back(std::move(builder).Finish());
  }
  MR_ASSIGN_OR_RETURN(rows.table, Table::Create(schema, std::move(columns)));
  return rows;
}

Status CheckRules(const Schema& schema, const OrderRules& rules) {
  const std::optional<size_t> time = schema.Find(rules.event_time);
  if (!time) return UnknownColumn(schema, "eventTime", rules.event_time);
  if (schema[*time].type != DataType::kTimestamp) {
    return InvalidArgument(
        "eventTime: column '{}' is {}, but an event time is a timestamp; declare its type under columns, or "
        "make one "
        "in files.sql, e.g. make_timestamp({} * 1000000) from seconds since 1970",
        rules.event_time, DataTypeName(schema[*time].type), rules.event_time);
  }
  if (!rules.event_id.empty() && !schema.Find(rules.event_id)) {
    return UnknownColumn(schema, "eventId", rules.event_id);
  }
  for (const std::string& name : rules.known_later) {
    if (!schema.Find(name)) return UnknownColumn(schema, "columns", name);
  }
  return Ok();
}

Result<OrderedEvents> OrderEvents(RawRows rows, const OrderRules& rules) {
  MR_RETURN_IF_ERROR(CheckRules(rows.table.schema(), rules));
  return Ordering(std::move(rows), rules).Run();
}

}  // namespace millrace::source::internal
