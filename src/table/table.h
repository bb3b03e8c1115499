// Table: typed columns of equal length, immutable, cheap to copy.
//
// The one form in which rows move between sources, the feature engine,
// training and offline storage. A Column shares its buffers, so copies of
// Tables and Columns cost a reference count and may be read from any thread.
//
// Nulls are kept beside the values (a byte a row, absent when nothing is
// null); the value under a null is 0, NaN-free and never looked at.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "base/value.h"

namespace millrace {

struct Field {
  std::string name;
  DataType type = DataType::kInt64;
  bool operator==(const Field&) const = default;
};

class Schema {
 public:
  Schema() = default;
  explicit Schema(std::vector<Field> fields) : fields_(std::move(fields)) {}

  const std::vector<Field>& fields() const { return fields_; }
  size_t size() const { return fields_.size(); }
  const Field& operator[](size_t i) const { return fields_[i]; }
  std::optional<size_t> Find(std::string_view name) const;
  std::vector<std::string> Names() const;
  bool operator==(const Schema&) const = default;

 private:
  std::vector<Field> fields_;
};

class Column {
 public:
  // An empty `valid` says that nothing is null; otherwise a byte a row, 0 for null.
  static Column Bools(Buffer<uint8_t> values, std::vector<uint8_t> valid = {});
  static Column Ints(Buffer<int64_t> values, std::vector<uint8_t> valid = {});
  static Column Timestamps(Buffer<int64_t> micros, std::vector<uint8_t> valid = {});
  static Column Doubles(Buffer<double> values, std::vector<uint8_t> valid = {});
  // offsets has one more entry than rows; row i is bytes[offsets[i], offsets[i+1]).
  static Column Strings(std::vector<int64_t> offsets, std::string bytes, std::vector<uint8_t> valid = {});
  static Column Nulls(DataType type, size_t size);

  DataType type() const { return type_; }
  size_t size() const { return size_; }
  bool has_nulls() const { return !data_->valid.empty(); }
  bool IsNull(size_t row) const { return has_nulls() && data_->valid[row] == 0; }
  // Empty when nothing is null.
  std::span<const uint8_t> valid() const { return data_->valid; }

  // Precondition of each: the column has that type (ints: int64 or timestamp).
  std::span<const uint8_t> bools() const { return Of(data_->bytes8); }
  std::span<const int64_t> ints() const { return Of(data_->ints); }
  std::span<const double> doubles() const { return Of(data_->doubles); }
  std::string_view String(size_t row) const;

  // Any type, slowly.
  Value Get(size_t row) const;
  // Rows in the given order; an index may occur several times.
  Column Take(std::span<const int64_t> rows) const;
  // Row to[i] becomes what row from[i] is; the others stay. In place when nobody else
  // shares the rows, so that few moves cost little. Precondition: `to` has no row twice.
  Column Move(std::span<const int64_t> to, std::span<const int64_t> from) &&;
  // One column of all rows, in order. Precondition: at least one, all of one type.
  static Column Concatenate(std::span<const Column> columns);
  // Of a string column: row i is text()[offsets[i], offsets[i+1]), offsets = string_offsets().
  std::span<const int64_t> string_offsets() const { return Of(data_->ints); }
  std::string_view text() const { return data_->text; }

 private:
  struct Data {
    std::vector<uint8_t> valid;
    Buffer<uint8_t> bytes8;
    Buffer<int64_t> ints;  // values, or the offsets of strings
    Buffer<double> doubles;
    std::string text;
  };
  static Column ConcatenateStrings(std::span<const Column> columns, std::vector<uint8_t> valid);
  template <typename T>
  static std::span<const T> Of(const Buffer<T>& buffer) {
    return {buffer.data(), buffer.size()};
  }
  Column(DataType type, size_t size, std::shared_ptr<const Data> data)
      : type_(type), size_(size), data_(std::move(data)) {}

  DataType type_;
  size_t size_;
  std::shared_ptr<const Data> data_;  // shared: copies of a Column are the same rows
};

// Appends one value at a time; for code where speed does not matter.
class ColumnBuilder {
 public:
  explicit ColumnBuilder(DataType type) : type_(type) {}
  // InvalidArgument when the value's type is another than the column's.
  Status Append(const Value& value);
  void AppendNull();
  size_t size() const { return size_; }
  Column Finish() &&;

 private:
  DataType type_;
  size_t size_ = 0;
  bool any_null_ = false;
  std::vector<uint8_t> valid_;
  std::vector<uint8_t> bools_;
  std::vector<int64_t> ints_;
  std::vector<double> doubles_;
  std::string text_;
};

class Table {
 public:
  Table() = default;
  // InvalidArgument unless names are distinct and columns match the schema and each other.
  static Result<Table> Create(Schema schema, std::vector<Column> columns);

  const Schema& schema() const { return schema_; }
  size_t num_rows() const { return columns_.empty() ? 0 : columns_.front().size(); }
  size_t num_columns() const { return columns_.size(); }
  const Column& column(size_t i) const { return columns_[i]; }
  // NotFound names the nearest column.
  Result<Column> Find(std::string_view name) const;

  Table Take(std::span<const int64_t> rows) const;
  // As Column's Move, a column a thread. To be in place the table must be the only one of its rows.
  Table Move(std::span<const int64_t> to, std::span<const int64_t> from) &&;
  // The named columns in that order.
  Result<Table> Select(std::span<const std::string> names) const;
  // All rows of `tables`, in order; their schemas must be equal.
  static Result<Table> Concatenate(std::span<const Table> tables);

 private:
  Schema schema_;
  std::vector<Column> columns_;
};

}  // namespace millrace
