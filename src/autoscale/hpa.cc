#include "autoscale/hpa.h"

#include <algorithm>

#include "autoscale/internal/replica_calculator.h"
#include "autoscale/internal/scaling_rules.h"

namespace millrace::autoscale {
namespace {

Status ValidateMetric(const HpaMetric& metric, size_t index) {
  const std::string path = fmt::format("spec.metrics[{}]", index);
  if (metric.name.empty()) return InvalidArgument("{} has no name", path);
  if (metric.target <= 0)
    return InvalidArgument("{} ({}): its target must be more than 0", path, metric.name);
  const bool resource =
      metric.source == MetricSource::kResource || metric.source == MetricSource::kContainerResource;
  if (metric.type == TargetType::kUtilization && !resource) {
    return InvalidArgument("{} ({}): only a resource has a utilization; give an averageValue", path,
                           metric.name);
  }
  if (metric.type == TargetType::kValue && (resource || metric.source == MetricSource::kPods)) {
    return InvalidArgument("{} ({}): a metric of each pod is compared on average; give an averageValue", path,
                           metric.name);
  }
  if (metric.source == MetricSource::kContainerResource && metric.container.empty()) {
    return InvalidArgument("{} ({}) names no container", path, metric.name);
  }
  return Ok();
}

Status ValidateRules(const ScalingRules& rules, std::string_view direction) {
  constexpr int32_t kLongestWindow = 3600;
  constexpr int32_t kLongestPeriod = 1800;
  const int32_t window = rules.stabilization_window_seconds.value_or(0);
  if (window < 0 || window > kLongestWindow) {
    return InvalidArgument("spec.behavior.{}.stabilizationWindowSeconds is {}; 0 to {} can be", direction,
                           window, kLongestWindow);
  }
  if (rules.policies.empty()) return InvalidArgument("spec.behavior.{} has no policy", direction);
  for (size_t i = 0; i < rules.policies.size(); ++i) {
    const ScalingPolicy& policy = rules.policies[i];
    if (policy.value <= 0) {
      return InvalidArgument("spec.behavior.{}.policies[{}].value must be more than 0", direction, i);
    }
    if (policy.period_seconds <= 0 || policy.period_seconds > kLongestPeriod) {
      return InvalidArgument("spec.behavior.{}.policies[{}].periodSeconds is {}; 1 to {} can be", direction,
                             i, policy.period_seconds, kLongestPeriod);
    }
  }
  return Ok();
}

// The largest of what the metrics ask for. Nothing when they do not allow a decision.
std::optional<int32_t> LargestProposal(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input,
                                       HpaResult& result) {
  int32_t largest = 0;
  std::string decisive;
  size_t invalid = 0;
  Status first;
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    const HpaMetric& metric = spec.metrics[i];
    const std::string label = internal::MetricLabel(metric);
    Result<internal::Proposal> proposal =
        internal::ProposeReplicas(metric, input.readings[i], input, options);
    if (!proposal.ok()) {
      if (invalid++ == 0) first = proposal.status();
      result.explanation.push_back(fmt::format("{}: {}.", label, proposal.status().message()));
      result.metrics.push_back({label, std::nullopt, 0, proposal.status().message()});
      continue;
    }
    result.explanation.push_back(fmt::format("{}: {}.", label, proposal->why));
    if (largest == 0 || proposal->replicas > largest) {
      largest = proposal->replicas;
      decisive = label;
    }
    result.metrics.push_back({label, proposal->replicas, proposal->current, std::move(proposal->why)});
  }
  if (invalid > 0) {
    result.error =
        Status(first.code(), fmt::format("invalid metrics ({} invalid out of {}), first error is: {}",
                                         invalid, spec.metrics.size(), first.message()));
  }
  if (invalid >= spec.metrics.size() || (invalid > 0 && largest < input.spec_replicas)) {
    result.scaling_active = {false, "FailedGetMetrics", first.message()};
    result.explanation.push_back(
        invalid >= spec.metrics.size()
            ? fmt::format("No metric can be used, so {} stay.", Replicas(input.spec_replicas))
            : fmt::format("A metric is missing, and nobody scales down on half the evidence: {} stay.",
                          Replicas(input.spec_replicas)));
    return std::nullopt;
  }
  result.scaling_active = {
      true, "ValidMetricFound",
      fmt::format("the HPA was able to successfully calculate a replica count from {}", decisive)};
  if (largest > input.spec_replicas) result.reason = decisive + " above target";
  if (largest < input.spec_replicas) result.reason = "All metrics below target";
  return largest;
}

// Limits that hold whatever the metrics say; true when one of them decided.
bool DecideByLimits(const HpaSpec& spec, const HpaInput& input, HpaResult& result) {
  const int32_t current = input.spec_replicas;
  result.rescale = true;
  if (current == 0 && spec.min_replicas != 0) {
    result.desired = 0;
    result.rescale = false;
    result.scaling_active = {false, "ScalingDisabled",
                             "scaling is disabled since the replica count of the target is zero"};
    result.explanation.push_back("The target has 0 replicas, which switches the autoscaler off.");
    return true;
  }
  if (current > spec.max_replicas) {
    result.desired = spec.max_replicas;
    result.reason = "Current number of replicas above Spec.MaxReplicas";
    result.explanation.push_back(
        fmt::format("{} are more than the maximum, {}.", Replicas(current), spec.max_replicas));
    return true;
  }
  if (current < spec.min_replicas) {
    result.desired = spec.min_replicas;
    result.reason = "Current number of replicas below Spec.MinReplicas";
    result.explanation.push_back(
        fmt::format("{} are fewer than the minimum, {}.", Replicas(current), spec.min_replicas));
    return true;
  }
  result.rescale = false;
  return false;
}

void StoreEvent(std::vector<ScaleEvent>& events, const ScalingRules& rules, EventTime now, int32_t change) {
  int32_t longest = 0;
  for (const ScalingPolicy& policy : rules.policies) longest = std::max(longest, policy.period_seconds);
  const EventTime cutoff = now - std::chrono::seconds(longest);
  ScaleEvent* outdated = nullptr;  // its place is taken over
  for (ScaleEvent& event : events) {
    if (event.at < cutoff) outdated = &event;
  }
  if (outdated != nullptr) {
    *outdated = {change, now};
  } else {
    events.push_back({change, now});
  }
}

}  // namespace

ScalingRules DefaultScaleUpRules() {
  return {0, SelectPolicy::kMax, {{PolicyType::kPods, 4, 15}, {PolicyType::kPercent, 100, 15}}};
}

ScalingRules DefaultScaleDownRules() {
  return {std::nullopt, SelectPolicy::kMax, {{PolicyType::kPercent, 100, 15}}};
}

Status ValidateHpa(const HpaSpec& spec) {
  if (spec.max_replicas < 1)
    return InvalidArgument("spec.maxReplicas is {}; it must be at least 1", spec.max_replicas);
  if (spec.min_replicas < 0)
    return InvalidArgument("spec.minReplicas is {}; it cannot be negative", spec.min_replicas);
  if (spec.min_replicas > spec.max_replicas) {
    return InvalidArgument("spec.minReplicas ({}) is more than spec.maxReplicas ({})", spec.min_replicas,
                           spec.max_replicas);
  }
  if (spec.metrics.empty())
    return InvalidArgument("spec.metrics is empty: nothing says how many replicas are needed");
  bool scales_from_zero = false;
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    MR_RETURN_IF_ERROR(ValidateMetric(spec.metrics[i], i));
    const MetricSource source = spec.metrics[i].source;
    scales_from_zero |= source == MetricSource::kObject || source == MetricSource::kExternal;
  }
  if (spec.min_replicas == 0 && !scales_from_zero) {
    return InvalidArgument(
        "spec.minReplicas is 0, but no Object or External metric can wake the target up again");
  }
  if (spec.behavior) {
    MR_RETURN_IF_ERROR(ValidateRules(spec.behavior->up, "scaleUp"));
    MR_RETURN_IF_ERROR(ValidateRules(spec.behavior->down, "scaleDown"));
  }
  return Ok();
}

void HpaState::RecordRescale(const HpaSpec& spec, EventTime now, int32_t from, int32_t to) {
  if (!spec.behavior || from == to) return;  // without behaviour nobody reads the events
  if (to > from) {
    StoreEvent(up_events, spec.behavior->up, now, to - from);
  } else {
    StoreEvent(down_events, spec.behavior->down, now, from - to);
  }
}

HpaResult EvaluateHpa(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input, HpaState state) {
  MR_CHECK(input.readings.size() == spec.metrics.size(), "{} readings of {} metrics", input.readings.size(),
           spec.metrics.size());
  const int32_t current = input.spec_replicas;
  HpaResult result;
  result.desired = current;
  result.able_to_scale = {true, "SucceededGetScale",
                          "the HPA controller was able to get the target's current scale"};
  if (state.recommendations.empty()) state.recommendations.push_back({current, input.now});
  if (!DecideByLimits(spec, input, result)) {
    if (const std::optional<int32_t> asked = LargestProposal(spec, options, input, result)) {
      const internal::Normalized normalized =
          spec.behavior ? internal::NormalizeWithBehavior(spec, options, input, *asked, state)
                        : internal::Normalize(spec, options, input, *asked, state);
      result.desired = normalized.replicas;
      result.able_to_scale = normalized.able_to_scale;
      result.scaling_limited = normalized.scaling_limited;
      for (const std::string& line : normalized.explanation) result.explanation.push_back(line);
      result.rescale = result.desired != current;
    }
  }
  if (result.rescale) {
    result.able_to_scale = {
        true, "SucceededRescale",
        fmt::format("the HPA controller was able to update the target scale to {}", result.desired)};
    result.explanation.push_back(
        fmt::format("The scale goes from {} to {}.", current, Replicas(result.desired)));
  } else {
    result.explanation.push_back(fmt::format("The scale stays at {}.", Replicas(current)));
  }
  result.state = std::move(state);
  return result;
}

}  // namespace millrace::autoscale
