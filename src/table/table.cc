#include "table/table.h"

#include <unordered_set>

#include "base/text.h"

namespace millrace {

std::optional<size_t> Schema::Find(std::string_view name) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].name == name) return i;
  }
  return std::nullopt;
}

std::vector<std::string> Schema::Names() const {
  std::vector<std::string> names;
  names.reserve(fields_.size());
  for (const Field& field : fields_) names.push_back(field.name);
  return names;
}

namespace {

// A `valid` without a 0 says nothing; drop it so that has_nulls() is exact.
std::vector<uint8_t> Normalized(std::vector<uint8_t> valid, size_t size) {
  MR_CHECK(valid.empty() || valid.size() == size, "{} validity bytes for {} rows", valid.size(), size);
  for (const uint8_t byte : valid) {
    if (byte == 0) return valid;
  }
  return {};
}

template <typename T>
void ClearNulls(std::vector<T>& values, const std::vector<uint8_t>& valid) {
  for (size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] == 0) values[i] = T{};
  }
}

template <typename T>
std::vector<T> Gather(const std::vector<T>& values, std::span<const int64_t> rows) {
  std::vector<T> taken;
  taken.reserve(rows.size());
  for (const int64_t row : rows) taken.push_back(values[static_cast<size_t>(row)]);
  return taken;
}

template <typename T>
void AppendTo(std::vector<T>& target, const std::vector<T>& more) {
  target.insert(target.end(), more.begin(), more.end());
}

}  // namespace

Column Column::Bools(std::vector<uint8_t> values, std::vector<uint8_t> valid) {
  const size_t size = values.size();
  auto data = std::make_shared<Data>();
  data->valid = Normalized(std::move(valid), size);
  ClearNulls(values, data->valid);
  data->bytes8 = std::move(values);
  return Column(DataType::kBool, size, std::move(data));
}

Column Column::Ints(std::vector<int64_t> values, std::vector<uint8_t> valid) {
  const size_t size = values.size();
  auto data = std::make_shared<Data>();
  data->valid = Normalized(std::move(valid), size);
  ClearNulls(values, data->valid);
  data->ints = std::move(values);
  return Column(DataType::kInt64, size, std::move(data));
}

Column Column::Timestamps(std::vector<int64_t> micros, std::vector<uint8_t> valid) {
  Column column = Ints(std::move(micros), std::move(valid));
  column.type_ = DataType::kTimestamp;
  return column;
}

Column Column::Doubles(std::vector<double> values, std::vector<uint8_t> valid) {
  const size_t size = values.size();
  auto data = std::make_shared<Data>();
  data->valid = Normalized(std::move(valid), size);
  ClearNulls(values, data->valid);
  data->doubles = std::move(values);
  return Column(DataType::kDouble, size, std::move(data));
}

Column Column::Strings(std::vector<int64_t> offsets, std::string bytes, std::vector<uint8_t> valid) {
  MR_CHECK(!offsets.empty() && offsets.front() == 0, "offsets of strings begin with 0");
  MR_CHECK(offsets.back() == static_cast<int64_t>(bytes.size()), "the last offset is the end of the bytes");
  const size_t size = offsets.size() - 1;
  auto data = std::make_shared<Data>();
  data->valid = Normalized(std::move(valid), size);
  data->ints = std::move(offsets);
  data->text = std::move(bytes);
  return Column(DataType::kString, size, std::move(data));
}

Column Column::Nulls(DataType type, size_t size) {
  std::vector<uint8_t> valid(size, 0);
  switch (type) {
    case DataType::kBool:
      return Bools(std::vector<uint8_t>(size), std::move(valid));
    case DataType::kInt64:
      return Ints(std::vector<int64_t>(size), std::move(valid));
    case DataType::kTimestamp:
      return Timestamps(std::vector<int64_t>(size), std::move(valid));
    case DataType::kDouble:
      return Doubles(std::vector<double>(size), std::move(valid));
    case DataType::kString:
      return Strings(std::vector<int64_t>(size + 1), "", std::move(valid));
  }
  MR_CHECK(false, "no such type");
}

std::string_view Column::String(size_t row) const {
  const auto begin = static_cast<size_t>(data_->ints[row]);
  const auto end = static_cast<size_t>(data_->ints[row + 1]);
  return std::string_view(data_->text).substr(begin, end - begin);
}

Value Column::Get(size_t row) const {
  if (IsNull(row)) return Null{};
  switch (type_) {
    case DataType::kBool:
      return data_->bytes8[row] != 0;
    case DataType::kInt64:
      return data_->ints[row];
    case DataType::kTimestamp:
      return EventTime{data_->ints[row]};
    case DataType::kDouble:
      return data_->doubles[row];
    case DataType::kString:
      return std::string(String(row));
  }
  MR_CHECK(false, "no such type");
}

Column Column::Take(std::span<const int64_t> rows) const {
  std::vector<uint8_t> valid;
  if (has_nulls()) valid = Gather(data_->valid, rows);
  switch (type_) {
    case DataType::kBool:
      return Bools(Gather(data_->bytes8, rows), std::move(valid));
    case DataType::kInt64:
      return Ints(Gather(data_->ints, rows), std::move(valid));
    case DataType::kTimestamp:
      return Timestamps(Gather(data_->ints, rows), std::move(valid));
    case DataType::kDouble:
      return Doubles(Gather(data_->doubles, rows), std::move(valid));
    case DataType::kString:
      break;
  }
  std::vector<int64_t> offsets{0};
  offsets.reserve(rows.size() + 1);
  std::string text;
  for (const int64_t row : rows) {
    text += String(static_cast<size_t>(row));
    offsets.push_back(static_cast<int64_t>(text.size()));
  }
  return Strings(std::move(offsets), std::move(text), std::move(valid));
}

Column Column::Concatenate(std::span<const Column> columns) {
  MR_CHECK(!columns.empty(), "nothing to concatenate");
  const DataType type = columns.front().type();
  auto data = std::make_shared<Data>();
  size_t size = 0;
  bool nulls = false;
  for (const Column& column : columns) {
    MR_CHECK(column.type() == type, "columns of one type");
    size += column.size();
    nulls = nulls || column.has_nulls();
  }
  if (nulls) data->valid.reserve(size);
  if (type == DataType::kString) data->ints.push_back(0);
  for (const Column& column : columns) {
    const Data& part = *column.data_;
    if (nulls && part.valid.empty()) data->valid.insert(data->valid.end(), column.size(), 1);
    if (nulls) AppendTo(data->valid, part.valid);
    AppendTo(data->bytes8, part.bytes8);
    AppendTo(data->doubles, part.doubles);
    if (type == DataType::kString) {
      const int64_t base = data->ints.back();
      for (size_t i = 1; i < part.ints.size(); ++i) data->ints.push_back(base + part.ints[i]);
    } else {
      AppendTo(data->ints, part.ints);
    }
    data->text += part.text;
  }
  return Column(type, size, std::move(data));
}

Status ColumnBuilder::Append(const Value& value) {
  const std::optional<DataType> type = TypeOf(value);
  if (!type) {
    AppendNull();
    return Ok();
  }
  if (*type != type_) {
    return InvalidArgument("{} is a {}, but the column holds {}", ToText(value), DataTypeName(*type),
                           DataTypeName(type_));
  }
  switch (type_) {
    case DataType::kBool:
      bools_.push_back(std::get<bool>(value) ? 1 : 0);
      break;
    case DataType::kInt64:
      ints_.push_back(std::get<int64_t>(value));
      break;
    case DataType::kTimestamp:
      ints_.push_back(std::get<EventTime>(value).micros);
      break;
    case DataType::kDouble:
      doubles_.push_back(std::get<double>(value));
      break;
    case DataType::kString:
      text_ += std::get<std::string>(value);
      ints_.push_back(static_cast<int64_t>(text_.size()));
      break;
  }
  valid_.push_back(1);
  ++size_;
  return Ok();
}

void ColumnBuilder::AppendNull() {
  switch (type_) {
    case DataType::kBool:
      bools_.push_back(0);
      break;
    case DataType::kInt64:
    case DataType::kTimestamp:
      ints_.push_back(0);
      break;
    case DataType::kDouble:
      doubles_.push_back(0);
      break;
    case DataType::kString:
      ints_.push_back(static_cast<int64_t>(text_.size()));
      break;
  }
  any_null_ = true;
  valid_.push_back(0);
  ++size_;
}

Column ColumnBuilder::Finish() && {
  if (!any_null_) valid_.clear();
  switch (type_) {
    case DataType::kBool:
      return Column::Bools(std::move(bools_), std::move(valid_));
    case DataType::kInt64:
      return Column::Ints(std::move(ints_), std::move(valid_));
    case DataType::kTimestamp:
      return Column::Timestamps(std::move(ints_), std::move(valid_));
    case DataType::kDouble:
      return Column::Doubles(std::move(doubles_), std::move(valid_));
    case DataType::kString:
      break;
  }
  ints_.insert(ints_.begin(), 0);
  return Column::Strings(std::move(ints_), std::move(text_), std::move(valid_));
}

Result<Table> Table::Create(Schema schema, std::vector<Column> columns) {
  if (schema.size() != columns.size()) {
    return InvalidArgument("the schema has {} columns, but {} were given", schema.size(), columns.size());
  }
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < columns.size(); ++i) {
    const Field& field = schema[i];
    if (!names.insert(field.name).second) return InvalidArgument("two columns are named '{}'", field.name);
    if (columns[i].type() != field.type) {
      return InvalidArgument("column '{}' is {} in the schema, but holds {}", field.name,
                             DataTypeName(field.type), DataTypeName(columns[i].type()));
    }
    if (columns[i].size() != columns.front().size()) {
      return InvalidArgument("column '{}' has {} rows, but '{}' has {}", field.name, columns[i].size(),
                             schema[0].name, columns.front().size());
    }
  }
  Table table;
  table.schema_ = std::move(schema);
  table.columns_ = std::move(columns);
  return table;
}

Result<Column> Table::Find(std::string_view name) const {
  if (const std::optional<size_t> index = schema_.Find(name)) return columns_[*index];
  const std::vector<std::string> names = schema_.Names();
  const std::string nearest = Nearest(name, names);
  if (!nearest.empty()) return NotFound("there is no column '{}'; did you mean '{}'?", name, nearest);
  return NotFound("there is no column '{}'; the columns are {}", name, Join(names, ", "));
}

Table Table::Take(std::span<const int64_t> rows) const {
  Table taken;
  taken.schema_ = schema_;
  for (const Column& column : columns_) taken.columns_.push_back(column.Take(rows));
  return taken;
}

Result<Table> Table::Select(std::span<const std::string> names) const {
  std::vector<Field> fields;
  std::vector<Column> columns;
  for (const std::string& name : names) {
    MR_ASSIGN_OR_RETURN(Column column, Find(name));
    fields.push_back({name, column.type()});
    columns.push_back(std::move(column));
  }
  return Create(Schema(std::move(fields)), std::move(columns));
}

Result<Table> Table::Concatenate(std::span<const Table> tables) {
  if (tables.empty()) return Table();
  for (const Table& table : tables) {
    if (table.schema() != tables.front().schema()) {
      return InvalidArgument("tables of different columns: ({}) and ({})",
                             Join(tables.front().schema().Names(), ", "), Join(table.schema().Names(), ", "));
    }
  }
  if (tables.size() == 1) return tables.front();
  Table whole;
  whole.schema_ = tables.front().schema_;
  for (size_t c = 0; c < whole.schema_.size(); ++c) {
    std::vector<Column> parts;
    for (const Table& table : tables) parts.push_back(table.column(c));
    whole.columns_.push_back(Column::Concatenate(parts));
  }
  return whole;
}

}  // namespace millrace
