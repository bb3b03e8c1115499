#include "autoscale/cron.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace millrace::autoscale {
namespace {

std::string NextOf(const char* schedule, const char* after, const char* zone = "UTC") {
  const auto next = CronSchedule::Parse(schedule)->Next(*ParseTime(after), *TimeZone::Load(zone));
  return next ? FormatTime(*next) : "never";
}

TEST(Cron, FindsTheNextTime) {
  struct Case {
    const char *schedule, *after, *next, *zone = "UTC";
  };
  // The first rows are those of robfig/cron's own spec_test.go.
  const Case cases[] = {
      {"0/15 * * * *", "2012-07-09T14:45:00Z", "2012-07-09T15:00:00Z"},
      {"0/15 * * * *", "2012-07-09T14:59:59Z", "2012-07-09T15:00:00Z"},
      {"20-35/15 * * * *", "2012-07-09T15:45:00Z", "2012-07-09T16:20:00Z"},
      {"20-35/15 * * * *", "2012-07-09T23:46:00Z", "2012-07-10T00:20:00Z"},
      {"20-35/15 1/2 * * *", "2012-07-09T23:46:00Z", "2012-07-10T01:20:00Z"},
      {"20-35/15 10-12 * * *", "2012-07-09T23:46:00Z", "2012-07-10T10:20:00Z"},
      {"20-35/15 1/2 */2 * *", "2012-07-09T23:46:00Z", "2012-07-11T01:20:00Z"},
      {"0 0 9 Apr-Oct ?", "2012-07-09T23:35:00Z", "2012-08-09T00:00:00Z"},
      {"0 0 */5 Apr,Aug,Oct Mon", "2012-07-09T23:35:00Z", "2012-08-01T00:00:00Z"},
      {"0 0 */5 Oct Mon", "2012-07-09T23:35:00Z", "2012-10-01T00:00:00Z"},
      {"0 0 * Feb Mon", "2012-07-09T23:35:00Z", "2013-02-04T00:00:00Z"},
      {"0 0 * Feb Mon/2", "2012-07-09T23:35:00Z", "2013-02-01T00:00:00Z"},
      {"0 0 29 Feb ?", "2012-07-09T23:35:00Z", "2016-02-29T00:00:00Z"},
      {"30 2 11 Mar ?", "2012-03-11T00:00:00-05:00", "2013-03-11T06:30:00Z", "America/New_York"},
      {"0 0 30 Feb ?", "2012-07-09T23:35:00Z", "never"},
      {"0 0 31 Apr ?", "2012-07-09T23:35:00Z", "never"},
      {"0 * * * *", "2012-11-04T05:00:00Z", "2012-11-04T06:00:00Z", "America/New_York"},
      {"0 1 4 Nov ?", "2012-11-04T05:00:00Z", "2012-11-04T06:00:00Z", "America/New_York"},
      {"30 8 * * MON-FRI", "2026-11-20T09:00:00Z", "2026-11-23T08:30:00Z"},
      {"0 8 * * *", "2026-11-24T06:59:00Z", "2026-11-24T07:00:00Z", "Europe/Zurich"},
      {"* * * * *", "2026-11-24T06:59:59.999Z", "2026-11-24T07:00:00Z"},
  };
  for (const Case& c : cases) EXPECT_EQ(NextOf(c.schedule, c.after, c.zone), c.next) << c.schedule;
}

TEST(Cron, SaysWhatIsWrong) {
  EXPECT_EQ(CronSchedule::Parse("* * * *").status().message(),
            "the cron schedule '* * * *' has 4 fields; it needs 5: minute, hour, day of the month, month, "
            "day of the "
            "week");
  EXPECT_EQ(CronSchedule::Parse("60 * * * *").status().message(),
            "the cron schedule '60 * * * *': the minute '60' is not one of 0 to 59");
  for (const char* wrong :
       {"", "a * * * *", "5-1 * * * *", "*/0 * * * *", "*/x * * * *", "1/2/3 * * * *", "1-2-3 * * * *",
        "* * 0 * *", "* * * 13 *", "* * * * 7", "*- * * * *", ", * * * *", "-1 * * * *", "@daily"}) {
    EXPECT_FALSE(CronSchedule::Parse(wrong).ok()) << wrong;
  }
  EXPECT_FALSE(CronSchedule::Parse(std::string(300, '*')).ok());
}

TEST(Cron, EndsAtTheEdgesOfTime) {
  const CronSchedule never = *CronSchedule::Parse("0 0 30 2 *");
  EXPECT_FALSE(never.Next({INT64_MAX}, TimeZone()).has_value());
  EXPECT_FALSE(never.Next({INT64_MIN}, TimeZone()).has_value());
  EXPECT_TRUE(CronSchedule::Parse("*/99999 * * * *")->Next({0}, TimeZone()).has_value());
}

}  // namespace
}  // namespace millrace::autoscale
