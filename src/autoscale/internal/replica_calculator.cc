#include "autoscale/internal/replica_calculator.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace millrace::autoscale::internal {
namespace {

__extension__ typedef __int128 Wide;  // a product of two quantities
using Values = std::map<std::string, Milli>;

struct Groups {
  int32_t ready = 0;
  std::set<std::string> unready, missing, ignored;
};

// While a pod is young, its CPU says more about its start than about its load.
bool UnreadyForCpu(const Pod& pod, const PodSample& sample, const HpaInput& input,
                   const HpaOptions& options) {
  if (pod.ready == ReadyCondition::kAbsent || !pod.started) return true;
  const bool not_ready = pod.ready == ReadyCondition::kFalse;
  if (*pod.started + options.cpu_initialization_period > input.now) {
    return not_ready || sample.at < pod.ready_changed + sample.window;
  }
  return not_ready && *pod.started + options.initial_readiness_delay > pod.ready_changed;
}

Groups GroupPods(const std::map<std::string, const PodSample*>& samples, bool cpu, const HpaInput& input,
                 const HpaOptions& options) {
  Groups groups;
  for (const Pod& pod : input.pods) {
    const auto sample = samples.find(pod.name);
    if (pod.deleting || pod.phase == PodPhase::kFailed) {
      groups.ignored.insert(pod.name);
    } else if (pod.phase == PodPhase::kPending) {
      groups.unready.insert(pod.name);
    } else if (sample == samples.end()) {
      groups.missing.insert(pod.name);
    } else if (cpu && UnreadyForCpu(pod, *sample->second, input, options)) {
      groups.unready.insert(pod.name);
    } else {
      ++groups.ready;
    }
  }
  return groups;
}

Result<Milli> RequestOf(const Pod& pod, const HpaMetric& metric) {
  if (!pod.requests.empty() && metric.container.empty()) {
    const auto request = pod.requests.find(metric.name);
    if (request != pod.requests.end()) return request->second;
    return FailedPrecondition("missing pod-level request for {} in Pod {}", metric.name, pod.name);
  }
  Milli sum = 0;
  for (const Container& container : pod.containers) {
    if (!metric.container.empty() && metric.container != container.name) continue;
    const auto request = container.requests.find(metric.name);
    if (request == container.requests.end()) {
      return FailedPrecondition("missing request for {} in container {} of Pod {}", metric.name,
                                container.name, pod.name);
    }
    sum = SaturatingAdd(sum, request->second);
  }
  return sum;
}

struct Ratio {
  double ratio = 0;
  int64_t current = 0;
};

// Usage against requests in whole percent, cut off as the controller does.
Result<Ratio> UtilizationRatio(const Values& metrics, const Values& requests, int64_t target) {
  Milli used = 0;
  Milli requested = 0;
  for (const auto& [pod, value] : metrics) {
    const auto request = requests.find(pod);
    if (request == requests.end()) continue;
    used = SaturatingAdd(used, value);
    requested = SaturatingAdd(requested, request->second);
  }
  if (requested == 0) return FailedPrecondition("no metrics returned matched known pods");
  const auto percent = static_cast<Wide>(used) * 100 / requested;
  const int64_t current = static_cast<int64_t>(std::min<Wide>(percent, INT32_MAX));
  return Ratio{static_cast<double>(current) / static_cast<double>(target), current};
}

Ratio UsageRatio(const Values& metrics, Milli target) {
  Milli used = 0;
  for (const auto& [pod, value] : metrics) used = SaturatingAdd(used, value);
  const Milli current = used / static_cast<Milli>(metrics.size());
  return {static_cast<double>(current) / static_cast<double>(target), current};
}

bool Within(double ratio, const HpaOptions& options) {
  return 1.0 - options.tolerance <= ratio && ratio <= 1.0 + options.tolerance;
}

// A metric of which each pod has a value: Resource, ContainerResource, Pods.
class PerPod {
 public:
  PerPod(const HpaMetric& metric, const MetricReading& reading, const HpaInput& input,
         const HpaOptions& options)
      : metric_(metric), input_(input), options_(options) {
    for (const PodSample& sample : reading.pods) {
      samples_[sample.pod] = &sample;
      values_[sample.pod] = sample.value;
    }
  }

  Result<Proposal> Propose() {
    if (input_.pods.empty()) {
      return FailedPrecondition("no pods returned by selector while calculating replica count");
    }
    const bool cpu = metric_.source != MetricSource::kPods && metric_.name == "cpu";
    groups_ = GroupPods(samples_, cpu, input_, options_);
    for (const std::string& pod : groups_.ignored) values_.erase(pod);
    for (const std::string& pod : groups_.unready) values_.erase(pod);
    if (values_.empty()) {
      return FailedPrecondition("did not receive metrics for targeted pods (pods might be unready)");
    }
    if (metric_.type == TargetType::kUtilization) {
      for (const Pod& pod : input_.pods) {
        MR_ASSIGN_OR_RETURN(requests_[pod.name], RequestOf(pod, metric_));
      }
    }
    MR_ASSIGN_OR_RETURN(measured_, Measure());
    const bool with_unready = !groups_.unready.empty() && measured_.ratio > 1.0;
    if (!with_unready && groups_.missing.empty()) {
      if (Within(measured_.ratio, options_)) return Keep("which is within the tolerance");
      return Ask(CeilToInt32(measured_.ratio * groups_.ready), groups_.ready);
    }
    return ProposeDamped(with_unready);
  }

 private:
  Result<Ratio> Measure() const {
    if (metric_.type == TargetType::kUtilization) return UtilizationRatio(values_, requests_, metric_.target);
    return UsageRatio(values_, metric_.target);
  }

  // Pods that say nothing are assumed to speak against the change.
  Result<Proposal> ProposeDamped(bool with_unready) {
    FillMissing();
    if (with_unready) {
      for (const std::string& pod : groups_.unready) values_[pod] = 0;
      assumed_.push_back(fmt::format("{} not ready counted as using nothing", Pods(groups_.unready.size())));
    }
    MR_ASSIGN_OR_RETURN(const Ratio damped, Measure());
    const double before = measured_.ratio;
    if ((before < 1.0 && damped.ratio > 1.0) || (before > 1.0 && damped.ratio < 1.0)) {
      return Keep("which would turn the direction");
    }
    if (Within(damped.ratio, options_)) return Keep("which is within the tolerance");
    const auto counted = static_cast<int32_t>(values_.size());
    const int32_t replicas = CeilToInt32(damped.ratio * counted);
    const int32_t current = input_.spec_replicas;
    if ((damped.ratio < 1.0 && replicas > current) || (damped.ratio > 1.0 && replicas < current)) {
      return Keep(fmt::format("which for {} would turn the direction", Pods(values_.size())));
    }
    return Ask(replicas, counted);
  }

  void FillMissing() {
    if (groups_.missing.empty() || measured_.ratio == 1.0) return;
    const bool down = measured_.ratio < 1.0;
    const bool utilization = metric_.type == TargetType::kUtilization;
    for (const std::string& pod : groups_.missing) {
      if (!down) {
        values_[pod] = 0;
      } else if (utilization) {
        const int64_t percent = std::max<int64_t>(100, metric_.target);
        values_[pod] = static_cast<Milli>(static_cast<Wide>(requests_[pod]) * percent / 100);
      } else {
        values_[pod] = metric_.target;
      }
    }
    assumed_.push_back(
        fmt::format("{} without metrics counted as using {}", Pods(groups_.missing.size()),
                    !down ? "nothing" : (utilization ? "all that is requested" : "the target")));
  }

  static std::string Pods(size_t count) { return fmt::format("{} {}", count, count == 1 ? "pod" : "pods"); }

  std::string Observed() const {
    std::string text = metric_.type == TargetType::kUtilization
                           ? fmt::format("{}% of what is requested is used, and {}% is the target",
                                         measured_.current, metric_.target)
                           : fmt::format("a pod has {} on average, and {} is the target",
                                         FormatMilli(measured_.current), FormatMilli(metric_.target));
    if (!assumed_.empty()) text += fmt::format(" ({})", Join(assumed_, ", "));
    return text;
  }

  Proposal Keep(const std::string& because) const {
    return {input_.spec_replicas, measured_.current,
            fmt::format("{}, {}: it keeps {}", Observed(), because, Replicas(input_.spec_replicas))};
  }

  Proposal Ask(int32_t replicas, int32_t counted) const {
    return {replicas, measured_.current,
            fmt::format("{}: of {} it asks for {}", Observed(), Pods(static_cast<size_t>(counted)),
                        Replicas(replicas))};
  }

  const HpaMetric& metric_;
  const HpaInput& input_;
  const HpaOptions& options_;
  std::map<std::string, const PodSample*> samples_;
  Values values_, requests_;
  Groups groups_;
  Ratio measured_;
  std::vector<std::string> assumed_;
};

int32_t ReadyPods(const HpaInput& input) {
  return static_cast<int32_t>(std::count_if(input.pods.begin(), input.pods.end(), [](const Pod& pod) {
    return pod.phase == PodPhase::kRunning && pod.ready == ReadyCondition::kTrue;
  }));
}

// Object and External with a target for the whole: the ready pods times the ratio.
Result<Proposal> ProposeForValue(const HpaMetric& metric, Milli usage, const HpaInput& input,
                                 const HpaOptions& options) {
  const double ratio = static_cast<double>(usage) / static_cast<double>(metric.target);
  const std::string observed =
      fmt::format("it is {}, and {} is the target", FormatMilli(usage), FormatMilli(metric.target));
  if (input.spec_replicas == 0) {
    const int32_t replicas = CeilToInt32(ratio);
    return Proposal{replicas, usage,
                    fmt::format("{}: from zero it asks for {}", observed, Replicas(replicas))};
  }
  if (Within(ratio, options)) {
    return Proposal{input.spec_replicas, usage,
                    fmt::format("{}, which is within the tolerance: it keeps {}", observed,
                                Replicas(input.spec_replicas))};
  }
  if (input.pods.empty()) {
    return FailedPrecondition(
        "unable to calculate ready pods: no pods returned by selector while calculating replica count");
  }
  const int32_t ready = ReadyPods(input);
  const int32_t replicas = CeilToInt32(ratio * ready);
  return Proposal{replicas, usage,
                  fmt::format("{}: of {} ready {} it asks for {}", observed, ready,
                              ready == 1 ? "pod" : "pods", Replicas(replicas))};
}

// Object and External with a target for each pod: the usage divided by it.
Proposal ProposeForAverage(const HpaMetric& metric, Milli usage, const HpaInput& input,
                           const HpaOptions& options) {
  const int32_t current = input.status_replicas;
  const auto target = static_cast<double>(metric.target);
  const double ratio = static_cast<double>(usage) / (target * current);
  const bool keep = Within(ratio, options);
  const int32_t replicas = keep ? current : CeilToInt32(static_cast<double>(usage) / target);
  Milli average = usage;
  if (current > 0 && usage != INT64_MAX) {
    average = static_cast<Milli>(std::ceil(static_cast<double>(usage) / current));
  }
  return {
      replicas, average,
      fmt::format("it is {} in all, and {} for each replica is the target{}: it {} {}", FormatMilli(usage),
                  FormatMilli(metric.target), keep ? ", which is within the tolerance" : "",
                  keep ? "keeps" : "asks for", Replicas(replicas))};
}

}  // namespace

std::string MetricLabel(const HpaMetric& metric) {
  switch (metric.source) {
    case MetricSource::kResource:
      return metric.name + (metric.type == TargetType::kUtilization
                                ? " resource utilization (percentage of request)"
                                : " resource");
    case MetricSource::kContainerResource:
      return metric.name +
             (metric.type == TargetType::kUtilization
                  ? " resource utilization (percentage of request) of container " + metric.container
                  : " resource of container " + metric.container);
    case MetricSource::kPods:
      return "pods metric " + metric.name;
    case MetricSource::kObject:
      return "object metric " + metric.name;
    case MetricSource::kExternal:
      return "external metric " + metric.name;
  }
  return metric.name;
}

Result<Proposal> ProposeReplicas(const HpaMetric& metric, const MetricReading& reading, const HpaInput& input,
                                 const HpaOptions& options) {
  if (!reading.error.empty()) {
    return Unavailable("unable to get {}: {}", MetricLabel(metric), reading.error);
  }
  if (metric.source != MetricSource::kObject && metric.source != MetricSource::kExternal) {
    return PerPod(metric, reading, input, options).Propose();
  }
  if (metric.source == MetricSource::kObject && reading.values.size() != 1) {
    return Unavailable("unable to get {}: {} values were answered, where an object has one",
                       MetricLabel(metric), reading.values.size());
  }
  if (reading.values.empty()) {
    return Unavailable("unable to get {}: no metrics returned from external metrics API",
                       MetricLabel(metric));
  }
  Milli usage = 0;
  for (const Milli value : reading.values) usage = SaturatingAdd(usage, value);
  if (metric.type == TargetType::kValue) return ProposeForValue(metric, usage, input, options);
  return ProposeForAverage(metric, usage, input, options);
}

}  // namespace millrace::autoscale::internal
