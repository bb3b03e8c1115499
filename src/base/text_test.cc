#include "base/text.h"

#include <gtest/gtest.h>

#include "base/id.h"
#include "base/value.h"

namespace millrace {
namespace {

TEST(Nearest, FindsTheNameThatWasMeant) {
  const std::vector<std::string> names = {"windows", "where", "delay", "features", "n_estimators"};
  EXPECT_EQ(Nearest("windos", names), "windows");
  EXPECT_EQ(Nearest("dealy", names), "delay");
  EXPECT_EQ(Nearest("nestimators", names), "n_estimators");
  EXPECT_EQ(Nearest("zebra", names), "");
  EXPECT_EQ(Nearest(std::string(100000, 'w'), names), "");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(Split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
  EXPECT_EQ(Join(Split("a,,b", ','), "-"), "a--b");
}

TEST(MatchesGlob, StaysWithinOnePathPart) {
  EXPECT_TRUE(MatchesGlob("*.parquet", "a.parquet"));
  EXPECT_TRUE(MatchesGlob("tx-2018-??.csv", "tx-2018-04.csv"));
  EXPECT_FALSE(MatchesGlob("*.parquet", "a/b.parquet"));
  EXPECT_FALSE(MatchesGlob("a?b", "a/b"));
  EXPECT_TRUE(MatchesGlob("*", ""));
  // Exponential in a naive matcher.
  EXPECT_FALSE(MatchesGlob(std::string(60, '*') + "b", std::string(3000, 'a')));
}

TEST(RandomUuid, HasTheFormOfVersion4) {
  const std::string id = RandomUuid();
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
  EXPECT_NE(id, RandomUuid());
}

TEST(Value, SaysItsTypeAndText) {
  EXPECT_EQ(ToText(Value(Null{})), "null");
  EXPECT_EQ(ToText(Value(0.1)), "0.1");
  EXPECT_EQ(ToText(Value(EventTime{0})), "1970-01-01T00:00:00Z");
  EXPECT_EQ(TypeOf(Value(int64_t{1})), DataType::kInt64);
  EXPECT_EQ(TypeOf(Value(std::string("x"))), DataType::kString);
  for (const DataType type :
       {DataType::kBool, DataType::kInt64, DataType::kDouble, DataType::kString, DataType::kTimestamp}) {
    EXPECT_EQ(ParseDataType(DataTypeName(type)), type);
  }
}

TEST(IsUtf8, TakesWellFormedTextAndNothingElse) {
  for (const char* good : {"", "abc", "\u00e4", "\u20ac", "\U0001F600", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "a\xFFz", "\xE2\x82", "\xC3\x28"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace millrace
