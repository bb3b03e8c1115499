#include "autoscale/hpa.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "autoscale/testing/hpa_cases.h"

namespace millrace::autoscale {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Evaluate;
using testing::ExternalEach;
using testing::ExternalInput;
using testing::ExternalSpec;
using testing::kNow;

TEST(Hpa, KeepsWithinItsLimits) {
  struct Case {
    int32_t current, asked, min, max, expected;
    const char* reason;
  };
  const Case cases[] = {
      {5, 7, 3, 8, 7, "DesiredWithinRange"},  {3, 1, 2, 8, 2, "TooFewReplicas"},
      {1, 0, 0, 10, 0, "DesiredWithinRange"}, {10, 1000, 1, 10, 10, "TooManyReplicas"},
      {3, 1000, 1, 2000, 6, "ScaleUpLimit"},  {1, 1000, 1, 2000, 4, "ScaleUpLimit"},
  };
  for (const Case& c : cases) {
    HpaState state;
    state.recommendations = {{0, kNow - Micros(minutes(1))}};
    const HpaResult result =
        Evaluate(ExternalSpec(c.min, c.max), ExternalInput(c.current, c.asked * 1000), state);
    EXPECT_EQ(result.desired, c.expected) << c.current << " " << c.asked;
    EXPECT_EQ(result.scaling_limited.reason, c.reason);
    EXPECT_EQ(result.rescale, c.expected != c.current);
  }
}

TEST(Hpa, AnswersBeforeAnyMetricWhenTheScaleIsOutside) {
  HpaResult result = Evaluate(ExternalSpec(1, 10), ExternalInput(0, 5000));
  EXPECT_FALSE(result.rescale);
  EXPECT_EQ(result.scaling_active.reason, "ScalingDisabled");
  result = Evaluate(ExternalSpec(1, 3), ExternalInput(10, 5000));
  EXPECT_TRUE(result.rescale);
  EXPECT_EQ(result.desired, 3);
  result = Evaluate(ExternalSpec(3, 5), ExternalInput(2, 5000));
  EXPECT_EQ(result.desired, 3);
  EXPECT_EQ(result.reason, "Current number of replicas below Spec.MinReplicas");
}

TEST(Hpa, HoldsTheMostOfTheWindowOnTheWayDown) {
  struct Case {
    std::vector<std::pair<int32_t, int>> recommendations;  // replicas, minutes ago
    int32_t asked, expected;
    size_t length;
  };
  const Case cases[] = {
      {{{4, 2}, {5, 1}}, 3, 5, 3},
      {{{1, 2}, {2, 1}}, 3, 3, 3},
      {{{10, 10}, {9, 9}}, 3, 3, 2},
      {{{10, 10}, {4, 1}, {5, 2}, {9, 9}}, 3, 5, 4},
  };
  for (const Case& c : cases) {
    HpaState state;
    for (const auto& [replicas, ago] : c.recommendations) {
      state.recommendations.push_back({replicas, kNow - Micros(minutes(ago))});
    }
    const HpaResult result = Evaluate(ExternalSpec(1, 100), ExternalInput(5, c.asked * 1000), state);
    EXPECT_EQ(result.desired, c.expected);
    EXPECT_EQ(result.state.recommendations.size(), c.length);
  }
}

TEST(Hpa, StartsFromTheSizeThatItFinds) {
  const HpaResult result = Evaluate(ExternalSpec(2, 6), ExternalInput(5, 3000));
  EXPECT_EQ(result.desired, 5);
  EXPECT_EQ(result.able_to_scale.reason, "ScaleDownStabilized");
}

TEST(Hpa, TakesTheLargestAndForgivesAMissingMetricOnTheWayUpOnly) {
  HpaSpec spec = ExternalSpec(1, 10);
  spec.metrics.push_back(ExternalEach(500));
  HpaInput input = ExternalInput(4, 6000);
  input.readings.push_back({"", {}, {2500}});
  HpaResult result = Evaluate(spec, input);
  EXPECT_EQ(result.desired, 6);
  EXPECT_EQ(result.reason, "external metric qps above target");

  input.readings[1] = {"no such metric", {}, {}};
  result = Evaluate(spec, input);
  EXPECT_EQ(result.desired, 6);
  EXPECT_EQ(result.error.message(),
            "invalid metrics (1 invalid out of 2), first error is: unable to get external metric qps: no "
            "such metric");
  EXPECT_FALSE(result.metrics[1].replicas.has_value());

  input.readings[0].values = {1000};
  result = Evaluate(spec, input);
  EXPECT_FALSE(result.rescale);
  EXPECT_FALSE(result.scaling_active.status);
  EXPECT_EQ(result.desired, 4);
  EXPECT_EQ(result.state.recommendations.size(), 1u) << "a decision that was not taken recommends nothing";

  input.readings[0].error = "timed out";
  result = Evaluate(spec, input);
  EXPECT_EQ(result.explanation[2], "No metric can be used, so 4 replicas stay.");
}

TEST(Hpa, SaysWhatEachMetricAskedForAndWhatLimitedIt) {
  HpaSpec spec;
  spec.max_replicas = 3;
  spec.metrics[0].target = 30;
  HpaInput input;
  input.now = kNow;
  input.spec_replicas = input.status_replicas = 3;
  input.readings.resize(1);
  for (const Milli used : {700, 500, 700}) {
    Pod pod;
    pod.name = fmt::format("pod-{}", input.pods.size());
    pod.started = kNow - Micros(minutes(10));
    pod.ready = input.pods.empty() ? ReadyCondition::kAbsent : ReadyCondition::kTrue;
    pod.containers.push_back({"main", {{"cpu", 1000}}});
    input.readings[0].pods.push_back({pod.name, used, kNow, seconds(15)});
    input.pods.push_back(std::move(pod));
  }
  const HpaResult result = Evaluate(spec, input);
  EXPECT_EQ(
      result.explanation,
      (std::vector<std::string>{
          "cpu resource utilization (percentage of request): 60% of what is requested is used, and 30% is "
          "the "
          "target (1 pod not ready counted as using nothing): of 3 pods it asks for 4 replicas.",
          "the desired replica count is more than the maximum replica count (TooManyReplicas): 3 replicas "
          "instead of 4.",
          "The scale stays at 3 replicas."}));
}

TEST(Hpa, ComesDownOnceTheWindowHasPassed) {
  const HpaSpec spec = ExternalSpec(1, 100);
  HpaState state;
  int32_t replicas = 8;
  EventTime now = kNow;
  std::vector<int32_t> seen;
  for (int tick = 0; tick <= 22; ++tick, now = now + Micros(seconds(15))) {
    HpaResult result = Evaluate(spec, ExternalInput(replicas, 2000, now), std::move(state));
    state = std::move(result.state);
    replicas = result.desired;
    seen.push_back(replicas);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 8), 21)
      << "at 300 s the first size still counts, at 315 s no more";
  EXPECT_EQ(seen.back(), 2);
}

TEST(Hpa, RefusesWhatTheApiServerRefuses) {
  const auto message = [](auto change) {
    HpaSpec spec;
    change(spec);
    return ValidateHpa(spec).message();
  };
  EXPECT_EQ(message([](HpaSpec&) {}), "");
  EXPECT_EQ(message([](HpaSpec& s) { s.max_replicas = 0; }), "spec.maxReplicas is 0; it must be at least 1");
  EXPECT_EQ(message([](HpaSpec& s) { s.min_replicas = 11; }),
            "spec.minReplicas (11) is more than spec.maxReplicas (10)");
  EXPECT_NE(message([](HpaSpec& s) { s.min_replicas = 0; }), "");
  EXPECT_NE(message([](HpaSpec& s) { s.metrics.clear(); }), "");
  EXPECT_NE(message([](HpaSpec& s) { s.metrics[0].target = 0; }), "");
  EXPECT_NE(message([](HpaSpec& s) { s.metrics[0].type = TargetType::kValue; }), "");
  EXPECT_NE(message([](HpaSpec& s) {
              s.metrics[0] = {MetricSource::kPods, "qps", "", TargetType::kUtilization, 5};
            }),
            "");
  EXPECT_NE(message([](HpaSpec& s) { s.metrics[0].source = MetricSource::kContainerResource; }), "");
  EXPECT_NE(message([](HpaSpec& s) {
              s.behavior = Behavior{};
              s.behavior->up.policies.clear();
            }),
            "");
  EXPECT_NE(message([](HpaSpec& s) {
              s.behavior = Behavior{};
              s.behavior->down.policies[0].period_seconds = 1801;
            }),
            "");
  EXPECT_NE(message([](HpaSpec& s) {
              s.behavior = Behavior{};
              s.behavior->down.stabilization_window_seconds = 3601;
            }),
            "");
}

}  // namespace
}  // namespace millrace::autoscale
