#include "base/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace {
namespace {

TEST(ParseTime, ReadsWhatFormatTimeWrites) {
  // Seconds checked with `date -u -d TEXT +%s`.
  const struct {
    const char* text;
    int64_t micros;
    const char* canonical;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
      {"2018-07-25", 1532476800000000, "2018-07-25T00:00:00Z"},
      {"2018-07-25 13:30", 1532525400000000, "2018-07-25T13:30:00Z"},
      {"2018-07-25T13:30:00.5+02:00", 1532518200500000, "2018-07-25T11:30:00.500Z"},
      {"2018-07-25T13:30:00.000001-0230", 1532534400000001, "2018-07-25T16:00:00.000001Z"},
      {"1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"},
      {"2020-02-29T00:00:00.1200000Z", 1582934400120000, "2020-02-29T00:00:00.120Z"},
  };
  for (const auto& c : cases) {
    const Result<EventTime> time = ParseTime(c.text);
    ASSERT_TRUE(time.ok()) << c.text << ": " << time.status().ToString();
    EXPECT_EQ(time->micros, c.micros) << c.text;
    EXPECT_EQ(FormatTime(*time), c.canonical);
    EXPECT_EQ(ParseTime(FormatTime(*time))->micros, c.micros);
  }
}

TEST(FormatTime, HoldsForEveryInstantThatMicrosecondsCanName) {
  EXPECT_EQ(FormatTime(EventTime{std::numeric_limits<int64_t>::max()}), "294247-01-10T04:00:54.775807Z");
  EXPECT_EQ(FormatTime(EventTime{std::numeric_limits<int64_t>::min()}), "-290308-12-21T19:59:05.224192Z");
}

TEST(ParseTime, RefusesWhatIsNotATime) {
  for (const char* text : {"", "today", "2018-13-01", "2019-02-29", "2018-07-25T25:00:00Z",
                           "2018-07-25T1:00:00Z", "2018-07-25T13:30:00.Z", "2018-07-25T13:30:00.0000001Z",
                           "2018-07-25T13:30:00+99:00", "2018-07-25T13:30:00Zjunk", "2018-07-25X"}) {
    EXPECT_EQ(ParseTime(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(ParseDuration, ReadsUnitsAndSums) {
  using namespace std::chrono_literals;
  const struct {
    const char* text;
    Micros duration;
    const char* canonical;
  } cases[] = {{"0", 0s, "0s"},           {"90s", 90s, "1m30s"},    {"7d", 168h, "7d"},
               {"2w", 336h, "14d"},       {"1d12h", 36h, "1d12h"},  {"36h", 36h, "1d12h"},
               {"250ms", 250ms, "250ms"}, {"5us", Micros(5), "5us"}};
  for (const auto& c : cases) {
    const Result<Micros> duration = ParseDuration(c.text);
    ASSERT_TRUE(duration.ok()) << c.text;
    EXPECT_EQ(*duration, c.duration) << c.text;
    EXPECT_EQ(FormatDuration(*duration), c.canonical);
  }
}

TEST(ParseDuration, RefusesWhatIsNotALength) {
  for (const char* text :
       {"", "7", "d", "-7d", "7 d", "7x", "1.5h", "99999999999999999999d", "9999999999d"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace millrace
