#include "feature/expression.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/time.h"
#include "feature/expression/operation.h"
#include "feature/testing/expression_rows.h"

#ifdef __SANITIZE_ADDRESS__
// GCC installs no header for it.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, size_t),
                                                         void (*freed)(const volatile void*));
#endif

namespace millrace::feature {
namespace {

using testing::CellsOf;
using testing::Row;
using testing::Same;
using testing::TableOf;
using testing::TestSchema;

Value ParseValue(const std::string& text, DataType type) {
  if (text == "null") return Null{};
  switch (type) {
    case DataType::kBool:
      return text == "true";
    case DataType::kInt64:
      return static_cast<int64_t>(std::strtoll(text.c_str(), nullptr, 10));
    case DataType::kDouble:
      return std::strtod(text.c_str(), nullptr);
    case DataType::kTimestamp:
      return ParseTime(text).value();
    case DataType::kString:
      break;
  }
  std::string content;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    content += text[i];
    if (text[i] == '\'') ++i;
  }
  return content;
}

struct Case {
  int line;
  std::string expression;
  std::string type;  // empty: an error
  std::string expected;
  Row row;
};

std::vector<Case> ReadCases() {
  std::ifstream file(MILLRACE_SOURCE_DIR "/src/feature/expression/expressions.txt");
  std::vector<Case> cases;
  Row row(TestSchema().size(), Null{});
  row[17] = int64_t{11};
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("row ")) {
      size_t at = 4;
      while (at < line.size()) {
        const size_t equals = line.find('=', at);
        size_t end = line.find(' ', equals);
        if (end == std::string::npos) end = line.size();
        const size_t column = TestSchema().Find(line.substr(at, equals - at)).value();
        row[column] = ParseValue(line.substr(equals + 1, end - equals - 1), TestSchema()[column].type);
        at = end + 1;
      }
    } else if (const size_t bad = line.find(" !! "); bad != std::string::npos) {
      cases.push_back({number, line.substr(0, bad), "", line.substr(bad + 4), row});
    } else {
      const size_t arrow = line.rfind(" => ");
      const size_t space = line.find(' ', arrow + 4);
      cases.push_back({number, line.substr(0, arrow), line.substr(arrow + 4, space - arrow - 4),
                       line.substr(space + 1), row});
    }
  }
  return cases;
}

TEST(Expression, GivesWhatTheTableOfExpressionsSays) {
  int checked = 0;
  for (const Case& c : ReadCases()) {
    SCOPED_TRACE(fmt::format("expressions.txt:{}: {}", c.line, c.expression));
    const Result<Expression> expression = Expression::Compile(c.expression, TestSchema());
    ++checked;
    if (c.type.empty()) {
      EXPECT_EQ(expression.status().message(), c.expected);
      continue;
    }
    ASSERT_TRUE(expression.ok()) << expression.status().ToString();
    EXPECT_EQ(DataTypeName(expression->type()), c.type);
    const Value expected = ParseValue(c.expected, expression->type());
    const Result<Column> column = expression->Evaluate(TableOf(TestSchema(), {c.row, c.row}));
    ASSERT_TRUE(column.ok()) << column.status().ToString();
    EXPECT_TRUE(Same(column->Get(1), expected)) << ToText(column->Get(1));
    Expression::Scratch scratch(*expression);
    const Value online = ToValue(expression->EvaluateRow(CellsOf(c.row), scratch), expression->type());
    EXPECT_TRUE(Same(online, expected)) << ToText(online);

    const Result<Expression> again = Expression::Compile(expression->Canonical(), TestSchema());
    ASSERT_TRUE(again.ok()) << expression->Canonical() << ": " << again.status().ToString();
    EXPECT_EQ(again->Canonical(), expression->Canonical());
    const Result<Column> same = again->Evaluate(TableOf(TestSchema(), {c.row}));
    EXPECT_TRUE(Same(same->Get(0), expected)) << expression->Canonical();
  }
  EXPECT_GT(checked, 250);
}

TEST(Expression, CanonicalTextIsOneForAllSpellings) {
  const struct {
    const char* text;
    const char* canonical;
  } kCases[] = {
      {"((a+1))*2", "(a + 1) * 2"},
      {"a+(1*2)", "a + 1 * 2"},
      {"a-(b-1)", "a - (b - 1)"},
      {"(a-b)-1", "a - b - 1"},
      {"NOT (p AND q)", "not (p and q)"},
      {"not (a == 1)", "not a == 1"},
      {"(not p) == q", "(not p) == q"},
      {"not (n IS NULL)", "n is not null"},
      {"not a in (1,2)", "a not in (1, 2)"},
      {"if(p,1,2)", "case when p then 1 else 2 end"},
      {"case when p then 1 end", "case when p then 1 else null end"},
      {"1.50", "1.5"},
      {"2.0", "2.0"},
      {"1e30", "1e+30"},
      {"-(5)", "-5"},
      {"-(a)", "-a"},
      {"- - a", "--a"},
      {"-(-9223372036854775808)", "-(-9223372036854775808)"},
      {"\"odd name\" + \"a\"", "\"odd name\" + a"},
      {"hour( t , 'UTC' )", "hour(t, 'UTC')"},
      {"(a // b) % 2 == (x <= 1)", ""},
  };
  for (const auto& c : kCases) {
    const auto expression = Expression::Compile(c.text, TestSchema());
    if (*c.canonical == '\0') {
      EXPECT_FALSE(expression.ok());
      continue;
    }
    ASSERT_TRUE(expression.ok()) << c.text << ": " << expression.status().ToString();
    EXPECT_EQ(expression->Canonical(), c.canonical);
    EXPECT_EQ(Expression::Compile(c.canonical, TestSchema())->Canonical(), c.canonical);
  }
}

TEST(Expression, ListsTheColumnsThatItReads) {
  const auto expression = Expression::Compile("if(p, x, x + a) > coalesce(x, 1)", TestSchema()).value();
  EXPECT_EQ(expression.Columns(), (std::vector<std::string>{"a", "x", "p"}));
  EXPECT_EQ(expression.ColumnIndices(), (std::vector<size_t>{0, 2, 8}));
  EXPECT_FALSE(expression.IsColumn());
  EXPECT_TRUE(Expression::Compile("(x)", TestSchema())->IsColumn());
  EXPECT_FALSE(Expression::Compile("1", TestSchema())->IsColumn());
  EXPECT_TRUE(Expression::Compile("1 + 2", TestSchema())->Columns().empty());
}

TEST(Expression, FindsColumnsByNameInAnyTable) {
  const auto expression = Expression::Compile("x * 2", TestSchema()).value();
  const Table other = TableOf(Schema({{"z", DataType::kBool}, {"x", DataType::kDouble}}), {{true, 4.0}});
  EXPECT_EQ(expression.Evaluate(other)->doubles()[0], 8.0);
  const Table wrong = TableOf(Schema({{"x", DataType::kInt64}}), {{int64_t{4}}});
  EXPECT_EQ(expression.Evaluate(wrong).status().message(),
            "column x is int64, but x * 2 was compiled for double");
  EXPECT_EQ(expression.Evaluate(Table()).status().code(), Code::kNotFound);
}

TEST(Expression, ValuesUnderNullsAreZero) {
  const auto expression = Expression::Compile("nullif(a, 7)", TestSchema()).value();
  Row row(TestSchema().size(), Null{});
  row[0] = int64_t{7};
  EXPECT_EQ(expression.Evaluate(TableOf(TestSchema(), {row}))->ints()[0], 0);
}

TEST(Expression, TextIsBounded) {
  EXPECT_FALSE(Expression::Compile(std::string(5000, ' ') + "1", TestSchema()).ok());
  const auto repeat = [](const std::string& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  EXPECT_TRUE(Expression::Compile(repeat("(", 63) + "1" + repeat(")", 63), TestSchema()).ok());
  for (const std::string& deep :
       {repeat("(", 64) + "1" + repeat(")", 64), repeat("-", 2000) + "a", repeat("not ", 900) + "p",
        repeat("abs(", 900), repeat("case when ", 300)}) {
    EXPECT_NE(Expression::Compile(deep, TestSchema()).status().message().find("64 levels"),
              std::string::npos);
  }
  const auto wide = Expression::Compile("a" + repeat("+1", 1000), TestSchema());
  EXPECT_NE(wide.status().message().find("more than 1024 parts"), std::string::npos);
  // A long chain is not deep; its canonical text compiles again.
  const auto chain = Expression::Compile("a" + repeat("-1", 500), TestSchema());
  ASSERT_TRUE(chain.ok()) << chain.status().ToString();
  EXPECT_TRUE(Expression::Compile(chain->Canonical(), TestSchema()).ok() || chain->Canonical().size() > 4096);
  const auto builders = Expression::Compile("length(concat(" + repeat("lower(s),", 64) + "s))", TestSchema());
  EXPECT_FALSE(builders.ok());
}

TEST(Expression, BuiltTextBeyondTheBoundIsNull) {
  const Schema schema({{"s", DataType::kString}});
  const auto twice = Expression::Compile("concat(s, s)", schema).value();
  const auto lower = Expression::Compile("lower(s)", schema).value();
  const auto whole = Expression::Compile("substring(s, 1)", schema).value();
  const Table table =
      TableOf(schema, {{std::string(32'768, 'A')}, {std::string(32'769, 'A')}, {std::string(70'000, 'A')}});
  EXPECT_EQ(twice.Evaluate(table)->String(0).size(), 65'536u);
  EXPECT_TRUE(twice.Evaluate(table)->IsNull(1));
  EXPECT_FALSE(lower.Evaluate(table)->IsNull(1));
  EXPECT_TRUE(lower.Evaluate(table)->IsNull(2));
  EXPECT_EQ(whole.Evaluate(table)->String(2).size(), 70'000u);
}

TEST(Expression, TheReadmeListsEveryOperation) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/src/feature/expression/README.md");
  const std::string readme((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (const expression::Operation& operation : expression::AllOperations()) {
    const std::string line = fmt::format("| `{}` | {} |", operation.usage, operation.meaning);
    EXPECT_NE(readme.find(line), std::string::npos) << line;
  }
}

TEST(Expression, ARowAllocatesNothing) {
#ifdef __SANITIZE_ADDRESS__
  const auto expression =
      Expression::Compile(
          "contains(concat(lower(s), string(x), string(t)), 'he') and hour(t, 'Europe/Zurich') > a",
          TestSchema())
          .value();
  Row row(TestSchema().size(), Null{});
  row[0] = int64_t{3};
  row[2] = 0.1;
  row[4] = std::string("Hello");
  row[6] = EventTime{1'532'755'815'000'000};
  const std::vector<Cell> cells = CellsOf(row);
  Expression::Scratch scratch(expression);
  expression.EvaluateRow(cells, scratch);  // grows the scratch
  static thread_local int allocations = 0;
  allocations = 0;
  const int hooks = __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, size_t) { ++allocations; }, [](const volatile void*) {});
  ASSERT_NE(hooks, 0);
  for (int i = 0; i < 100; ++i) expression.EvaluateRow(cells, scratch);
  const int during = allocations;
  EXPECT_EQ(during, 0);
  EXPECT_TRUE(expression.EvaluateRow(cells, scratch).boolean);
#else
  GTEST_SKIP() << "allocations are counted by AddressSanitizer's hooks, in the debug preset";
#endif
}

}  // namespace
}  // namespace millrace::feature
