// Cell: one value of the request path, 16 bytes, without allocation or ownership.
//
// A row of a request or of an event is a span of Cells in the order of a
// Schema, which knows their types; a Cell itself knows only its bits and
// whether it is null. Text is borrowed: the bytes must outlive the Cell.
// Timestamps are microseconds since 1970-01-01T00:00:00Z, in `integer`.
//
// Cells are plain values; any thread may use its own. Converting from a Value
// borrows the Value's text.
//
//   const Cell row[] = {Cell::Int(42), Cell::Double(9.5), Cell::Text("EUR"), Cell()};
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/value.h"

namespace millrace::feature {

struct Cell {
  union {
    int64_t integer;    // int64 and timestamp
    double real;        // double
    uint8_t boolean;    // bool: 0 or 1
    const char* bytes;  // string
  };
  uint32_t length = 0;  // of a string, in bytes
  uint8_t valid = 0;    // 0: null, and then the value is 0 or ""

  // Null.
  constexpr Cell() : integer(0) {}

  static Cell Null() { return Cell(); }
  static Cell Int(int64_t value) { return Cell(value); }
  static Cell Timestamp(EventTime value) { return Cell(value.micros); }
  static Cell Double(double value) {
    Cell cell(int64_t{0});
    cell.real = value;
    return cell;
  }
  static Cell Bool(bool value) {
    Cell cell(int64_t{0});
    cell.boolean = value ? 1 : 0;
    return cell;
  }
  // Precondition: under 4 GiB.
  static Cell Text(std::string_view value) {
    Cell cell(int64_t{0});
    cell.bytes = value.data();
    cell.length = static_cast<uint32_t>(value.size());
    return cell;
  }

  bool is_null() const { return valid == 0; }
  // Precondition: a string, or null (then "").
  std::string_view text() const { return length == 0 ? std::string_view() : std::string_view(bytes, length); }
  EventTime time() const { return EventTime{integer}; }

 private:
  constexpr explicit Cell(int64_t value) : integer(value), valid(1) {}
};
static_assert(sizeof(Cell) == 16);

// Borrows the text of `value`.
inline Cell ToCell(const Value& value) {
  switch (value.index()) {
    case 1:
      return Cell::Bool(std::get<1>(value));
    case 2:
      return Cell::Int(std::get<2>(value));
    case 3:
      return Cell::Double(std::get<3>(value));
    case 4:
      return Cell::Text(std::get<4>(value));
    case 5:
      return Cell::Timestamp(std::get<5>(value));
    default:
      return Cell::Null();
  }
}

// Copies the text of a string cell. Precondition: `cell` holds a `type`, or null.
inline Value ToValue(const Cell& cell, DataType type) {
  if (cell.is_null()) return Null{};
  switch (type) {
    case DataType::kBool:
      return cell.boolean != 0;
    case DataType::kInt64:
      return cell.integer;
    case DataType::kDouble:
      return cell.real;
    case DataType::kString:
      return std::string(cell.text());
    case DataType::kTimestamp:
      return cell.time();
  }
  return Null{};
}

}  // namespace millrace::feature
