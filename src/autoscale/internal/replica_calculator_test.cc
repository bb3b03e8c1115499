#include "autoscale/internal/replica_calculator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/file.h"
#include "base/text.h"

namespace millrace::autoscale::internal {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const EventTime kNow{1'700'000'000'000'000};

// Kubernetes' own tests run with these.
HpaOptions TestOptions() {
  HpaOptions options;
  options.cpu_initialization_period = minutes(2);
  options.initial_readiness_delay = seconds(10);
  return options;
}

int64_t Number(std::string_view text) {
  int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  MR_CHECK(end.ptr == text.data() + text.size(), "'{}' is no number", text);
  return value;
}

// A line of src/autoscale/testdata/hpa_replicas.txt; its head says what the keys mean.
struct Case {
  std::string name;
  std::map<std::string, std::string> fields;

  explicit Case(const std::string& line) : name(line) {
    for (const std::string& field : Split(line.substr(0, line.find(" #")), ' ')) {
      const size_t equals = field.find('=');
      if (equals != std::string::npos) fields[field.substr(0, equals)] = field.substr(equals + 1);
    }
  }

  std::string Get(const std::string& key) const {
    const auto field = fields.find(key);
    return field == fields.end() ? "" : field->second;
  }
  std::vector<int64_t> Numbers(const std::string& key) const {
    std::vector<int64_t> numbers;
    if (Get(key).empty()) return numbers;
    for (const std::string& text : Split(Get(key), ',')) numbers.push_back(Number(text));
    return numbers;
  }
  char Letter(const std::string& key, size_t i) const {
    const std::string letters = Get(key);
    return i < letters.size() ? letters[i] : '-';
  }
};

HpaMetric MetricOf(const Case& c) {
  const std::map<std::string, MetricSource> sources = {{"Resource", MetricSource::kResource},
                                                       {"Pods", MetricSource::kPods},
                                                       {"Object", MetricSource::kObject},
                                                       {"External", MetricSource::kExternal}};
  const std::map<std::string, TargetType> types = {{"Utilization", TargetType::kUtilization},
                                                   {"AverageValue", TargetType::kAverageValue},
                                                   {"Value", TargetType::kValue}};
  const std::vector<std::string> parts = Split(c.Get("metric"), '/');
  HpaMetric metric;
  metric.source = sources.at(parts.at(0));
  metric.name = metric.source == MetricSource::kResource ? "cpu" : "qps";
  metric.type = types.at(parts.at(1));
  metric.target = Number(c.Get("target"));
  return metric;
}

Pod PodOf(const Case& c, size_t i) {
  const std::vector<int64_t> requests = c.Numbers("requests");
  const bool unready = c.Letter("unready", i) == 'u';
  Pod pod;
  pod.name = fmt::format("pod-{}", i);
  // Long warm, or within the CPU's initialisation period.
  pod.started = kNow - (c.Letter("hot", i) == 'h' ? Micros(seconds(2)) : Micros(minutes(3)));
  pod.ready = unready ? ReadyCondition::kFalse : ReadyCondition::kTrue;
  pod.ready_changed = *pod.started + Micros(seconds(unready ? 0 : 1));
  pod.deleting = c.Letter("phases", i) == 'd';
  if (c.Letter("phases", i) == 'p') pod.phase = PodPhase::kPending;
  if (c.Letter("phases", i) == 'f') pod.phase = PodPhase::kFailed;
  pod.containers.push_back({"main", {{"cpu", i < requests.size() ? requests[i] : 1000}}});
  return pod;
}

HpaInput InputOf(const Case& c) {
  HpaInput input;
  input.now = kNow;
  input.spec_replicas = input.status_replicas = static_cast<int32_t>(Number(c.Get("replicas")));
  const size_t pods = std::max(static_cast<size_t>(input.spec_replicas), c.Get("phases").size());
  for (size_t i = 0; i < pods; ++i) input.pods.push_back(PodOf(c, i));
  MetricReading reading;
  const std::vector<int64_t> levels = c.Numbers("levels");
  if (c.Get("metric").starts_with("Object") || c.Get("metric").starts_with("External")) {
    reading.values = levels;
  } else {
    for (size_t i = 0; i < levels.size(); ++i) {
      reading.pods.push_back({fmt::format("pod-{}", i), levels[i], kNow, minutes(1)});
    }
  }
  input.readings.push_back(std::move(reading));
  return input;
}

// Returns how many cases the file holds.
int Judge(const std::string& file) {
  const auto text = ReadFile(std::string(MILLRACE_SOURCE_DIR) + "/src/autoscale/testdata/" + file);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  if (!text.ok()) return 0;
  int cases = 0;
  for (const std::string& line : Split(*text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const Case c(line);
    const HpaInput input = InputOf(c);
    const Result<Proposal> got = ProposeReplicas(MetricOf(c), input.readings[0], input, TestOptions());
    ++cases;
    EXPECT_EQ(got.ok(), c.Get("asks") != "error") << line << ": " << got.status().ToString();
    if (!got.ok() || c.Get("asks") == "error") continue;
    EXPECT_EQ(got->replicas, Number(c.Get("asks"))) << line << ": " << got->why;
    EXPECT_EQ(got->current, Number(c.Get("shows"))) << line << ": " << got->why;
  }
  return cases;
}

TEST(ReplicaCalculator, AsksForWhatKubernetesTestsExpect) { EXPECT_EQ(Judge("hpa_replicas.txt"), 55); }

TEST(ReplicaCalculator, AsksForWhatTheCodeOfKubernetesAnswered) {
  EXPECT_EQ(Judge("hpa_replicas_random.txt"), 800);
}

TEST(ReplicaCalculator, FollowsTheDocumentsExample) {
  // "If the current metric value is 200m, and the desired value is 100m, the number of replicas will be
  // doubled"; at 50m it is halved (kubernetes.io, Horizontal Pod Autoscaling, Algorithm details).
  const std::string twice = "metric=Resource/AverageValue target=100 replicas=2 levels=200,200";
  const std::string half = "metric=Resource/AverageValue target=100 replicas=2 levels=50,50";
  for (const auto& [line, expected] : {std::pair{twice, 4}, std::pair{half, 1}}) {
    const HpaInput input = InputOf(Case(line));
    EXPECT_EQ(ProposeReplicas(MetricOf(Case(line)), input.readings[0], input, {})->replicas, expected);
  }
}

TEST(ReplicaCalculator, FindsNothingInTheSampleOfAnotherPod) {
  const Case c("metric=Resource/Utilization target=100 replicas=1");
  HpaInput input = InputOf(c);
  input.readings[0].pods.push_back({"an-older-pod-name", 100, kNow, minutes(1)});
  const auto got = ProposeReplicas(MetricOf(c), input.readings[0], input, TestOptions());
  EXPECT_EQ(got.status().message(), "no metrics returned matched known pods");
}

TEST(ReplicaCalculator, TakesTheContainersRequestOrThePods) {
  const Case c("metric=Resource/Utilization target=50 replicas=2 levels=400,400 requests=400,400");
  HpaInput input = InputOf(c);
  for (Pod& pod : input.pods) pod.containers.push_back({"sidecar", {}});
  const HpaMetric of_container{MetricSource::kContainerResource, "cpu", "main", TargetType::kUtilization, 50};
  EXPECT_EQ(ProposeReplicas(of_container, input.readings[0], input, {})->replicas, 4);
  const auto whole = ProposeReplicas(MetricOf(c), input.readings[0], input, {});
  EXPECT_EQ(whole.status().message(), "missing request for cpu in container sidecar of Pod pod-0");
  for (Pod& pod : input.pods) pod.requests = {{"cpu", 800}};
  EXPECT_EQ(ProposeReplicas(MetricOf(c), input.readings[0], input, {})->replicas, 2);
}

}  // namespace
}  // namespace millrace::autoscale::internal
