#include "autoscale/trace.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"

namespace millrace::autoscale {
namespace {

using std::chrono::seconds;

TEST(Trace, ReadsRates) {
  const auto trace = ParseTrace("# a comment\ntime, rate , service_ms\n0,10,\n60,20.5,5\r\n\n90,0,", "t");
  ASSERT_TRUE(trace.ok()) << trace.status().ToString();
  EXPECT_EQ(trace->arrivals, Arrivals::kRate);
  ASSERT_EQ(trace->intervals.size(), 3u);
  EXPECT_EQ(trace->intervals[1].begin, seconds(60));
  EXPECT_EQ(trace->intervals[1].value, 20.5);
  EXPECT_EQ(trace->intervals[1].service_ms, 5);
  EXPECT_EQ(trace->duration, seconds(120)) << "the last row lasts as long as the one before it";
  EXPECT_EQ(trace->Requests(), 60 * 10 + 30 * 20.5);
  EXPECT_EQ(trace->PeakRate(), 20.5);
}

TEST(Trace, ReadsInstantsCountsAndRequests) {
  auto trace = ParseTrace("time,arrivals\n2026-11-24T00:00:00Z,5\n2026-11-24T00:00:10Z,7\n", "t");
  ASSERT_TRUE(trace.ok()) << trace.status().ToString();
  EXPECT_EQ(trace->arrivals, Arrivals::kCount);
  EXPECT_EQ(FormatTime(trace->start), "2026-11-24T00:00:00Z");
  EXPECT_EQ(trace->duration, seconds(20));
  EXPECT_EQ(trace->Requests(), 12);
  trace = ParseTrace("time\n0\n0\n1.5\n", "t");
  ASSERT_TRUE(trace.ok()) << trace.status().ToString();
  EXPECT_EQ(trace->arrivals, Arrivals::kRequest);
  EXPECT_EQ(trace->intervals.size(), 3u);
  EXPECT_EQ(trace->duration, Micros(2'500'000));
}

TEST(Trace, ReadsJsonLines) {
  const auto trace =
      ParseTrace("{\"time\": 0, \"rate\": 3}\n{\"service_ms\": 2.5, \"time\": 1, \"rate\": 4}\n", "t");
  ASSERT_TRUE(trace.ok()) << trace.status().ToString();
  EXPECT_EQ(trace->intervals[1].service_ms, 2.5);
  EXPECT_EQ(trace->Requests(), 7);
}

TEST(Trace, SaysWhichLineIsWrongAndWhy) {
  struct Case {
    const char *text, *message;
  };
  const Case cases[] = {
      {"", "t holds no rows"},
      {"time,rate\n", "t holds no rows"},
      {"time,rates\n0,1", "t, line 1: there is no column 'rates' in a trace; perhaps 'rate' is meant"},
      {"rate\n1", "t, line 1: there is no column 'time'"},
      {"time,time\n1,1", "t, line 1: the column 'time' comes twice"},
      {"time,rate\n0", "t, line 2: it has 1 of the header's 2 fields"},
      {"time,rate\n0,1,2", "t, line 2: it has more than the header's 2 fields"},
      {"time,rate\n0,x", "t, line 2: rate is 'x', and must be a number"},
      {"time,rate\n0,nan", "t, line 2: rate is 'nan', and must be a number"},
      {"time,rate\n0,-1", "t, line 2: -1 requests/s is not possible"},
      {"time,rate\n0,1e99", "t, line 2: 1e+99 requests/s is not possible"},
      {"time,rate\n5,1\n5,1", "t, line 3: its time is that of the row before"},
      {"time,rate\n5,1\n4,1", "t, line 3: its time is before that of the row before"},
      {"time,rate\n0,1\n9,",
       "t, line 3: the rows before count in another way (rate, arrivals, or one request a row)"},
      {"time,arrivals\n0,1.5", "t, line 2: arrivals is 1.5, and must be whole"},
      {"time,rate,arrivals\n0,1,1", "t, line 2: it has a rate and arrivals; give one of them"},
      {"time,rate\nnoon,1", "t, line 2: time is 'noon'; it must be seconds or RFC 3339"},
      {"time,rate\n-1,1", "t, line 2: time is -1 s; 0 to 366d can be"},
      {"{\"time\": 0, \"rate\": \"3\"}", "t, line 1: rate is no number"},
      {"{\"time\": 0}\n[1]", "t, line 2: it is no JSON object"},
  };
  for (const Case& c : cases) {
    const auto trace = ParseTrace(c.text, "t");
    ASSERT_FALSE(trace.ok()) << c.text;
    EXPECT_EQ(trace.status().message(), c.message);
  }
  EXPECT_FALSE(ParseTrace("time,rate\n0," + std::string(5000, '1'), "t").ok());
  EXPECT_FALSE(ParseTrace("time,rate\n0,9000000\n86400,0", "t").ok())
      << "more requests than can be simulated";
  EXPECT_FALSE(ParseTrace("time,rate\n2026-01-01,1\n5,1", "t").ok());
}

TEST(Trace, IsReadFromAFile) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/day.csv";
  ASSERT_TRUE(WriteFileAtomically(path, "time,rate\n0,1\n").ok());
  EXPECT_EQ(ReadTrace(path)->Requests(), 60);
  EXPECT_FALSE(ReadTrace(directory.path() + "/none.csv").ok());
}

TEST(Day, HasItsShape) {
  for (const std::string& name : DayNames()) {
    const auto day = MakeDay(name, 200, 1);
    ASSERT_TRUE(day.ok()) << day.status().ToString();
    EXPECT_EQ(day->duration, std::chrono::hours(24));
    EXPECT_DOUBLE_EQ(day->PeakRate(), 200) << name;
    const auto again = MakeDay(name, 200, 1);
    EXPECT_TRUE(
        std::equal(day->intervals.begin(), day->intervals.end(), again->intervals.begin(),
                   [](const TraceInterval& a, const TraceInterval& b) { return a.value == b.value; }));
    EXPECT_NE(MakeDay(name, 200, 2)->Requests(), day->Requests());
  }
  const Trace night = *MakeDay("night", 200, 1);
  EXPECT_EQ(night.intervals[5 * 60].value, 0);
  EXPECT_GT(night.intervals[12 * 60].value, 50);
  const Trace sale = *MakeDay("sale", 200, 1);
  EXPECT_GT(sale.intervals[19 * 60 + 10].value, 8 * sale.intervals[18 * 60 + 50].value);
  EXPECT_EQ(MakeDay("sales", 200, 1).status().message(),
            "there is no day 'sales'; there are sale, night, spike (perhaps 'sale' is meant)");
  EXPECT_FALSE(MakeDay("sale", 0, 1).ok());
}

}  // namespace
}  // namespace millrace::autoscale
