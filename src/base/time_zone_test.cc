// The oracle is the C library's own reader of the same zones.
#include "base/time_zone.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <limits>

#include "base/file.h"

namespace millrace {
namespace {

constexpr int64_t kSecond = 1'000'000;

int64_t Micros(const char* text) { return ParseTime(text).value().micros; }

TimeZone Zone(const char* name) {
  Result<TimeZone> zone = TimeZone::Load(name);
  EXPECT_TRUE(zone.ok()) << zone.status().ToString();
  return zone.ok() ? *zone : TimeZone();
}

class TimeZoneTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!FileExists("/usr/share/zoneinfo/Europe/Zurich"))
      GTEST_SKIP() << "the package tzdata is not installed";
  }
};

TEST_F(TimeZoneTest, OffsetsEqualTheCLibrarysFrom1900To2100) {
  for (const char* name :
       {"Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
        "America/Sao_Paulo", "Pacific/Apia", "Europe/Dublin", "Asia/Tehran"}) {
    setenv("TZ", name, 1);
    tzset();
    const TimeZone zone = Zone(name);
    // A step that hits every hour of the day and every day of the week.
    for (int64_t t = -2'208'988'800; t < 4'102'444'800; t += 61 * 3600 + 1) {
      const time_t c_time = t;
      struct tm local{};
      localtime_r(&c_time, &local);
      ASSERT_EQ(zone.UtcOffset({t * kSecond}), std::chrono::seconds(local.tm_gmtoff)) << name << " " << t;
    }
  }
  unsetenv("TZ");
  tzset();
}

TEST_F(TimeZoneTest, EveryInstantIsFoundAgainFromItsLocalTimeUnlessShownTwice) {
  const TimeZone zone = Zone("Europe/Zurich");
  for (int64_t t = Micros("2000-01-01"); t < Micros("2030-01-01"); t += 1801 * kSecond) {
    const EventTime back = zone.FromLocal(zone.ToLocal({t}));
    ASSERT_TRUE(back.micros == t || back.micros == t - 3600 * kSecond) << FormatTime({t});
  }
}

TEST_F(TimeZoneTest, SkippedAndRepeatedTimesHaveTheOffsetFromBeforeTheChange) {
  const TimeZone zone = Zone("Europe/Zurich");
  struct Case {
    const char* local;
    const char* utc;
  };
  for (const Case& c : {Case{"2018-03-25T01:59:59Z", "2018-03-25T00:59:59Z"},
                        {"2018-03-25T02:30:00Z", "2018-03-25T01:30:00Z"},
                        {"2018-03-25T03:00:00Z", "2018-03-25T01:00:00Z"},
                        {"2018-10-28T02:30:00Z", "2018-10-28T00:30:00Z"},
                        {"2018-10-28T03:00:00Z", "2018-10-28T02:00:00Z"},
                        {"2050-07-01T12:00:00Z", "2050-07-01T10:00:00Z"}}) {
    EXPECT_EQ(FormatTime(zone.FromLocal(Micros(c.local))), c.utc) << c.local;
  }
}

TEST_F(TimeZoneTest, UnknownNamesAreRefusedWithTheNearest) {
  const Status status = TimeZone::Load("Europe/Zürich").status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(TimeZone::Load("Europe/Zurihc").status().message().find("Europe/Zurich"), std::string::npos);
  for (const char* name : {"", "../../etc/passwd", "/etc/passwd", "Europe", "tzdata.zi", "+2:00", "+99:00"}) {
    EXPECT_FALSE(TimeZone::Load(name).ok()) << name;
  }
}

TEST(TimeZoneFixed, UtcAndFixedOffsetsNeedNoFiles) {
  EXPECT_TRUE(TimeZone::Load("UTC").value().IsUtc());
  const TimeZone zone = TimeZone::Load("-05:30").value();
  EXPECT_EQ(zone.UtcOffset({0}), -std::chrono::minutes(330));
  EXPECT_EQ(zone.FromLocal(0).micros, 330 * 60 * kSecond);
}

TEST_F(TimeZoneTest, TheEndsOfTimeDoNotOverflow) {
  const TimeZone zone = Zone("America/New_York");
  for (const int64_t t : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    zone.UtcOffset({t});
    zone.FromLocal(t);
  }
}

TEST_F(TimeZoneTest, TruncatedAndDamagedFilesAreRefused) {
  const std::string bytes = ReadFile("/usr/share/zoneinfo/Europe/Zurich").value();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(TimeZone::Parse("x", bytes.substr(0, size)).ok()) << size;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xFF);
    const Result<TimeZone> zone = TimeZone::Parse("x", damaged);
    if (zone.ok()) zone->FromLocal(Micros("2018-03-25T02:30:00Z"));
  }
}

}  // namespace
}  // namespace millrace
