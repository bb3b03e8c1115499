// KPA: Knative's pod autoscaler as pure functions.
//
// It follows concurrency (or requests per second) over two windows: a stable one
// of 60 s, and a panic one of 6 s that takes over while the load is at least twice
// what the ready pods are made for; in panic it only scales up. EvaluateKpa is
// one tick (2 s): the decision, then bounds and the way to zero. State goes in and
// comes out; the result says in sentences what was decided and why.
//
//   KpaState state = StartKpa(spec, now, ready_pods);
//   KpaResult r = EvaluateKpa(spec, {now, ready, current, 40.0, 55.0}, std::move(state));
//   if (r.apply && r.desired != current) Scale(r.desired);
//
// Source: knative/serving, pkg/autoscaler/scaling/autoscaler.go (Decide),
// pkg/reconciler/autoscaling/kpa/scaler.go (the rest);
// https://knative.dev/docs/serving/autoscaling/. The activator is always in the
// path here (the gateway holds requests), so nothing is probed.
//
// Values; distinct objects may be used from distinct threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace::autoscale {

enum class KpaMetric { kConcurrency, kRps };

// The defaults are Knative's.
struct KpaSpec {
  KpaMetric metric = KpaMetric::kConcurrency;
  double total_value = 100;         // what one pod can bear: requests in flight, or requests a second
  double target_utilization = 0.7;  // of total_value; their product is the target
  Micros stable_window = std::chrono::seconds(60);
  double panic_window_percentage = 10;      // of the stable window
  double panic_threshold_percentage = 200;  // of what the ready pods are made for
  double max_scale_up_rate = 1000;
  double max_scale_down_rate = 2;
  double target_burst_capacity = 211;  // 0: none; -1: unlimited
  int32_t min_scale = 0;
  int32_t max_scale = 0;  // 0: no maximum
  int32_t initial_scale = 1;
  int32_t activation_scale = 1;  // at least so many when there is any load
  Micros scale_down_delay{0};
  bool enable_scale_to_zero = true;
  Micros scale_to_zero_grace = std::chrono::seconds(30);
  Micros scale_to_zero_pod_retention{0};
  Micros activation_timeout = std::chrono::seconds(610);  // progress deadline and 10 s
  Micros tick = std::chrono::seconds(2);
  bool reachable = true;  // a route leads to it

  double Target() const { return total_value * target_utilization; }
  Micros PanicWindow() const {
    return Micros(
        static_cast<int64_t>(static_cast<double>(stable_window.count()) * panic_window_percentage / 100));
  }
};

struct KpaInput {
  EventTime now;
  int32_t ready_pods = 0;
  int32_t current_scale = 0;     // what the workload is set to
  std::optional<double> stable;  // mean over the stable window, of all pods together; nothing: no data yet
  std::optional<double> panic;   // the same over the panic window
};

// Activating ─(a pod is ready)─▶ Active ─(idle for the stable window)─▶ Inactive ─(load)─▶ Activating
//      └────────────────(activation timed out)──────────────────────────▲
enum class KpaPhase { kActivating, kActive, kInactive };

struct KpaState {
  std::optional<EventTime> panic_since;  // the last time that the threshold was passed; nothing: not in panic
  int32_t max_panic_pods = 0;
  struct Delayed {
    int64_t bucket = 0;
    int32_t pods = 0;
  };
  std::vector<Delayed> delayed;  // of the scale-down delay; falling pods, rising buckets
  KpaPhase phase = KpaPhase::kActivating;
  EventTime phase_since;
  bool initialized = false;  // the initial scale was reached once
};

struct KpaDecision {
  bool valid = false;  // there was data
  int32_t desired = 0;
  int32_t excess_burst_capacity = 0;  // negative: the gateway should stay in the path and hold requests
  std::vector<std::string> explanation;
  KpaState state;
};

struct KpaResult {
  int32_t desired = 0;
  bool apply = false;  // set the scale to desired (it may be that already)
  int32_t excess_burst_capacity = 0;
  bool panicking = false;
  std::vector<std::string> explanation;
  KpaState state;
};

Status ValidateKpa(const KpaSpec& spec);

// As after a restart of the autoscaler: with more than one pod it starts in panic,
// so that what is there stays until there is data.
KpaState StartKpa(const KpaSpec& spec, EventTime now, int32_t ready_pods);

// The autoscaler alone: how many pods the metric asks for, without bounds.
KpaDecision DecideKpa(const KpaSpec& spec, const KpaInput& input, KpaState state);

// One tick: the decision, the bounds, and the way to zero.
KpaResult EvaluateKpa(const KpaSpec& spec, const KpaInput& input, KpaState state);

}  // namespace millrace::autoscale
