// Cases and figures are those of horizontal_test.go of Kubernetes 1.34.
#include "autoscale/internal/scaling_rules.h"

#include <gtest/gtest.h>

#include <charconv>
#include <map>

#include "autoscale/testing/hpa_cases.h"
#include "base/file.h"
#include "base/text.h"

namespace millrace::autoscale::internal {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Evaluate;
using testing::ExternalEach;
using testing::ExternalInput;
using testing::ExternalSpec;
using testing::kNow;

ScalingRules Rules(int32_t pods, int32_t pods_period, int32_t percent, int32_t percent_period, int32_t window,
                   SelectPolicy select = SelectPolicy::kMax) {
  ScalingRules rules{window, select, {}};
  if (pods != 0) rules.policies.push_back({PolicyType::kPods, pods, pods_period});
  if (percent != 0) rules.policies.push_back({PolicyType::kPercent, percent, percent_period});
  return rules;
}

// Changes spread evenly over the last `period` seconds, as Kubernetes' test spreads them.
std::vector<ScaleEvent> Spread(std::vector<int32_t> changes, int32_t period) {
  std::vector<ScaleEvent> events;
  const double segment = static_cast<double>(period) / static_cast<double>(changes.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    const auto ago = static_cast<int64_t>(period - segment * static_cast<double>(i + 1) + segment / 2);
    events.push_back({changes[i], kNow - Micros(seconds(ago))});
  }
  return events;
}

TEST(HpaBehavior, LimitsTheRateAsTheControllersTests) {
  struct Case {
    int32_t min, max, current, asked, expected;
    const char* reason;
    std::optional<ScalingRules> up, down;
    std::vector<ScaleEvent> ups, downs;
  };
  const Case cases[] = {
      {3, 8, 5, 7, 7, "DesiredWithinRange", {}, {}, {}, {}},
      {2, 8, 3, 1, 2, "TooFewReplicas", {}, {}, {}, {}},
      {0, 10, 1, 0, 0, "DesiredWithinRange", {}, {}, {}, {}},
      {100, 150, 100, 1000, 150, "TooManyReplicas", {}, {}, {}, {}},
      {1, 2000, 3, 1000, 4, "ScaleUpLimit", Rules(0, 0, 1, 60, 0), {}, {}, {}},
      {3, 2000, 1000, 3, 980, "ScaleDownLimit", {}, Rules(20, 60, 0, 0, 0), {}, {}},
      {1, 1000, 10, 50, 20, "ScaleUpLimit", {}, {}, {}, {}},
      {1, 1000, 10, 500, 110, "ScaleUpLimit", Rules(100, 60, 100, 60, 0), {}, {}, {}},
      {1, 1000, 10, 500, 20, "ScaleUpLimit", Rules(2, 60, 100, 60, 0), {}, {}, {}},
      {1, 1000, 10, 50, 50, "DesiredWithinRange", Rules(100, 60, 0, 0, 0), {}, {}, {}},
      {1, 1000, 10, 50, 40, "ScaleUpLimit", Rules(30, 60, 0, 0, 0), {}, {}, {}},
      {1, 1000, 10, 50, 30, "ScaleUpLimit", Rules(0, 0, 200, 60, 0), {}, {}, {}},
      {1, 1000, 100, 2, 80, "ScaleDownLimit", {}, Rules(20, 60, 1, 60, 300), {}, {}},
      {1, 1000, 100, 2, 98, "ScaleDownLimit", {}, Rules(2, 60, 1, 60, 300), {}, {}},
      {1, 1000, 10, 0, 1, "TooFewReplicas", {}, Rules(100, 60, 0, 0, 300), {}, {}},
      {5, 1000, 10, 2, 5, "TooFewReplicas", {}, Rules(0, 0, 100, 60, 300), {}, {}},
      {1, 1000, 10, 2, 5, "ScaleDownLimit", {}, Rules(5, 60, 0, 0, 300), {}, {}},
      {1, 1000, 10, 5, 5, "DesiredWithinRange", {}, Rules(0, 0, 50, 60, 300), {}, {}},
      {1, 200, 100, 500, 200, "TooManyReplicas", Rules(300, 60, 0, 0, 0), {}, Spread({1, 5, 9}, 120), {}},
      {1, 200, 100, 500, 200, "TooManyReplicas", Rules(0, 0, 10000, 60, 0), {}, Spread({1, 5, 9}, 120), {}},
      {1, 1000, 100, 500, 100, "ScaleUpLimit", Rules(5, 120, 0, 0, 0), {}, Spread({1, 5, 9}, 120), {}},
      {1, 1000, 100, 500, 235, "ScaleUpLimit", Rules(150, 120, 0, 0, 0), {}, Spread({1, 5, 9}, 120), {}},
      {1, 1000, 100, 500, 255, "ScaleUpLimit", Rules(0, 0, 200, 120, 0), {}, Spread({1, 5, 9}, 120), {}},
      {1, 1000, 6, 24, 16, "ScaleUpLimit", Rules(0, 0, 300, 300, 0), {}, Spread({4}, 120), Spread({2}, 120)},
      {1, 1000, 10, 5, 5, "DesiredWithinRange", {}, {}, {}, Spread({1, 5, 9}, 120)},
      {1,
       1000,
       10,
       0,
       10,
       "DesiredWithinRange",
       {},
       ScalingRules{0, SelectPolicy::kDisabled, {{PolicyType::kPods, 1, 15}}},
       {},
       {}},
      {1, 1000, 1, 9, 2, "ScaleUpLimit", Rules(2, 60, 50, 60, 0, SelectPolicy::kMin), {}, {}, {}},
      {1, 1000, 5, 1, 3, "ScaleDownLimit", {}, Rules(2, 60, 50, 60, 0, SelectPolicy::kMin), {}, {}},
  };
  for (const Case& c : cases) {
    HpaSpec spec = ExternalSpec(c.min, c.max);
    spec.behavior = Behavior{};
    if (c.up) spec.behavior->up = *c.up;
    if (c.down) spec.behavior->down = *c.down;
    spec.behavior->up.stabilization_window_seconds = 0;
    spec.behavior->down.stabilization_window_seconds = 0;
    HpaState state{{{1, kNow - Micros(minutes(60))}}, c.ups, c.downs};
    const HpaResult result = Evaluate(spec, ExternalInput(c.current, c.asked * 1000), state);
    EXPECT_EQ(result.desired, c.expected) << c.current << " → " << c.asked;
    if (c.expected != c.current) {
      EXPECT_EQ(result.scaling_limited.reason, c.reason) << c.current << " → " << c.asked;
    }
  }
}

TEST(HpaBehavior, StabilizesBothWaysAsTheControllersTests) {
  struct Case {
    std::vector<std::pair<int32_t, int>> recommendations;  // replicas, minutes ago
    int32_t current, asked, expected;
    int32_t up_window, down_window;
    std::vector<int32_t> left;
  };
  const Case cases[] = {
      {{{4, 2}, {5, 1}}, 100, 3, 5, 0, 180, {4, 5, 3}},
      {{{4, 2}, {5, 1}}, 1, 7, 4, 300, 0, {4, 5, 7}},
      {{{1, 2}, {2, 1}}, 100, 3, 3, 300, 0, {1, 2, 3}},
      {{{4, 2}, {5, 1}}, 1, 3, 3, 0, 300, {4, 5, 3}},
      {{{10, 10}, {9, 9}}, 100, 3, 3, 0, 0, {10, 3}},
      {{{10, 10}, {9, 9}}, 1, 100, 100, 0, 0, {10, 100}},
      {{{10, 10}, {4, 1}, {5, 2}, {9, 9}}, 100, 3, 5, 0, 180, {10, 4, 5, 3}},
      {{{10, 100}, {6, 1}, {5, 2}, {9, 3}}, 1, 100, 5, 300, 0, {100, 6, 5, 9}},
      {{{2, 100}, {3, 3}}, 2, 1, 2, 300, 300, {1, 3}},
      {{{2, 100}, {1, 3}}, 2, 3, 2, 300, 300, {3, 1}},
  };
  for (const Case& c : cases) {
    HpaSpec spec = ExternalSpec(1, 1000);
    spec.behavior = Behavior{Rules(1000, 15, 0, 0, c.up_window), Rules(1000, 15, 0, 0, c.down_window)};
    HpaState state;
    for (const auto& [replicas, ago] : c.recommendations) {
      state.recommendations.push_back({replicas, kNow - Micros(minutes(ago))});
    }
    const HpaResult result = Evaluate(spec, ExternalInput(c.current, c.asked * 1000), state);
    EXPECT_EQ(result.desired, c.expected) << c.current << " → " << c.asked;
    std::vector<int32_t> left;
    for (const Recommendation& r : result.state.recommendations) left.push_back(r.replicas);
    EXPECT_EQ(left, c.left);
  }
}

TEST(HpaBehavior, RemembersRescalesInThePlacesOfOldOnes) {
  struct Case {
    std::optional<ScalingRules> rules;
    std::vector<std::pair<int32_t, int>> before;  // change, seconds ago
    std::vector<int32_t> after;
  };
  const Case cases[] = {
      {{}, {{7, 61}}, {7}},
      {Rules(10, 60, 100, 60, 0), {}, {5}},
      {Rules(10, 60, 100, 60, 0), {{7, 61}}, {5}},
      {Rules(10, 60, 100, 60, 0), {{7, 58}}, {7, 5}},
      {Rules(10, 60, 0, 0, 0), {{7, 61}, {6, 59}}, {5, 6}},
      {Rules(10, 60, 100, 30, 0), {{8, 29}, {6, 59}, {7, 61}, {9, 61}}, {8, 6, 7, 5}},
      {Rules(10, 120, 100, 30, 0), {{7, 58}, {6, 59}}, {7, 6, 5}},
  };
  for (const Case& c : cases) {
    HpaSpec spec = ExternalSpec(1, 100);
    if (c.rules) spec.behavior = Behavior{*c.rules, *c.rules};
    for (const bool up : {true, false}) {
      HpaState state;
      std::vector<ScaleEvent>& events = up ? state.up_events : state.down_events;
      for (const auto& [change, ago] : c.before) events.push_back({change, kNow - Micros(seconds(ago))});
      state.RecordRescale(spec, kNow, 10, up ? 15 : 5);
      std::vector<int32_t> after;
      for (const ScaleEvent& event : events) after.push_back(event.change);
      EXPECT_EQ(after, c.after);
    }
  }
}

int64_t Number(const std::string& text) {
  int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  MR_CHECK(end.ptr == text.data() + text.size(), "'{}' is no number", text);
  return value;
}

// "60/Max/Pods:4:15/Percent:100:15"
ScalingRules RulesOf(const std::string& text) {
  const std::vector<std::string> parts = Split(text, '/');
  ScalingRules rules;
  rules.stabilization_window_seconds = static_cast<int32_t>(Number(parts.at(0)));
  rules.select = parts.at(1) == "Max"   ? SelectPolicy::kMax
                 : parts.at(1) == "Min" ? SelectPolicy::kMin
                                        : SelectPolicy::kDisabled;
  for (size_t i = 2; i < parts.size(); ++i) {
    const std::vector<std::string> policy = Split(parts[i], ':');
    rules.policies.push_back({policy.at(0) == "Pods" ? PolicyType::kPods : PolicyType::kPercent,
                              static_cast<int32_t>(Number(policy.at(1))),
                              static_cast<int32_t>(Number(policy.at(2)))});
  }
  return rules;
}

// "5:125,7:35": numbers, and how many tenths of a second ago they were.
template <typename Entry>
std::vector<Entry> HistoryOf(const std::string& text) {
  std::vector<Entry> entries;
  if (text.empty()) return entries;
  for (const std::string& part : Split(text, ',')) {
    const std::vector<std::string> pair = Split(part, ':');
    entries.push_back(
        {static_cast<int32_t>(Number(pair.at(0))), kNow - Micros(Number(pair.at(1)) * 100'000)});
  }
  return entries;
}

// A line of src/autoscale/testdata/hpa_rules_random.txt; its head says what the keys mean.
void JudgeLine(const std::string& line) {
  std::map<std::string, std::string> fields;
  for (const std::string& field : Split(line, ' ')) {
    const size_t equals = field.find('=');
    fields[field.substr(0, equals)] = field.substr(equals + 1);
  }
  const auto number = [&](const char* key) { return static_cast<int32_t>(Number(fields[key])); };
  HpaSpec spec = ExternalSpec(number("min"), number("max"));
  HpaState state{HistoryOf<Recommendation>(fields["recommended"]), HistoryOf<ScaleEvent>(fields["ups"]),
                 HistoryOf<ScaleEvent>(fields["downs"])};
  const HpaInput input = ExternalInput(number("replicas"), 0);
  const bool behavior = fields.contains("up");
  if (behavior) spec.behavior = Behavior{RulesOf(fields["up"]), RulesOf(fields["down"])};
  const Normalized got = behavior ? NormalizeWithBehavior(spec, {}, input, number("asked"), state)
                                  : Normalize(spec, {}, input, number("asked"), state);
  EXPECT_EQ(got.replicas, number("becomes")) << line;
  EXPECT_EQ(got.scaling_limited.reason, fields["limited"]) << line;
  EXPECT_EQ(got.able_to_scale.reason, fields["able"]) << line;
  std::vector<std::string> left;
  for (const Recommendation& recommendation : state.recommendations) {
    left.push_back(std::to_string(recommendation.replicas));
  }
  EXPECT_EQ(Join(left, ","), fields["left"]) << line;
}

TEST(HpaBehavior, DoesWhatTheCodeOfKubernetesDid) {
  const auto text =
      ReadFile(std::string(MILLRACE_SOURCE_DIR) + "/src/autoscale/testdata/hpa_rules_random.txt");
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  int cases = 0;
  for (const std::string& line : Split(*text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    JudgeLine(line);
    ++cases;
  }
  EXPECT_EQ(cases, 800);
}

}  // namespace
}  // namespace millrace::autoscale::internal
