#include "source/internal/typed_value.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"

namespace millrace::source::internal {
namespace {

constexpr auto kBool = DataType::kBool;
constexpr auto kInt = DataType::kInt64;
constexpr auto kDouble = DataType::kDouble;
constexpr auto kString = DataType::kString;
constexpr auto kTime = DataType::kTimestamp;

// The value as text, or "!" when there is none.
std::string Shown(const Result<Value>& value) { return value.ok() ? ToText(*value) : "!"; }

struct Case {
  const char* text;
  DataType type;
  const char* expected;
};

TEST(ParseText, IsExactOrRefused) {
  for (const Case& c : {
           Case{"9223372036854775807", kInt, "9223372036854775807"},
           {"9223372036854775808", kInt, "!"},
           {"-9223372036854775808", kInt, "-9223372036854775808"},
           {"+7", kInt, "7"},
           {"+-7", kInt, "!"},
           {"1.0", kInt, "!"},
           {"1e3", kInt, "!"},
           {" 7", kInt, "!"},
           {"0x10", kInt, "!"},
           {"", kInt, "!"},
           {"0.1", kDouble, "0.1"},
           {"1e400", kDouble, "!"},
           {"9007199254740993", kDouble, "9007199254740992"},
           {"-inf", kDouble, "-inf"},
           {"1,5", kDouble, "!"},
           {"True", kBool, "true"},
           {"0", kBool, "false"},
           {"yes", kBool, "!"},
           {"", kString, "''"},
           {"2018-07-25", kTime, "2018-07-25T00:00:00Z"},
           {"2018-07-25T02:00:00+02:00", kTime, "2018-07-25T00:00:00Z"},
           {"2018-07-25 00:00:00.000001", kTime, "2018-07-25T00:00:00.000001Z"},
           {"2018-07-25T00:00:00.0000001Z", kTime, "!"},
           {"25.07.2018", kTime, "!"},
           {"1532476800", kTime, "!"},
       }) {
    EXPECT_EQ(Shown(ParseText(c.text, c.type, TimeZone())), c.expected) << c.text;
  }
  EXPECT_TRUE(std::isnan(std::get<double>(ParseText("nan", kDouble, TimeZone()).value())));
}

TEST(ParseText, TimesWithoutAnOffsetAreInTheZoneAndOthersAreNot) {
  const TimeZone zone = TimeZone::Load("+02:00").value();
  for (const Case& c : {
           Case{"2018-07-25", kTime, "2018-07-24T22:00:00Z"},
           {"2018-07-25 12:30:00", kTime, "2018-07-25T10:30:00Z"},
           {"2018-07-25T12:30:00Z", kTime, "2018-07-25T12:30:00Z"},
           {"2018-07-25T12:30:00-01:00", kTime, "2018-07-25T13:30:00Z"},
       }) {
    EXPECT_EQ(Shown(ParseText(c.text, c.type, zone)), c.expected) << c.text;
  }
}

TEST(FromJson, TakesNumbersAsTheyAreWritten) {
  for (const Case& c : {
           Case{"null", kInt, "null"},
           {"9223372036854775807", kInt, "9223372036854775807"},
           {"9223372036854775808", kInt, "!"},
           {"123456789012345678901234567890", kInt, "!"},
           {"-9223372036854775808", kInt, "-9223372036854775808"},
           {"1.5", kInt, "!"},
           {"1.0", kInt, "!"},
           {"true", kInt, "!"},
           {"\"1\"", kInt, "!"},
           {"3", kDouble, "3"},
           {"0.1", kDouble, "0.1"},
           {"\"0.1\"", kDouble, "!"},
           {"1", kBool, "!"},
           {"false", kBool, "false"},
           {"5", kString, "!"},
           {"\"5\"", kString, "'5'"},
           {"\"2018-07-25T00:00:00Z\"", kTime, "2018-07-25T00:00:00Z"},
           {"1532476800", kTime, "!"},
           {"[1]", kInt, "!"},
           {"{}", kString, "!"},
       }) {
    EXPECT_EQ(Shown(FromJson(ParseJson(c.text).value(), c.type, TimeZone())), c.expected) << c.text;
  }
}

TEST(CastExactly, LosesNothing) {
  struct Cast {
    Value value;
    DataType to;
    const char* expected;
  };
  const int64_t big = (int64_t{1} << 53) + 1;
  for (const Cast& c : {
           Cast{3.0, kInt, "3"},
           {3.5, kInt, "!"},
           {9223372036854775808.0, kInt, "!"},
           {-9223372036854775808.0, kInt, "-9223372036854775808"},
           {std::nan(""), kInt, "!"},
           {big, kDouble, "!"},
           {int64_t{1} << 53, kDouble, "9007199254740992"},
           {INT64_MAX, kDouble, "!"},
           {INT64_MIN, kDouble, "-9.223372036854776e+18"},
           {int64_t{1}, kBool, "true"},
           {int64_t{2}, kBool, "!"},
           {true, kInt, "1"},
           {int64_t{7}, kString, "'7'"},
           {std::string("7"), kInt, "7"},
           {std::string("x"), kInt, "!"},
           {EventTime{0}, kString, "'1970-01-01T00:00:00Z'"},
           {Null{}, kInt, "null"},
       }) {
    EXPECT_EQ(Shown(CastExactly(c.value, c.to, TimeZone())), c.expected) << ToText(c.value);
  }
  EXPECT_FALSE(IsCastable(kTime, kInt));
  EXPECT_FALSE(IsCastable(kBool, kDouble));
  EXPECT_TRUE(IsCastable(kInt, kDouble));
}

}  // namespace
}  // namespace millrace::source::internal
