#include "table/table.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/parallel.h"
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
void ClearNulls(Buffer<T>& values, const std::vector<uint8_t>& valid) {
  for (size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] == 0) values[i] = T{};
  }
}

template <typename T>
Buffer<T> Gather(std::span<const T> values, std::span<const int64_t> rows) {
  auto taken = Buffer<T>::Uninitialized(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) taken[i] = values[static_cast<size_t>(rows[i])];
  return taken;
}

std::vector<uint8_t> GatherValid(const std::vector<uint8_t>& valid, std::span<const int64_t> rows) {
  std::vector<uint8_t> taken;
  taken.reserve(rows.size());
  for (const int64_t row : rows) taken.push_back(valid[static_cast<size_t>(row)]);
  return taken;
}

template <typename Values>
void MoveRows(Values& values, std::span<const int64_t> to, std::span<const int64_t> from) {
  if (values.empty()) return;
  std::vector<std::decay_t<decltype(values[0])>> moved;
  moved.reserve(from.size());
  for (const int64_t row : from) moved.push_back(values[static_cast<size_t>(row)]);
  for (size_t i = 0; i < to.size(); ++i) values[static_cast<size_t>(to[i])] = moved[i];
}

// Appended to a whole that has room.
template <typename T>
T* CopyTo(T* target, std::span<const T> more) {
  return std::copy(more.begin(), more.end(), target);
}

}  // namespace

Column Column::Bools(Buffer<uint8_t> values, std::vector<uint8_t> valid) {
  const size_t size = values.size();
  auto data = std::make_shared<Data>();
  data->valid = Normalized(std::move(valid), size);
  ClearNulls(values, data->valid);
  data->bytes8 = std::move(values);
  return Column(DataType::kBool, size, std::move(data));
}

Column Column::Ints(Buffer<int64_t> values, std::vector<uint8_t> valid) {
  const size_t size = values.size();
  auto data = std::make_shared<Data>();
  data->valid = Normalized(std::move(valid), size);
  ClearNulls(values, data->valid);
  data->ints = std::move(values);
  return Column(DataType::kInt64, size, std::move(data));
}

Column Column::Timestamps(Buffer<int64_t> micros, std::vector<uint8_t> valid) {
  Column column = Ints(std::move(micros), std::move(valid));
  column.type_ = DataType::kTimestamp;
  return column;
}

Column Column::Doubles(Buffer<double> values, std::vector<uint8_t> valid) {
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
  if (has_nulls()) valid = GatherValid(data_->valid, rows);
  switch (type_) {
    case DataType::kBool:
      return Bools(Gather(bools(), rows), std::move(valid));
    case DataType::kInt64:
      return Ints(Gather(ints(), rows), std::move(valid));
    case DataType::kTimestamp:
      return Timestamps(Gather(ints(), rows), std::move(valid));
    case DataType::kDouble:
      return Doubles(Gather(doubles(), rows), std::move(valid));
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

Column Column::Move(std::span<const int64_t> to, std::span<const int64_t> from) && {
  if (to.empty()) return std::move(*this);
  if (type_ == DataType::kString || data_.use_count() > 1) {
    std::vector<int64_t> order(size_);
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = 0; i < to.size(); ++i) order[static_cast<size_t>(to[i])] = from[i];
    return Take(order);
  }
  // Made by this class, never as a const object; and nobody else can see it.
  Data& data = const_cast<Data&>(*data_);
  MoveRows(data.valid, to, from);
  MoveRows(data.bytes8, to, from);
  MoveRows(data.ints, to, from);
  MoveRows(data.doubles, to, from);
  return std::move(*this);
}

Column Column::ConcatenateStrings(std::span<const Column> columns, std::vector<uint8_t> valid) {
  std::vector<int64_t> offsets{0};
  std::string text;
  for (const Column& column : columns) {
    const int64_t base = offsets.back();
    for (const int64_t offset : column.string_offsets().subspan(1)) offsets.push_back(base + offset);
    text += column.text();
  }
  return Strings(std::move(offsets), std::move(text), std::move(valid));
}

Column Column::Concatenate(std::span<const Column> columns) {
  MR_CHECK(!columns.empty(), "nothing to concatenate");
  const DataType type = columns.front().type();
  size_t size = 0;
  bool nulls = false;
  for (const Column& column : columns) {
    MR_CHECK(column.type() == type, "columns of one type");
    size += column.size();
    nulls = nulls || column.has_nulls();
  }
  std::vector<uint8_t> valid;
  for (const Column& column : columns) {
    if (!nulls) break;
    if (column.has_nulls()) {
      valid.insert(valid.end(), column.valid().begin(), column.valid().end());
    } else {
      valid.insert(valid.end(), column.size(), 1);
    }
  }
  if (type == DataType::kString) return ConcatenateStrings(columns, std::move(valid));
  auto data = std::make_shared<Data>();
  data->valid = std::move(valid);
  if (type == DataType::kBool) {
    data->bytes8 = Buffer<uint8_t>::Uninitialized(size);
    uint8_t* end = data->bytes8.data();
    for (const Column& column : columns) end = CopyTo(end, column.bools());
  } else if (type == DataType::kDouble) {
    data->doubles = Buffer<double>::Uninitialized(size);
    double* end = data->doubles.data();
    for (const Column& column : columns) end = CopyTo(end, column.doubles());
  } else {
    data->ints = Buffer<int64_t>::Uninitialized(size);
    int64_t* end = data->ints.data();
    for (const Column& column : columns) end = CopyTo(end, column.ints());
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

Table Table::Move(std::span<const int64_t> to, std::span<const int64_t> from) && {
  (void)ParallelFor(0, columns_.size(), [&](size_t i) {
    columns_[i] = std::move(columns_[i]).Move(to, from);
    return Ok();
  }).ok();
  return std::move(*this);
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
