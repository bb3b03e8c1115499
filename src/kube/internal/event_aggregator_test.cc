#include "kube/internal/event_aggregator.h"

#include <gtest/gtest.h>

namespace millrace::kube::internal {
namespace {

using std::chrono::seconds;
const EventTime kStart = ParseTime("2026-11-24T10:00:00Z").value();

EventRemark Remark(const std::string& reason, const std::string& name = "train") {
  return {
      {{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"namespace", "a"}, {"name", name}, {"uid", "u-" + name}},
      "Warning",
      reason,
      "Admit",
      "the quota is used up"};
}

EventTime After(int s) { return kStart + Micros(seconds(s)); }

TEST(EventAggregator, TheFirstRemarkIsAnEvent) {
  EventAggregator events({});
  const auto write = events.Add(Remark("QuotaExceeded"), kStart);
  ASSERT_TRUE(write.has_value());
  EXPECT_FALSE(write->is_patch);
  EXPECT_EQ(write->ns, "a");
  EXPECT_TRUE(write->name.starts_with("train."));
  EXPECT_EQ(write->object["eventTime"], "2026-11-24T10:00:00.000000Z");
  EXPECT_EQ(write->object["regarding"]["uid"], "u-train");
  EXPECT_FALSE(write->object.contains("series"));
}

TEST(EventAggregator, RepetitionsBecomeASeriesThatIsWrittenSeldom) {
  EventAggregator events({});
  const auto first = events.Add(Remark("R"), kStart);
  const auto second = events.Add(Remark("R"), After(1));
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->is_patch);
  EXPECT_EQ(second->name, first->name);
  EXPECT_EQ(second->object["series"]["count"], 2);
  for (int s = 2; s < 61; ++s) EXPECT_FALSE(events.Add(Remark("R"), After(s)).has_value()) << s;
  const auto due = events.Add(Remark("R"), After(61));
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(due->object["series"]["count"], 62);
  EXPECT_EQ(due->object["series"]["lastObservedTime"], "2026-11-24T10:01:01.000000Z");
  EXPECT_TRUE(events.Add(Remark("Other"), After(62)).has_value());
}

TEST(EventAggregator, AFlushWritesWhatWasCounted) {
  EventAggregator events({});
  (void)events.Add(Remark("R"), kStart);
  (void)events.Add(Remark("R"), After(1));
  (void)events.Add(Remark("R"), After(2));
  EXPECT_TRUE(events.Flush(After(30)).empty());
  const auto writes = events.Flush(After(61));
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0].object["series"]["count"], 3);
  EXPECT_TRUE(events.Flush(After(200)).empty());
  EXPECT_TRUE(events.FlushAll(After(200)).empty());
}

TEST(EventAggregator, ASilentSeriesEnds) {
  EventAggregator events({});
  const auto first = events.Add(Remark("R"), kStart);
  EXPECT_TRUE(events.Flush(After(359)).empty());
  EXPECT_EQ(events.series(), 1U);
  EXPECT_TRUE(events.Flush(After(360)).empty());
  EXPECT_EQ(events.series(), 0U);
  const auto again = events.Add(Remark("R"), After(361));
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->is_patch);
  EXPECT_NE(again->name, first->name);
}

TEST(EventAggregator, AnObjectThatTalksTooMuchIsCutAndCounted) {
  EventAggregator events({.burst = 5, .refill = seconds(10)});
  int written = 0;
  for (int i = 0; i < 20; ++i)
    written += events.Add(Remark(fmt::format("R{}", i)), kStart).has_value() ? 1 : 0;
  EXPECT_EQ(written, 5);
  EXPECT_EQ(events.dropped(), 15);
  EXPECT_TRUE(events.Add(Remark("R", "another"), kStart).has_value());
  EXPECT_TRUE(events.Add(Remark("Later"), After(10)).has_value());
}

TEST(EventAggregator, MemoryIsBounded) {
  EventAggregator events({.max_series = 10});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(events.Add(Remark("R", fmt::format("job-{}", i)), After(i % 300)).has_value());
  }
  EXPECT_LE(events.series(), 10U);
}

TEST(EventAggregator, TextsFitTheApi) {
  EventAggregator events({});
  EventRemark remark = Remark("R", std::string(253, 'n'));
  remark.note = std::string(1023, 'x') + "é";
  const auto write = events.Add(remark, kStart);
  ASSERT_TRUE(write.has_value());
  EXPECT_EQ(write->name.size(), 253U);
  EXPECT_EQ(write->object["note"], std::string(1023, 'x'));
  remark.regarding.erase("namespace");
  EXPECT_EQ(events.Add(remark, kStart)->ns, "default");
}

}  // namespace
}  // namespace millrace::kube::internal
