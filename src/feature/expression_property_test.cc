#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "feature/expression.h"
#include "feature/testing/expression_rows.h"

namespace millrace::feature {
namespace {

using testing::CellsOf;
using testing::Row;
using testing::Same;
using testing::TableOf;
using testing::TestSchema;

// Random trees of text, well-typed or not.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::string Make(int depth) {
    if (depth == 0 || Below(6) == 0) return Leaf();
    const auto sub = [&] { return Make(depth - 1); };
    switch (Below(11)) {
      case 0:
        return "(" + sub() + " " + Pick({"+", "-", "*", "/", "//", "%"}) + " " + sub() + ")";
      case 1:
        return "(" + sub() + " " + Pick({"==", "!=", "<", "<=", ">", ">="}) + " " + sub() + ")";
      case 2:
        return "(" + sub() + Pick({" and ", " or "}) + sub() + ")";
      case 3:
        return Pick({"not ", "-", "abs", "sign", "floor", "is_nan", "sqrt", "exp", "log1p"}) + "(" + sub() +
               ")";
      case 4:
        return Pick({"min", "max", "coalesce", "nullif", "concat", "pow", "contains"}) + "(" + sub() + ", " +
               sub() + ")";
      case 5:
        return "if(" + sub() + ", " + sub() + ", " + sub() + ")";
      case 6:
        return "(" + sub() + Pick({" is null", " is not null"}) + ")";
      case 7:
        return Pick({"double", "int64", "string", "bool", "timestamp"}) + "(" + sub() + ")";
      case 8:
        return Pick({"hour", "weekday", "year", "day_of_year"}) + "(" + sub() +
               Pick({"", ", 'Europe/Zurich'"}) + ")";
      case 9:
        return Pick({"lower", "upper", "length"}) + "(" + sub() + ")";
      default:
        return "(" + sub() + " in (" + sub() + ", " + sub() + "))";
    }
  }

  Value MakeValue(DataType type) {
    if (Below(5) == 0) return Null{};
    switch (type) {
      case DataType::kBool:
        return Below(2) == 0;
      case DataType::kInt64:
        return Int();
      case DataType::kTimestamp:
        return EventTime{Below(8) == 0 ? Int() : static_cast<int64_t>(random_() % 4'000'000'000) * 1'000'000};
      case DataType::kString:
        return Pick({"", "a", "Hello", "héé", "42", "2.5", "true", "2018-07-25"});
      case DataType::kDouble:
        break;
    }
    const double kSpecial[] = {0.0,          -0.0,  1.0,   std::numeric_limits<double>::infinity(),
                               std::nan(""), 1e300, 5e-324};
    return Below(3) == 0 ? kSpecial[Below(7)] : static_cast<double>(Int()) / 64;
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }
  std::string Pick(std::vector<std::string> choices) { return choices[Below(choices.size())]; }
  int64_t Int() {
    const auto bits = static_cast<int64_t>(random_());
    return bits >> Below(64);
  }
  std::string Leaf() {
    return Pick({"a",
                 "b",
                 "x",
                 "y",
                 "s",
                 "u",
                 "t",
                 "v",
                 "p",
                 "q",
                 "n",
                 "nx",
                 "0",
                 "7",
                 "-1",
                 "2.5",
                 "'a'",
                 "true",
                 "null",
                 "9223372036854775807",
                 "timestamp('2018-07-25')"});
  }

  std::mt19937_64 random_;
};

TEST(Expression, BatchAndRowGiveTheSameBitsOnRandomExpressions) {
  Generator generator(2018);
  std::vector<Row> rows;
  for (int i = 0; i < 1500; ++i) {
    Row row;
    for (const Field& field : TestSchema().fields()) row.push_back(generator.MakeValue(field.type));
    rows.push_back(std::move(row));
  }
  const Table table = TableOf(TestSchema(), rows);
  int compiled = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string text = generator.Make(1 + i % 5);
    const Result<Expression> expression = Expression::Compile(text, TestSchema());
    if (!expression.ok()) continue;
    ++compiled;
    const Result<Expression> again = Expression::Compile(expression->Canonical(), TestSchema());
    ASSERT_TRUE(again.ok()) << text << " → " << expression->Canonical() << again.status().ToString();
    ASSERT_EQ(again->Canonical(), expression->Canonical()) << text;
    if (expression->Columns().empty() || compiled % 4 != 0) continue;
    const Column column = expression->Evaluate(table).value();
    const Column canonical = again->Evaluate(table).value();
    Expression::Scratch scratch(*expression);
    for (size_t row = 0; row < rows.size(); row += 1 + row % 7) {
      const Value online = ToValue(expression->EvaluateRow(CellsOf(rows[row]), scratch), expression->type());
      ASSERT_TRUE(Same(column.Get(row), online))
          << text << ", row " << row << ": " << ToText(column.Get(row)) << " and " << ToText(online);
      ASSERT_TRUE(Same(canonical.Get(row), online)) << text << " as " << expression->Canonical();
    }
  }
  EXPECT_GT(compiled, 1000);
}

}  // namespace
}  // namespace millrace::feature
