// HPA: Kubernetes' HorizontalPodAutoscaler (autoscaling/v2) as a pure function.
//
// EvaluateHpa answers what the controller of Kubernetes 1.34 answers for the same
// spec, pods, metric readings and history, and says why in sentences: per metric
// what it asked for, then each rule that changed it. Nothing is read from a clock
// or a cluster; the history goes in and comes out.
//
//   HpaState state;
//   HpaResult r = EvaluateHpa(spec, {}, input, std::move(state));
//   if (r.rescale && Scale(r.desired)) r.state.RecordRescale(spec, now, current, r.desired);
//   for (const std::string& line : r.explanation) Print(line);
//
// Source: pkg/controller/podautoscaler of Kubernetes 1.34 (replica_calculator.go,
// horizontal.go); https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/.
// Left out: tolerances per direction (alpha), selectors (the caller lists the pods).
//
// A metric that cannot be read is data (MetricReading::error), not a failure. A
// spec that the API server would refuse is refused by ValidateHpa; EvaluateHpa
// expects a valid one. Values; distinct objects may be used from distinct threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autoscale/pod.h"
#include "autoscale/quantity.h"
#include "base/status.h"
#include "base/time.h"

namespace millrace::autoscale {

enum class MetricSource { kResource, kContainerResource, kPods, kObject, kExternal };
enum class TargetType { kUtilization, kAverageValue, kValue };

struct HpaMetric {
  MetricSource source = MetricSource::kResource;
  std::string name = "cpu";
  std::string container;  // of kContainerResource
  TargetType type = TargetType::kUtilization;
  int64_t target = 80;  // kUtilization: percent of the request; else a Milli
};

enum class PolicyType { kPods, kPercent };
enum class SelectPolicy { kMax, kMin, kDisabled };

struct ScalingPolicy {
  PolicyType type = PolicyType::kPercent;
  int32_t value = 100;
  int32_t period_seconds = 15;
};

struct ScalingRules {
  std::optional<int32_t> stabilization_window_seconds;  // unset, down: the controller's own (300 s)
  SelectPolicy select = SelectPolicy::kMax;
  std::vector<ScalingPolicy> policies;
};

// What the API server fills in where spec.behavior leaves a direction out:
// up at once, by 4 pods or 100% per 15 s, whichever is more; down by 100% per 15 s.
ScalingRules DefaultScaleUpRules();
ScalingRules DefaultScaleDownRules();

struct Behavior {
  ScalingRules up = DefaultScaleUpRules();
  ScalingRules down = DefaultScaleDownRules();
};

struct HpaSpec {
  int32_t min_replicas = 1;  // 0 needs an Object or External metric
  int32_t max_replicas = 10;
  std::vector<HpaMetric> metrics = {HpaMetric{}};
  // Without it the controller's older rule holds: up to twice the replicas (at least 4) at a time,
  // down after its stabilisation window.
  std::optional<Behavior> behavior;
};

// Flags of kube-controller-manager.
struct HpaOptions {
  double tolerance = 0.1;
  Micros sync_period = std::chrono::seconds(15);
  Micros downscale_stabilization = std::chrono::seconds(300);
  Micros cpu_initialization_period = std::chrono::seconds(300);
  Micros initial_readiness_delay = std::chrono::seconds(30);
};

// What the metrics API answered for one metric of the spec.
struct MetricReading {
  std::string error;            // why there is no answer; empty: there is one
  std::vector<PodSample> pods;  // kResource, kContainerResource, kPods
  std::vector<Milli> values;    // kObject: one; kExternal: of each series, they are added up
};

struct HpaInput {
  EventTime now;
  int32_t spec_replicas = 1;            // the scale's spec.replicas
  int32_t status_replicas = 1;          // the scale's status.replicas
  std::vector<Pod> pods;                // that the target's selector chooses
  std::vector<MetricReading> readings;  // one for each of spec.metrics, in order
};

struct Recommendation {
  int32_t replicas = 0;
  EventTime at;
};

struct ScaleEvent {
  int32_t change = 0;  // always positive
  EventTime at;
};

// What the controller remembers between two evaluations.
struct HpaState {
  std::vector<Recommendation> recommendations;
  std::vector<ScaleEvent> up_events;
  std::vector<ScaleEvent> down_events;

  // To be called once a change of scale has succeeded.
  void RecordRescale(const HpaSpec& spec, EventTime now, int32_t from, int32_t to);
};

// One condition of the HPA's status, with Kubernetes' own reason and message.
struct HpaCondition {
  bool status = false;
  std::string reason;
  std::string message;
  bool operator==(const HpaCondition&) const = default;
};

struct MetricProposal {
  std::string metric;               // "cpu resource utilization (percentage of request)"
  std::optional<int32_t> replicas;  // nothing when the metric could not be used
  int64_t current = 0;              // percent for kUtilization, else Milli, as in status.currentMetrics
  std::string why;                  // a sentence
};

struct HpaResult {
  int32_t desired = 0;
  bool rescale = false;  // desired differs from the current scale, and should be set
  std::string reason;    // of the event SuccessfulRescale: "All metrics below target"
  std::vector<MetricProposal> metrics;
  HpaCondition able_to_scale, scaling_active, scaling_limited;
  Status error;  // of the metrics that could not be used; the decision may stand all the same
  std::vector<std::string> explanation;
  HpaState state;
};

// What the API server refuses, in a sentence with the field's path.
Status ValidateHpa(const HpaSpec& spec);

// Preconditions: ValidateHpa(spec).ok(), as many readings as metrics.
HpaResult EvaluateHpa(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input, HpaState state);

}  // namespace millrace::autoscale
