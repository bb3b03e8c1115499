#include "autoscale/kpa.h"

#include <algorithm>
#include <cmath>

#include "autoscale/quantity.h"
#include "base/civil_time.h"

namespace millrace::autoscale {
namespace {

std::string_view MetricName(KpaMetric metric) {
  return metric == KpaMetric::kConcurrency ? "concurrency" : "requests per second";
}

struct Wanted {
  double stable_pods = 0, panic_pods = 0;  // before the rates
  int32_t stable = 0, panic = 0;
};

Wanted WantedOf(const KpaSpec& spec, const KpaInput& input, double ready,
                std::vector<std::string>& explanation) {
  // Rounded away from no change at all: a rate of 1.1 must still let two pods become three.
  const double most = std::ceil(spec.max_scale_up_rate * ready);
  const double least = spec.reachable ? std::floor(ready / spec.max_scale_down_rate) : 0;
  Wanted wanted;
  wanted.stable_pods = std::ceil(*input.stable / spec.Target());
  wanted.panic_pods = std::ceil(*input.panic / spec.Target());
  const auto limited = [&](double pods) { return TruncateToInt32(std::min(std::max(pods, least), most)); };
  wanted.stable = limited(wanted.stable_pods);
  wanted.panic = limited(wanted.panic_pods);
  explanation.push_back(
      fmt::format("{} is {} over {} and {} over {}; at {} a pod that asks for {} and {} pods.",
                  MetricName(spec.metric), FormatReal(*input.stable), FormatDuration(spec.stable_window),
                  FormatReal(*input.panic), FormatDuration(spec.PanicWindow()), FormatReal(spec.Target()),
                  FormatReal(wanted.stable_pods), FormatReal(wanted.panic_pods)));
  if (wanted.stable != wanted.stable_pods || wanted.panic != wanted.panic_pods) {
    explanation.push_back(fmt::format("From {} ready the rates allow {} to {}: {} and {} pods.",
                                      FormatReal(ready), FormatReal(least), FormatReal(most), wanted.stable,
                                      wanted.panic));
  }
  if (spec.activation_scale > 1) {
    if (wanted.stable_pods > 0) wanted.stable = std::max(wanted.stable, spec.activation_scale);
    if (wanted.panic_pods > 0) wanted.panic = std::max(wanted.panic, spec.activation_scale);
  }
  return wanted;
}

// Enters, extends or leaves panic.
void FollowPanic(const KpaSpec& spec, bool over, EventTime now, KpaState& state,
                 std::vector<std::string>& explanation) {
  if (over) {
    if (!state.panic_since) explanation.push_back("The load is over the panic threshold: panic begins.");
    state.panic_since = now;
  } else if (state.panic_since && *state.panic_since + spec.stable_window < now) {
    explanation.push_back("A stable window has passed under the panic threshold: panic ends.");
    state.panic_since.reset();
    state.max_panic_pods = 0;
  }
}

// The most of the last scale_down_delay, in buckets of one tick.
int32_t Delay(const KpaSpec& spec, EventTime now, int32_t desired, KpaState& state) {
  const int64_t tick_seconds = std::max<int64_t>(1, spec.tick.count() / kSecondMicros);
  const int64_t bucket = FloorDivide(FloorDivide(now.micros, kSecondMicros), tick_seconds);
  const int64_t buckets = (spec.scale_down_delay.count() + spec.tick.count() - 1) / spec.tick.count();
  std::vector<KpaState::Delayed>& window = state.delayed;
  while (!window.empty() && desired >= window.back().pods) window.pop_back();
  std::erase_if(window, [&](const KpaState::Delayed& entry) { return bucket - entry.bucket >= buckets; });
  int32_t pods = desired;
  if (!window.empty() && window.back().bucket == bucket) {
    pods = std::max(pods, window.back().pods);
    window.pop_back();
  }
  window.push_back({bucket, pods});
  return window.front().pods;
}

int32_t ExcessBurstCapacity(const KpaSpec& spec, const KpaInput& input) {
  if (spec.target_burst_capacity == 0) return 0;
  if (spec.target_burst_capacity < 0) return -1;
  const double capacity = input.ready_pods * spec.total_value;
  return TruncateToInt32(std::floor(capacity - spec.target_burst_capacity - *input.panic));
}

void Enter(KpaState& state, KpaPhase phase, EventTime now) {
  if (state.phase == phase) return;
  state.phase = phase;
  state.phase_since = now;
}

struct Zero {
  int32_t desired = 0;
  bool apply = false;
  std::string why;
};

// What becomes of a decision for zero.
Zero ToZero(const KpaSpec& spec, EventTime now, KpaState& state) {
  if (!spec.enable_scale_to_zero) return {1, true, "Scaling to zero is switched off."};
  const Micros elapsed = now - state.phase_since;
  switch (state.phase) {
    case KpaPhase::kActivating:
      if (elapsed >= spec.activation_timeout) {
        Enter(state, KpaPhase::kInactive, now);
        return {0, true,
                fmt::format("It did not become ready within {}.", FormatDuration(spec.activation_timeout))};
      }
      return {0, false, "It is being activated, and is left alone until then."};
    case KpaPhase::kActive:
      if (elapsed >= spec.stable_window) {
        Enter(state, KpaPhase::kInactive, now);
        return {0, false, "Nothing is asked for: it becomes inactive, and the grace period begins."};
      }
      return {1, true,
              fmt::format("It was active for only {} of {}: one pod stays.", FormatDuration(elapsed),
                          FormatDuration(spec.stable_window))};
    case KpaPhase::kInactive: {
      const Micros retention = spec.reachable ? spec.scale_to_zero_pod_retention : Micros(0);
      const Micros grace = std::max(spec.scale_to_zero_grace, retention);
      if (elapsed >= grace) return {0, true, fmt::format("It was inactive for {}.", FormatDuration(grace))};
      return {0, false,
              fmt::format("It is inactive for {}, and goes after {}.", FormatDuration(elapsed),
                          FormatDuration(grace))};
    }
  }
  return {};
}

}  // namespace

Status ValidateKpa(const KpaSpec& spec) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
  if (!positive(spec.total_value)) return InvalidArgument("what one pod can bear must be more than 0");
  if (!positive(spec.target_utilization) || spec.target_utilization > 1) {
    return InvalidArgument("the target utilization is {}; it must be above 0 and at most 1",
                           spec.target_utilization);
  }
  if (spec.stable_window < std::chrono::seconds(6) || spec.stable_window > std::chrono::hours(1)) {
    return InvalidArgument("the stable window is {}; 6s to 1h can be", FormatDuration(spec.stable_window));
  }
  if (!(spec.panic_window_percentage >= 1 && spec.panic_window_percentage <= 100)) {
    return InvalidArgument("the panic window is {}% of the stable one; 1 to 100 can be",
                           spec.panic_window_percentage);
  }
  if (!(spec.panic_threshold_percentage >= 110 && spec.panic_threshold_percentage <= 1000)) {
    return InvalidArgument("the panic threshold is {}%; 110 to 1000 can be", spec.panic_threshold_percentage);
  }
  if (!(spec.max_scale_up_rate > 1)) return InvalidArgument("the maximum scale-up rate must be more than 1");
  if (!(spec.max_scale_down_rate > 1))
    return InvalidArgument("the maximum scale-down rate must be more than 1");
  if (!(spec.target_burst_capacity >= 0) && spec.target_burst_capacity != -1) {
    return InvalidArgument("the target burst capacity must be 0 or more, or -1 for unlimited");
  }
  if (spec.min_scale < 0 || spec.max_scale < 0 || spec.initial_scale < 0) {
    return InvalidArgument("a scale cannot be negative");
  }
  if (spec.max_scale != 0 && spec.min_scale > spec.max_scale) {
    return InvalidArgument("the minimum scale ({}) is above the maximum ({})", spec.min_scale,
                           spec.max_scale);
  }
  if (spec.activation_scale < 1) return InvalidArgument("the activation scale must be at least 1");
  if (spec.tick <= Micros(0)) return InvalidArgument("the tick must be longer than 0");
  return Ok();
}

KpaState StartKpa(const KpaSpec& spec, EventTime now, int32_t ready_pods) {
  KpaState state;
  if (ready_pods > 1) state.panic_since = now;
  state.max_panic_pods = ready_pods;
  state.phase = ready_pods > 0 ? KpaPhase::kActive
                               : (spec.initial_scale == 0 ? KpaPhase::kInactive : KpaPhase::kActivating);
  state.phase_since = now;
  state.initialized = ready_pods >= spec.initial_scale;
  return state;
}

KpaDecision DecideKpa(const KpaSpec& spec, const KpaInput& input, KpaState state) {
  KpaDecision decision;
  if (!input.stable || !input.panic) {
    decision.explanation.push_back("There is no data to scale on yet.");
    decision.state = std::move(state);
    return decision;
  }
  const double ready = std::max(1.0, static_cast<double>(input.ready_pods));
  const Wanted wanted = WantedOf(spec, input, ready, decision.explanation);
  const bool over = wanted.panic_pods / ready >= spec.panic_threshold_percentage / 100;
  FollowPanic(spec, over, input.now, state, decision.explanation);
  int32_t desired = wanted.stable;
  if (state.panic_since) {
    desired = std::max(desired, wanted.panic);
    if (desired < state.max_panic_pods) {
      decision.explanation.push_back(fmt::format("In panic nothing goes down: {} pods stay instead of {}.",
                                                 state.max_panic_pods, desired));
    }
    state.max_panic_pods = std::max(state.max_panic_pods, desired);
    desired = state.max_panic_pods;
  }
  if (spec.reachable && spec.scale_down_delay > Micros(0)) {
    const int32_t delayed = Delay(spec, input.now, desired, state);
    if (delayed != desired) {
      decision.explanation.push_back(fmt::format("{} pods were wanted within {}, and stay instead of {}.",
                                                 delayed, FormatDuration(spec.scale_down_delay), desired));
    }
    desired = delayed;
  }
  decision.valid = true;
  decision.desired = desired;
  decision.excess_burst_capacity = ExcessBurstCapacity(spec, input);
  decision.state = std::move(state);
  return decision;
}

KpaResult EvaluateKpa(const KpaSpec& spec, const KpaInput& input, KpaState state) {
  if (state.phase == KpaPhase::kActivating && input.ready_pods > 0)
    Enter(state, KpaPhase::kActive, input.now);
  if (input.ready_pods >= spec.initial_scale) state.initialized = true;
  KpaDecision decision = DecideKpa(spec, input, std::move(state));
  KpaResult result;
  result.explanation = std::move(decision.explanation);
  result.excess_burst_capacity = decision.excess_burst_capacity;
  result.state = std::move(decision.state);
  result.panicking = result.state.panic_since.has_value();
  if (!decision.valid && result.state.phase != KpaPhase::kActivating) {
    result.desired = input.current_scale;
    return result;
  }
  int32_t least = spec.min_scale;
  if (!result.state.initialized && spec.reachable && spec.initial_scale > 1) {
    least = std::max(least, spec.initial_scale);
  }
  int32_t desired = decision.valid ? decision.desired : 0;
  const int32_t wanted = desired;
  desired = std::max(desired, least);
  if (spec.max_scale != 0) desired = std::min(desired, spec.max_scale);
  if (desired != wanted) {
    result.explanation.push_back(fmt::format("The bounds make {} pods of {}.", desired, wanted));
  }
  if (desired > 0) {
    if (result.state.phase == KpaPhase::kInactive) {
      Enter(result.state, input.ready_pods > 0 ? KpaPhase::kActive : KpaPhase::kActivating, input.now);
    }
    result.desired = desired;
    result.apply = true;
  } else {
    const Zero zero = ToZero(spec, input.now, result.state);
    result.explanation.push_back(zero.why);
    result.desired = zero.apply ? zero.desired : input.current_scale;
    result.apply = zero.apply;
  }
  if (result.apply && result.desired != input.current_scale) {
    result.explanation.push_back(
        fmt::format("The scale goes from {} to {}.", input.current_scale, Replicas(result.desired)));
  }
  return result;
}

}  // namespace millrace::autoscale
