// Cases and figures are those of knative/serving's autoscaler_test.go and scaler_test.go.
#include "autoscale/kpa.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace::autoscale {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const EventTime kNow{1'700'000'000'000'000};

// Knative's tests: 75% utilization, and rates of ten.
KpaSpec TestSpec(double target, double burst) {
  KpaSpec spec;
  spec.total_value = target / 0.75;
  spec.target_utilization = 0.75;
  spec.target_burst_capacity = burst;
  spec.max_scale_up_rate = 10;
  spec.max_scale_down_rate = 10;
  return spec;
}

// One autoscaler over time.
struct Scaler {
  KpaSpec spec;
  KpaState state;
  int32_t ready = 1;

  explicit Scaler(KpaSpec s) : spec(std::move(s)), state(StartKpa(spec, kNow, 1)) {}

  KpaDecision Decide(double stable, double panic, EventTime now = kNow) {
    KpaDecision decision = DecideKpa(spec, {now, ready, ready, stable, panic}, state);
    state = decision.state;
    return decision;
  }

  void Expect(int32_t desired, double stable, double panic, EventTime now = kNow) {
    const KpaDecision decision = Decide(stable, panic, now);
    EXPECT_TRUE(decision.valid);
    EXPECT_EQ(decision.desired, desired)
        << stable << ", " << panic << " at " << (now - kNow).count() / 1e6 << " s";
    if (spec.target_burst_capacity > 0) {
      const double capacity = spec.total_value * ready - spec.target_burst_capacity - panic;
      EXPECT_EQ(decision.excess_burst_capacity, static_cast<int32_t>(std::floor(capacity)));
    }
  }
};

EventTime After(int64_t s) { return kNow + Micros(seconds(s)); }

TEST(Kpa, DecidesAsKnativesTable) {
  struct Case {
    const char* name;
    double target, burst, stable, panic;
    int32_t ready, expected;
    double up = 10, down = 10;
    bool panicking = false, reachable = true;
  };
  const Case cases[] = {
      {"nothing at one", 10, 100, 0, 0, 1, 0},
      {"unlimited burst", 181, -1, 21, 26, 1, 1},
      {"no burst", 10, 0, 50, 49, 1, 5},
      {"stable", 10, 100, 50, 50, 1, 5},
      {"panic, stable is larger", 1, 100, 50, 30, 5, 50, 10, 10, true},
      {"panic, stable is smaller", 1, 100, 20, 30, 5, 30, 10, 10, true},
      {"already scaled", 10, 100, 50, 50, 5, 5},
      {"small rate up", 1, 1982, 3, 3.1, 2, 3, 1.1},
      {"small rate down", 10, 1982, 1, 1, 100, 90, 10, 1.1},
      {"not reachable", 10, 1982, 1, 1, 100, 1, 10, 1.1, false, false},
      {"panic doubles", 10, 84, 50, 100, 1, 10},
      {"no ready pod counts as one", 10, 81, 1000, 888, 0, 10},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Scaler scaler(TestSpec(c.target, c.burst));
    scaler.spec.max_scale_up_rate = c.up;
    scaler.spec.max_scale_down_rate = c.down;
    scaler.spec.reachable = c.reachable;
    if (c.panicking) scaler.state.panic_since = kNow - Micros(seconds(5));
    if (c.panicking) scaler.state.max_panic_pods = 5;
    scaler.ready = c.ready;
    scaler.Expect(c.expected, c.stable, c.panic);
    if (c.burst <= 0) {
      EXPECT_EQ(scaler.Decide(c.stable, c.panic).excess_burst_capacity, static_cast<int32_t>(c.burst));
    }
  }
}

TEST(Kpa, DecidesNothingWithoutData) {
  const KpaSpec spec = TestSpec(10, 100);
  const KpaDecision decision =
      DecideKpa(spec, {kNow, 1, 1, std::nullopt, std::nullopt}, StartKpa(spec, kNow, 1));
  EXPECT_FALSE(decision.valid);
  EXPECT_EQ(decision.explanation.at(0), "There is no data to scale on yet.");
}

TEST(Kpa, StartsInPanicWithMoreThanOnePod) {
  for (const int32_t ready : {0, 1, 2}) {
    const KpaState state = StartKpa(TestSpec(100, 11), kNow, ready);
    EXPECT_EQ(state.panic_since.has_value(), ready == 2);
    EXPECT_EQ(state.max_panic_pods, ready);
  }
}

TEST(Kpa, LeavesPanicAfterASlowIncrease) {
  Scaler scaler(TestSpec(1, 98));
  scaler.ready = 10;
  scaler.Expect(25, 11, 25);
  EXPECT_EQ(scaler.state.panic_since, kNow);
  scaler.ready = 40;
  scaler.Expect(41, 30, 41, After(30));
  EXPECT_EQ(scaler.state.panic_since, kNow) << "it was not extended";
  scaler.ready = 55;
  scaler.Expect(50, 50, 56, After(62));
  EXPECT_FALSE(scaler.state.panic_since.has_value());
}

TEST(Kpa, ExtendsPanicWhileItSurges) {
  Scaler scaler(TestSpec(1, 98));
  scaler.ready = 10;
  scaler.Expect(25, 11, 25);
  scaler.ready = 40;
  scaler.Expect(80, 30, 80, After(30));
  EXPECT_EQ(scaler.state.panic_since, After(30));
}

TEST(Kpa, TracksAnExponentialRise) {
  Scaler scaler(TestSpec(1, 101));
  int64_t at = 0;
  for (const int32_t load : {6, 36, 216, 1296}) {
    scaler.Expect(load, load, load, After(at++));
    scaler.ready = load;
  }
  scaler.Expect(1296, 1296, 1296, After(at));
}

TEST(Kpa, GoesDownOnceAPanicIsOver) {
  Scaler scaler(TestSpec(10, 93));
  scaler.Expect(10, 100, 100);
  scaler.ready = 10;
  scaler.Expect(100, 100, 1000);
  scaler.Expect(100, 1, 1, After(30));
  scaler.Expect(1, 1, 1, After(61));
}

TEST(Kpa, LimitsTheRates) {
  Scaler up(TestSpec(10, 61));
  up.Expect(10, 1000, 1001);
  up.ready = 10;
  up.Expect(100, 1000, 1001);
  Scaler down(TestSpec(10, 61));
  down.ready = 100;
  down.Expect(10, 1, 1);
  down.ready = 10;
  down.Expect(1, 1, 1);
}

TEST(Kpa, StartsWithTheActivationScale) {
  Scaler scaler(TestSpec(10, 75));
  scaler.spec.activation_scale = 2;
  scaler.Expect(0, 0, 0);
  scaler.Expect(2, 1, 0);
}

TEST(Kpa, DelaysScalingDown) {
  KpaSpec spec = TestSpec(10, 0);
  spec.panic_threshold_percentage = 10'000;
  spec.scale_down_delay = minutes(5);
  // Knative's test counts from a round time.
  const EventTime start{0};
  const auto at = [&](int64_t s) { return start + Micros(seconds(s)); };
  Scaler scaler(spec);
  scaler.state = StartKpa(spec, start, 0);
  scaler.ready = 0;
  scaler.spec.max_scale_up_rate = 10;
  scaler.Expect(4, 40, 40, at(2));
  scaler.Expect(4, 0, 0, at(300));
  scaler.Expect(0, 0, 0, at(302));
  scaler.Expect(4, 40, 40, at(540));
  scaler.Expect(4, 30, 30, at(600));
  scaler.Expect(4, 0, 0, at(660));
  scaler.Expect(3, 0, 0, at(840));
  scaler.Expect(0, 0, 0, at(900));
  scaler.Expect(4, 40, 40, at(902));
  scaler.spec.reachable = false;
  scaler.Expect(0, 0, 0, at(904));
}

// One workload whose pods are ready at once.
struct Workload {
  KpaSpec spec;
  KpaState state;
  int32_t scale = 1;
  bool ready = true;

  KpaResult Tick(std::optional<double> load, EventTime now) {
    KpaResult result = EvaluateKpa(spec, {now, ready ? scale : 0, scale, load, load}, state);
    state = result.state;
    if (result.apply) scale = result.desired;
    return result;
  }
};

TEST(Kpa, GoesToZeroAfterTheStableWindowAndTheGrace) {
  Workload workload{TestSpec(10, 0), {}};
  workload.state = StartKpa(workload.spec, kNow, 1);
  EXPECT_EQ(workload.Tick(0, After(30)).explanation.back(),
            "It was active for only 30s of 1m: one pod stays.");
  EXPECT_FALSE(workload.Tick(0, After(60)).apply);
  EXPECT_EQ(workload.state.phase, KpaPhase::kInactive);
  workload.Tick(0, After(88));
  EXPECT_EQ(workload.scale, 1);
  workload.Tick(0, After(90));
  EXPECT_EQ(workload.scale, 0);
  workload.ready = false;
  workload.Tick(3, After(100));
  EXPECT_EQ(workload.scale, 1);
  EXPECT_EQ(workload.state.phase, KpaPhase::kActivating);
  EXPECT_EQ(workload.Tick(0, After(102)).explanation.back(),
            "It is being activated, and is left alone until then.");
  workload.Tick(0, After(100 + 610));
  EXPECT_EQ(workload.scale, 0) << "it never became ready";
}

TEST(Kpa, KeepsTheLastPodForItsRetention) {
  Workload workload{TestSpec(10, 0), {}};
  workload.spec.scale_to_zero_pod_retention = minutes(2);
  workload.state = StartKpa(workload.spec, kNow, 1);
  workload.Tick(0, After(60));
  workload.Tick(0, After(170));
  EXPECT_EQ(workload.scale, 1);
  workload.Tick(0, After(180));
  EXPECT_EQ(workload.scale, 0);
}

TEST(Kpa, KeepsWithinItsBounds) {
  Workload workload{TestSpec(10, 0), {}};
  workload.spec.min_scale = 2;
  workload.spec.max_scale = 4;
  workload.state = StartKpa(workload.spec, kNow, 1);
  workload.Tick(0, After(2));
  EXPECT_EQ(workload.scale, 2);
  workload.Tick(500, After(4));
  EXPECT_EQ(workload.scale, 4);
  workload.spec.min_scale = 0;
  workload.spec.enable_scale_to_zero = false;
  workload.state.panic_since.reset();
  workload.Tick(0, After(600));
  EXPECT_EQ(workload.scale, 1);
}

TEST(Kpa, ReachesTheInitialScaleFirst) {
  Workload workload{TestSpec(10, 0), {}};
  workload.spec.initial_scale = 3;
  workload.scale = 0;
  workload.state = StartKpa(workload.spec, kNow, 0);
  workload.Tick(std::nullopt, After(2));
  EXPECT_EQ(workload.scale, 3) << "before there is any data";
  workload.Tick(5, After(4));
  EXPECT_TRUE(workload.state.initialized);
  workload.Tick(5, After(6));
  EXPECT_EQ(workload.scale, 1) << "afterwards the initial scale is no bound";
}

TEST(Kpa, RefusesWhatMakesNoSense) {
  const auto message = [](auto change) {
    KpaSpec spec;
    change(spec);
    return ValidateKpa(spec).message();
  };
  EXPECT_EQ(message([](KpaSpec&) {}), "");
  EXPECT_NE(message([](KpaSpec& s) { s.total_value = std::nan(""); }), "");
  EXPECT_NE(message([](KpaSpec& s) { s.target_utilization = 1.5; }), "");
  EXPECT_NE(message([](KpaSpec& s) { s.stable_window = seconds(5); }), "");
  EXPECT_NE(message([](KpaSpec& s) { s.panic_threshold_percentage = 100; }), "");
  EXPECT_NE(message([](KpaSpec& s) { s.max_scale_down_rate = 1; }), "");
  EXPECT_NE(message([](KpaSpec& s) { s.target_burst_capacity = -2; }), "");
  EXPECT_EQ(message([](KpaSpec& s) {
              s.min_scale = 5;
              s.max_scale = 4;
            }),
            "the minimum scale (5) is above the maximum (4)");
}

}  // namespace
}  // namespace millrace::autoscale
