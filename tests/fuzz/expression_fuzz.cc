// fuzz: feature
//
// Any text compiles or is refused; what compiles runs over nulls and values,
// in a batch and by row with the same result, and its canonical text compiles to
// the same canonical text.
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "feature/expression.h"

namespace {

using millrace::Column;
using millrace::DataType;
using millrace::Schema;
using millrace::Table;
using millrace::feature::Cell;
using millrace::feature::Expression;
using millrace::feature::ToValue;

const Schema& FuzzSchema() {
  static const Schema kSchema({{"a", DataType::kInt64},
                               {"x", DataType::kDouble},
                               {"s", DataType::kString},
                               {"t", DataType::kTimestamp},
                               {"p", DataType::kBool}});
  return kSchema;
}

const Table& FuzzTable() {
  static const Table kTable =
      Table::Create(FuzzSchema(),
                    {Column::Ints({5, 0, INT64_MIN}, {1, 0, 1}), Column::Doubles({0.5, 0, -1e300}, {1, 0, 1}),
                     Column::Strings({0, 3, 3, 5}, "a\xc3\xa9z\xff", {1, 0, 1}),
                     Column::Timestamps({1'532'755'815'000'000, 0, INT64_MAX}, {1, 0, 1}),
                     Column::Bools({1, 0, 0}, {1, 0, 1})})
          .value();
  return kTable;
}

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto expression = Expression::Compile(text, FuzzSchema());
  if (!expression.ok()) return 0;
  const auto column = expression->Evaluate(FuzzTable());
  Check(column.ok() && column->size() == FuzzTable().num_rows());
  Expression::Scratch scratch(*expression);
  for (size_t row = 0; row < FuzzTable().num_rows(); ++row) {
    std::vector<millrace::Value> values;
    for (size_t i = 0; i < FuzzSchema().size(); ++i) values.push_back(FuzzTable().column(i).Get(row));
    std::vector<Cell> cells;
    for (const auto& value : values) cells.push_back(millrace::feature::ToCell(value));
    const auto online = ToValue(expression->EvaluateRow(cells, scratch), expression->type());
    const auto offline = column->Get(row);
    const auto* number = std::get_if<double>(&online);
    Check(online == offline ||
          (number != nullptr && std::isnan(*number) && std::isnan(std::get<double>(offline))));
  }
  // Spaces between tokens may make the canonical text longer than the limit.
  if (expression->Canonical().size() > 4096) return 0;
  const auto again = Expression::Compile(expression->Canonical(), FuzzSchema());
  Check(again.ok() && again->Canonical() == expression->Canonical());
  return 0;
}
