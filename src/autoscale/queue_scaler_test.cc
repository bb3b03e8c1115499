// Cases follow scale_scaledobjects_test.go and cron_scaler_test.go of kedacore/keda 2.20.
#include "autoscale/queue_scaler.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace::autoscale {
namespace {

using std::chrono::seconds;

const EventTime kNow{1'700'000'000'000'000};
EventTime After(int64_t s) { return kNow + Micros(seconds(s)); }

QueueSpec Spec(int32_t min = 0, int32_t max = 10) {
  QueueSpec spec;
  spec.triggers.push_back({"queue"});
  spec.min_replicas = min;
  spec.max_replicas = max;
  return spec;
}

QueueInput Input(EventTime now, int32_t replicas, double value) {
  return {now, replicas, replicas, {}, {{"", value, std::nullopt}}};
}

TEST(QueuePoll, WakesAndPutsToSleepAsKeda) {
  struct Case {
    const char* name;
    int32_t min;
    std::optional<int32_t> idle;
    int32_t replicas;
    double value;
    std::optional<int64_t> last_active;  // seconds before now
    int32_t expected;
    const char* reason;
  };
  const Case cases[] = {
      {"to minimum when not active", 0, {}, 2, 0, {}, 0, "ScalerNotActive"},
      {"from below the minimum", 2, {}, 1, 0, {}, 2, "ScalerNotActive"},
      {"from zero to the minimum when active", 5, {}, 0, 1, {}, 5, "ScalerActive"},
      {"from zero to one when active", 0, {}, 0, 1, {}, 1, "ScalerActive"},
      {"to idle when not active", 5, 0, 7, 0, {}, 0, "ScalerNotActive"},
      {"from idle to the minimum when active", 5, 0, 0, 1, {}, 5, "ScalerActive"},
      {"from above idle, below the minimum", 5, 0, 3, 1, {}, 5, "ScalerActive"},
      {"cooling down", 0, {}, 2, 0, 299, 2, "ScalerCooldown"},
      {"cooling down to the second", 0, {}, 2, 0, 300, 2, "ScalerCooldown"},
      {"cooled down", 0, {}, 2, 0, 301, 0, "ScalerNotActive"},
      {"idle cools down too", 5, 0, 7, 0, 10, 7, "ScalerCooldown"},
      {"a minimum never sleeps", 2, {}, 3, 0, 1000, 3, "ScalerNotActive"},
      {"asleep", 0, {}, 0, 0, 1000, 0, "ScalerNotActive"},
      {"active and awake", 0, {}, 3, 9, 1000, 3, "ScalerActive"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    QueueSpec spec = Spec(c.min);
    spec.idle_replicas = c.idle;
    QueueState state = StartQueue(spec, After(-3600));
    if (c.last_active) state.last_active = After(-*c.last_active);
    const QueueResult result = PollQueue(spec, Input(kNow, c.replicas, c.value), state);
    EXPECT_EQ(result.desired, c.expected);
    EXPECT_EQ(result.rescale, c.expected != c.replicas);
    EXPECT_EQ(result.reason, c.reason);
    EXPECT_EQ(result.active, c.value > 0);
    EXPECT_EQ(result.state.last_active == kNow, c.value > 0);
  }
}

TEST(QueuePoll, WaitsForTheInitialCooldownOfWhatWasNeverActive) {
  QueueSpec spec = Spec();
  spec.initial_cooldown_period = seconds(120);
  EXPECT_FALSE(PollQueue(spec, Input(After(120), 2, 0), StartQueue(spec, kNow)).rescale);
  EXPECT_TRUE(PollQueue(spec, Input(After(121), 2, 0), StartQueue(spec, kNow)).rescale);
}

TEST(QueuePoll, IsActiveOnlyAboveTheThreshold) {
  QueueSpec spec = Spec();
  spec.triggers[0].kind = MetricTrigger{10};
  EXPECT_FALSE(PollQueue(spec, Input(kNow, 0, 10), StartQueue(spec, kNow)).active);
  EXPECT_TRUE(PollQueue(spec, Input(kNow, 0, 10.5), StartQueue(spec, kNow)).active);
  QueueInput input = Input(kNow, 0, 0);
  input.readings[0].active = true;
  EXPECT_TRUE(PollQueue(spec, input, StartQueue(spec, kNow)).active) << "an external scaler decides itself";
}

TEST(QueuePoll, PutsNothingToSleepWhenATriggerCannotBeRead) {
  QueueSpec spec = Spec();
  spec.triggers.push_back({"other"});
  QueueInput input = Input(kNow, 3, 0);
  input.readings.push_back({"connection refused", 0, std::nullopt});
  QueueResult result = PollQueue(spec, input, StartQueue(spec, After(-9999)));
  EXPECT_EQ(result.desired, 3);
  EXPECT_EQ(
      result.explanation,
      (std::vector<std::string>{"queue is not active: 0 is not more than 0.", "other: connection refused.",
                                "A trigger could not be read, so nothing is put to sleep."}));
  input.readings[0].value = 5;
  result = PollQueue(spec, input, StartQueue(spec, After(-9999)));
  EXPECT_TRUE(result.active);
  EXPECT_FALSE(result.state.last_active.has_value());
  input.readings[1] = {"", std::nan(""), std::nullopt};
  EXPECT_EQ(PollQueue(spec, input, {}).explanation[1], "other: its value is no finite number.");
}

TEST(QueueSync, IsAnHpaOnTheTriggers) {
  struct Case {
    int32_t replicas;
    double value;
    int32_t expected;
  };
  // Five messages a replica are KEDA's usual target.
  const Case cases[] = {{1, 20, 4}, {2, 21, 4}, {4, 21, 4}, {4, 22.5, 5}, {0, 100, 0}, {10, 1000, 10}};
  for (const Case& c : cases) {
    const QueueSpec spec = Spec();
    const QueueResult result = SyncQueue(spec, Input(kNow, c.replicas, c.value), StartQueue(spec, kNow));
    EXPECT_EQ(result.desired, c.expected) << c.replicas << " at " << c.value;
  }
}

TEST(QueueSync, NeverGoesBelowOne) {
  const QueueSpec spec = Spec();
  QueueState state = StartQueue(spec, kNow);
  const QueueResult first = SyncQueue(spec, Input(kNow, 3, 0), state);
  EXPECT_EQ(first.desired, 3) << "the HPA's window holds";
  EXPECT_EQ(SyncQueue(spec, Input(After(301), 3, 0), first.state).desired, 1);
}

TEST(QueueSync, ReadsATargetForAllOfItToo) {
  QueueSpec spec = Spec();
  spec.triggers[0].type = TargetType::kValue;
  QueueInput input = Input(kNow, 2, 10);
  for (int i = 0; i < 2; ++i) input.pods.push_back({.name = fmt::format("pod-{}", i)});
  EXPECT_EQ(SyncQueue(spec, input, StartQueue(spec, kNow)).desired, 4);
}

Trigger Working(const char* start, const char* end, const char* zone, int32_t replicas) {
  return {
      "hours", TargetType::kAverageValue, 0,
      CronTrigger{*CronSchedule::Parse(start), *CronSchedule::Parse(end), *TimeZone::Load(zone), replicas}};
}

TEST(QueueCron, HoldsItsReplicasBetweenStartAndEnd) {
  struct Case {
    const char *start, *end, *zone, *now;
    bool active;
  };
  const Case cases[] = {
      {"0 8 * * *", "0 18 * * *", "UTC", "2026-11-24T07:59:59Z", false},
      {"0 8 * * *", "0 18 * * *", "UTC", "2026-11-24T08:00:00Z", true},
      {"0 8 * * *", "0 18 * * *", "UTC", "2026-11-24T17:59:59Z", true},
      {"0 8 * * *", "0 18 * * *", "UTC", "2026-11-24T18:00:00Z", false},
      {"0 22 * * *", "0 6 * * *", "UTC", "2026-11-24T23:00:00Z", true},
      {"0 22 * * *", "0 6 * * *", "UTC", "2026-11-24T05:00:00Z", true},
      {"0 22 * * *", "0 6 * * *", "UTC", "2026-11-24T12:00:00Z", false},
      {"0 8 * * *", "0 18 * * *", "Asia/Kolkata", "2026-11-24T02:30:00Z", true},
      {"0 8 * * MON-FRI", "0 18 * * MON-FRI", "UTC", "2026-11-22T12:00:00Z", false},
  };
  for (const Case& c : cases) {
    QueueSpec spec = Spec();
    spec.triggers = {Working(c.start, c.end, c.zone, 7)};
    ASSERT_TRUE(ValidateQueue(spec).ok());
    const EventTime now = *ParseTime(c.now);
    const QueueResult polled = PollQueue(spec, Input(now, 0, 0), StartQueue(spec, now));
    EXPECT_EQ(polled.active, c.active) << c.start << " at " << c.now;
    QueueInput awake = Input(now, 4, 0);
    QueueState state = StartQueue(spec, now);
    state.hpa.recommendations = {{1, now - Micros(seconds(900))}};
    EXPECT_EQ(SyncQueue(spec, awake, state).desired, c.active ? 7 : 1) << c.start << " at " << c.now;
  }
}

TEST(QueueCron, WorksBesideAQueue) {
  QueueSpec spec = Spec();
  spec.triggers.push_back(Working("0 8 * * *", "0 18 * * *", "UTC", 3));
  const EventTime now = *ParseTime("2026-11-24T09:00:00Z");
  QueueInput input = Input(now, 2, 50);
  input.readings.push_back({});
  const QueueResult result = SyncQueue(spec, input, StartQueue(spec, now));
  EXPECT_EQ(result.explanation[0],
            "external metric queue: it is 50 in all, and 5 for each replica is the target: it "
            "asks for 10 replicas.");
  EXPECT_EQ(result.desired, 4) << "at most twice as many, and at least 4, at a time";
}

TEST(QueueScaler, RefusesWhatMakesNoSense) {
  const auto message = [](auto change) {
    QueueSpec spec = Spec();
    change(spec);
    return ValidateQueue(spec).message();
  };
  EXPECT_EQ(message([](QueueSpec&) {}), "");
  EXPECT_EQ(message([](QueueSpec& s) { s.triggers.clear(); }), "there is no trigger");
  EXPECT_EQ(message([](QueueSpec& s) { s.triggers.push_back({"queue"}); }),
            "triggers[1]: the name 'queue' was given before");
  EXPECT_EQ(message([](QueueSpec& s) { s.min_replicas = 11; }),
            "minReplicaCount (11) is more than maxReplicaCount (10)");
  EXPECT_NE(message([](QueueSpec& s) { s.idle_replicas = 0; }), "");
  EXPECT_NE(message([](QueueSpec& s) { s.triggers[0].target = 0; }), "");
  EXPECT_NE(message([](QueueSpec& s) { s.triggers[0].type = TargetType::kUtilization; }), "");
  EXPECT_NE(message([](QueueSpec& s) { s.triggers = {Working("0 8 * * *", "0 8 * * *", "UTC", 1)}; }), "");
  EXPECT_NE(message([](QueueSpec& s) { s.polling_interval = Micros(0); }), "");
}

}  // namespace
}  // namespace millrace::autoscale
