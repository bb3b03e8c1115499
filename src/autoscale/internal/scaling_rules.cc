#include "autoscale/internal/scaling_rules.h"

#include <algorithm>

namespace millrace::autoscale::internal {
namespace {

constexpr std::string_view kUpStabilized =
    "recent recommendations were lower than current one, applying the lowest recent recommendation";
constexpr std::string_view kDownStabilized =
    "recent recommendations were higher than current one, applying the highest recent recommendation";

struct Limited {
  int32_t replicas = 0;
  std::string reason, message;
};

Limited WithinRange(int32_t replicas) {
  return {replicas, "DesiredWithinRange", "the desired count is within the acceptable range"};
}
Limited TooMany(int32_t replicas) {
  return {replicas, "TooManyReplicas", "the desired replica count is more than the maximum replica count"};
}
Limited TooFew(int32_t replicas) {
  return {replicas, "TooFewReplicas", "the desired replica count is less than the minimum replica count"};
}
Limited TooFastUp(int32_t replicas) {
  return {replicas, "ScaleUpLimit",
          "the desired replica count is increasing faster than the maximum scale rate"};
}
Limited TooFastDown(int32_t replicas) {
  return {replicas, "ScaleDownLimit",
          "the desired replica count is decreasing faster than the maximum scale rate"};
}

// Takes the place of the recommendation at `old`, or comes after all.
void Record(HpaState& state, std::optional<size_t> old, int32_t replicas, EventTime now) {
  if (old) {
    state.recommendations[*old] = {replicas, now};
  } else {
    state.recommendations.push_back({replicas, now});
  }
}

int32_t ChangeWithin(const std::vector<ScaleEvent>& events, int32_t period_seconds, EventTime now) {
  const EventTime cutoff = now - std::chrono::seconds(period_seconds);
  int32_t sum = 0;
  for (const ScaleEvent& event : events) {
    if (event.at > cutoff) sum += event.change;
  }
  return sum;
}

int32_t ReplicasAtPeriodStart(const ScalingPolicy& policy, int32_t current, const HpaState& state,
                              EventTime now) {
  return current - ChangeWithin(state.up_events, policy.period_seconds, now) +
         ChangeWithin(state.down_events, policy.period_seconds, now);
}

int32_t Add(int32_t a, int32_t b) {
  return static_cast<int32_t>(std::clamp<int64_t>(int64_t{a} + b, INT32_MIN, INT32_MAX));
}

Normalized Finish(Limited limited, int32_t stabilized, HpaCondition able_to_scale,
                  std::vector<std::string> explanation) {
  const bool is_limited = limited.replicas != stabilized;
  if (is_limited) {
    explanation.push_back(fmt::format("{} ({}): {} instead of {}.", limited.message, limited.reason,
                                      Replicas(limited.replicas), stabilized));
  }
  return {limited.replicas,
          std::move(able_to_scale),
          {is_limited, limited.reason, limited.message},
          std::move(explanation)};
}

HpaCondition Ready() { return {true, "ReadyForNewScale", "recommended size matches current size"}; }

Limited LimitByBehavior(const HpaSpec& spec, int32_t current, int32_t wanted, const HpaState& state,
                        EventTime now) {
  if (wanted > current) {
    const int32_t rate = std::max(current, ScaleUpLimit(spec.behavior->up, current, state, now));
    if (wanted > std::min(spec.max_replicas, rate)) {
      return spec.max_replicas > rate ? TooFastUp(rate) : TooMany(spec.max_replicas);
    }
  } else if (wanted < current) {
    const int32_t rate = std::min(current, ScaleDownLimit(spec.behavior->down, current, state, now));
    if (wanted < std::max(spec.min_replicas, rate)) {
      return spec.min_replicas < rate ? TooFastDown(rate) : TooFew(spec.min_replicas);
    }
  }
  return WithinRange(wanted);
}

}  // namespace

int32_t ScaleUpLimit(const ScalingRules& rules, int32_t current, const HpaState& state, EventTime now) {
  if (rules.select == SelectPolicy::kDisabled) return current;
  const bool least = rules.select == SelectPolicy::kMin;
  int32_t limit = least ? INT32_MAX : INT32_MIN;
  for (const ScalingPolicy& policy : rules.policies) {
    const int32_t start = ReplicasAtPeriodStart(policy, current, state, now);
    // Rounded up: half a replica more would otherwise never be one.
    const int32_t proposed = policy.type == PolicyType::kPods
                                 ? Add(start, policy.value)
                                 : CeilToInt32(start * (1 + static_cast<double>(policy.value) / 100));
    limit = least ? std::min(limit, proposed) : std::max(limit, proposed);
  }
  return limit;
}

int32_t ScaleDownLimit(const ScalingRules& rules, int32_t current, const HpaState& state, EventTime now) {
  if (rules.select == SelectPolicy::kDisabled) return current;
  const bool least = rules.select == SelectPolicy::kMin;  // the least change leaves the most replicas
  int32_t limit = least ? INT32_MIN : INT32_MAX;
  for (const ScalingPolicy& policy : rules.policies) {
    const int32_t start = ReplicasAtPeriodStart(policy, current, state, now);
    const int32_t proposed = policy.type == PolicyType::kPods
                                 ? Add(start, -policy.value)
                                 : TruncateToInt32(start * (1 - static_cast<double>(policy.value) / 100));
    limit = least ? std::max(limit, proposed) : std::min(limit, proposed);
  }
  return limit;
}

Normalized Normalize(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input, int32_t asked,
                     HpaState& state) {
  const EventTime cutoff = input.now - options.downscale_stabilization;
  int32_t stabilized = asked;
  std::optional<size_t> old;
  for (size_t i = 0; i < state.recommendations.size(); ++i) {
    const Recommendation& earlier = state.recommendations[i];
    if (earlier.at < cutoff) {
      old = i;
    } else {
      stabilized = std::max(stabilized, earlier.replicas);
    }
  }
  Record(state, old, asked, input.now);
  HpaCondition able = Ready();
  std::vector<std::string> explanation;
  if (stabilized != asked) {
    able = {true, "ScaleDownStabilized", std::string(kDownStabilized)};
    explanation.push_back(fmt::format("{} were asked for in the last {}, and the most of a window holds.",
                                      Replicas(stabilized), FormatDuration(options.downscale_stabilization)));
  }
  constexpr int32_t kLeastUpLimit = 4;
  const auto rate = std::max(Add(input.spec_replicas, input.spec_replicas), kLeastUpLimit);
  Limited limited = WithinRange(stabilized);
  if (stabilized < spec.min_replicas) {
    limited = TooFew(spec.min_replicas);
  } else if (stabilized > std::min(rate, spec.max_replicas)) {
    limited = spec.max_replicas > rate ? TooFastUp(rate) : TooMany(spec.max_replicas);
  }
  return Finish(std::move(limited), stabilized, std::move(able), std::move(explanation));
}

Normalized NormalizeWithBehavior(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input,
                                 int32_t asked, HpaState& state) {
  const int32_t current = input.spec_replicas;
  const Micros up_window = std::chrono::seconds(spec.behavior->up.stabilization_window_seconds.value_or(0));
  const std::optional<int32_t> down_seconds = spec.behavior->down.stabilization_window_seconds;
  const Micros down_window =
      down_seconds ? std::chrono::seconds(*down_seconds) : options.downscale_stabilization;
  const EventTime up_cutoff = input.now - up_window;
  const EventTime down_cutoff = input.now - down_window;
  int32_t lowest = asked;   // nobody scales up beyond it
  int32_t highest = asked;  // nor down below it
  std::optional<size_t> old;
  for (size_t i = 0; i < state.recommendations.size(); ++i) {
    const Recommendation& earlier = state.recommendations[i];
    if (earlier.at > up_cutoff) lowest = std::min(lowest, earlier.replicas);
    if (earlier.at > down_cutoff) highest = std::max(highest, earlier.replicas);
    if (earlier.at < up_cutoff && earlier.at < down_cutoff) old = i;
  }
  const int32_t stabilized = std::min(std::max(current, lowest), highest);
  Record(state, old, asked, input.now);
  HpaCondition able = Ready();
  std::vector<std::string> explanation;
  if (stabilized != asked) {
    const bool up = asked >= current;
    able = {true, up ? "ScaleUpStabilized" : "ScaleDownStabilized",
            std::string(up ? kUpStabilized : kDownStabilized)};
    explanation.push_back(fmt::format("Over the last {} the {} that was asked for is {}, and it holds.",
                                      FormatDuration(up ? up_window : down_window), up ? "least" : "most",
                                      Replicas(stabilized)));
  }
  return Finish(LimitByBehavior(spec, current, stabilized, state, input.now), stabilized, std::move(able),
                std::move(explanation));
}

}  // namespace millrace::autoscale::internal
