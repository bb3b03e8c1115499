// Single values of columns as Cells.
#pragma once

#include "base/value.h"
#include "feature/cell.h"
#include "table/table.h"

namespace millrace::feature {

// Borrows the column's text.
inline Cell CellAt(const Column& column, size_t row) {
  if (column.IsNull(row)) return Cell();
  switch (column.type()) {
    case DataType::kBool:
      return Cell::Bool(column.bools()[row] != 0);
    case DataType::kDouble:
      return Cell::Double(column.doubles()[row]);
    case DataType::kString:
      return Cell::Text(column.String(row));
    default:
      return Cell::Int(column.ints()[row]);
  }
}

// Both null, or the same bits. Precondition: both of `type`.
inline bool SameCell(const Cell& a, const Cell& b, DataType type) {
  if (a.is_null() || b.is_null()) return a.is_null() == b.is_null();
  if (type == DataType::kString) return a.text() == b.text();
  if (type == DataType::kBool) return (a.boolean != 0) == (b.boolean != 0);
  return a.integer == b.integer;
}

}  // namespace millrace::feature
