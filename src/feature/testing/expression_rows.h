// A schema with columns of every type, and rows of it, for tests of expressions.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "feature/cell.h"
#include "table/table.h"

namespace millrace::feature::testing {

inline const Schema& TestSchema() {
  static const Schema kSchema({{"a", DataType::kInt64},
                               {"b", DataType::kInt64},
                               {"x", DataType::kDouble},
                               {"y", DataType::kDouble},
                               {"s", DataType::kString},
                               {"u", DataType::kString},
                               {"t", DataType::kTimestamp},
                               {"v", DataType::kTimestamp},
                               {"p", DataType::kBool},
                               {"q", DataType::kBool},
                               {"n", DataType::kInt64},
                               {"nx", DataType::kDouble},
                               {"ns", DataType::kString},
                               {"nt", DataType::kTimestamp},
                               {"np", DataType::kBool},
                               {"tx_amount", DataType::kDouble},
                               {"tx_datetime", DataType::kTimestamp},
                               {"odd name", DataType::kInt64}});
  return kSchema;
}

using Row = std::vector<Value>;

inline Table TableOf(const Schema& schema, const std::vector<Row>& rows) {
  std::vector<Column> columns;
  for (size_t i = 0; i < schema.size(); ++i) {
    ColumnBuilder builder(schema[i].type);
    for (const Row& row : rows) {
      if (const Status status = builder.Append(row[i]); !status.ok()) ADD_FAILURE() << status.ToString();
    }
    columns.push_back(std::move(builder).Finish());
  }
  Result<Table> table = Table::Create(schema, std::move(columns));
  EXPECT_TRUE(table.ok()) << table.status().ToString();
  return std::move(table).value();
}

inline std::vector<Cell> CellsOf(const Row& row) {
  std::vector<Cell> cells;
  for (const Value& value : row) cells.push_back(ToCell(value));
  return cells;
}

// Equal to the last bit; all NaNs are one.
inline bool Same(const Value& a, const Value& b) {
  const auto* left = std::get_if<double>(&a);
  const auto* right = std::get_if<double>(&b);
  if (left == nullptr || right == nullptr) return a == b;
  if (std::isnan(*left) || std::isnan(*right)) return std::isnan(*left) && std::isnan(*right);
  return std::bit_cast<uint64_t>(*left) == std::bit_cast<uint64_t>(*right);
}

}  // namespace millrace::feature::testing
