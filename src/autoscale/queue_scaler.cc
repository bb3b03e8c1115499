#include "autoscale/queue_scaler.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace millrace::autoscale {
namespace {

struct Reading {
  std::string error;
  double value = 0;
  bool active = false;
  std::string why;
};

// Within its interval when the next end comes before the next start.
Reading ReadCron(const CronTrigger& cron, EventTime now) {
  const auto start = cron.start.Next(now, cron.zone);
  const auto end = cron.end.Next(now, cron.zone);
  if (!start || !end) {
    return {fmt::format("the schedule '{}' never comes", (start ? cron.end : cron.start).text()), 0, false,
            ""};
  }
  if (*start < *end) return {"", 0, false, fmt::format("its next start is at {}", FormatTime(*start))};
  return {"", static_cast<double>(cron.desired_replicas), true,
          fmt::format("it lasts until {}", FormatTime(*end))};
}

Reading Read(const Trigger& trigger, const TriggerReading& reading, EventTime now) {
  if (const auto* cron = std::get_if<CronTrigger>(&trigger.kind)) return ReadCron(*cron, now);
  if (!reading.error.empty()) return {reading.error, 0, false, ""};
  if (!std::isfinite(reading.value)) return {"its value is no finite number", 0, false, ""};
  const double threshold = std::get<MetricTrigger>(trigger.kind).activation_threshold;
  const bool active = reading.active.value_or(reading.value > threshold);
  return {"", reading.value, active,
          reading.active ? fmt::format("its scaler says so at {}", FormatReal(reading.value))
                         : fmt::format("{} is {} than {}", FormatReal(reading.value),
                                       active ? "more" : "not more", FormatReal(threshold))};
}

std::vector<Reading> ReadAll(const QueueSpec& spec, const QueueInput& input) {
  MR_CHECK(input.readings.size() == spec.triggers.size(), "{} readings of {} triggers", input.readings.size(),
           spec.triggers.size());
  std::vector<Reading> readings;
  for (size_t i = 0; i < spec.triggers.size(); ++i) {
    readings.push_back(Read(spec.triggers[i], input.readings[i], input.now));
  }
  return readings;
}

// KEDA sends quantities of three decimals, cut off.
Milli ToMilli(double value) {
  const double thousandths = std::trunc(value * 1000);
  if (thousandths >= 9.2e18) return INT64_MAX;
  if (thousandths <= -9.2e18) return INT64_MIN;
  return static_cast<Milli>(thousandths);
}

void Set(QueueResult& result, int32_t replicas, std::string why) {
  result.desired = replicas;
  result.rescale = true;
  result.explanation.push_back(std::move(why));
}

void PollActive(const QueueSpec& spec, const QueueInput& input, bool error, QueueResult& result) {
  result.reason = "ScalerActive";
  const bool idle = spec.idle_replicas && input.replicas < spec.min_replicas;
  if (idle || input.replicas == 0) {
    const int32_t first = std::max(1, spec.min_replicas);
    Set(result, first,
        fmt::format("A trigger is active: the scale goes from {} to {}.", input.replicas, Replicas(first)));
    result.state.last_active = input.now;
  } else if (error) {
    result.explanation.push_back("Some triggers could not be read; the time of the last activity stays.");
  } else {
    result.state.last_active = input.now;
  }
}

// Down to idle or to zero, once nothing was active for long enough.
void PutToSleep(const QueueSpec& spec, const QueueInput& input, QueueResult& result) {
  const EventTime since = result.state.last_active.value_or(result.state.created);
  const Micros wait = result.state.last_active ? spec.cooldown_period : spec.initial_cooldown_period;
  if (since + wait < input.now) {
    const int32_t least = spec.idle_replicas.value_or(spec.min_replicas);
    Set(result, least,
        fmt::format("No trigger was active for more than {}: the scale goes from {} to {}.",
                    FormatDuration(wait), input.replicas, Replicas(least)));
    return;
  }
  result.reason = "ScalerCooldown";
  result.explanation.push_back(fmt::format(
      "No trigger is active; it sleeps once that has lasted for more than {}.", FormatDuration(wait)));
}

void PollInactive(const QueueSpec& spec, const QueueInput& input, bool error, QueueResult& result) {
  result.reason = "ScalerNotActive";
  const int32_t current = input.replicas;
  if (error) {
    result.explanation.push_back("A trigger could not be read, so nothing is put to sleep.");
  } else if ((spec.idle_replicas && current > *spec.idle_replicas) ||
             (current > 0 && spec.min_replicas == 0)) {
    PutToSleep(spec, input, result);
  } else if (!spec.idle_replicas && current < spec.min_replicas) {
    Set(result, spec.min_replicas,
        fmt::format("{} are fewer than the minimum, {}.", Replicas(current), spec.min_replicas));
  }
}

Status ValidateTrigger(const Trigger& trigger, size_t index) {
  const std::string path = fmt::format("triggers[{}] ({})", index, trigger.name);
  if (trigger.name.empty()) return InvalidArgument("triggers[{}] has no name", index);
  if (const auto* cron = std::get_if<CronTrigger>(&trigger.kind)) {
    if (cron->start.text() == cron->end.text()) {
      return InvalidArgument("{}: start and end are the same, '{}'", path, cron->start.text());
    }
    if (cron->desired_replicas < 1) return InvalidArgument("{}: desiredReplicas must be at least 1", path);
    return Ok();
  }
  if (trigger.target <= 0) return InvalidArgument("{}: its threshold must be more than 0", path);
  if (trigger.type == TargetType::kUtilization) {
    return InvalidArgument("{}: a trigger has an average value or a value, and no utilization", path);
  }
  return Ok();
}

}  // namespace

Status ValidateQueue(const QueueSpec& spec) {
  if (spec.triggers.empty()) return InvalidArgument("there is no trigger");
  std::set<std::string> names;
  for (size_t i = 0; i < spec.triggers.size(); ++i) {
    MR_RETURN_IF_ERROR(ValidateTrigger(spec.triggers[i], i));
    if (!names.insert(spec.triggers[i].name).second) {
      return InvalidArgument("triggers[{}]: the name '{}' was given before", i, spec.triggers[i].name);
    }
  }
  if (spec.min_replicas < 0)
    return InvalidArgument("minReplicaCount is {}; it cannot be negative", spec.min_replicas);
  if (spec.max_replicas < 1)
    return InvalidArgument("maxReplicaCount is {}; it must be at least 1", spec.max_replicas);
  if (spec.min_replicas > spec.max_replicas) {
    return InvalidArgument("minReplicaCount ({}) is more than maxReplicaCount ({})", spec.min_replicas,
                           spec.max_replicas);
  }
  if (spec.idle_replicas && (*spec.idle_replicas < 0 || *spec.idle_replicas >= spec.min_replicas)) {
    return InvalidArgument("idleReplicaCount ({}) must be less than minReplicaCount ({})",
                           *spec.idle_replicas, spec.min_replicas);
  }
  if (spec.polling_interval <= Micros(0)) return InvalidArgument("pollingInterval must be longer than 0");
  if (spec.cooldown_period < Micros(0) || spec.initial_cooldown_period < Micros(0)) {
    return InvalidArgument("a cooldown period cannot be negative");
  }
  return ValidateHpa(HpaOfQueue(spec));
}

QueueState StartQueue(const QueueSpec&, EventTime created) {
  QueueState state;
  state.created = created;
  return state;
}

HpaSpec HpaOfQueue(const QueueSpec& spec) {
  HpaSpec hpa;
  hpa.min_replicas = std::max(1, spec.min_replicas);
  hpa.max_replicas = spec.max_replicas;
  hpa.behavior = spec.behavior;
  hpa.metrics.clear();
  for (const Trigger& trigger : spec.triggers) {
    const bool cron = std::holds_alternative<CronTrigger>(trigger.kind);
    hpa.metrics.push_back({MetricSource::kExternal, trigger.name, "",
                           cron ? TargetType::kAverageValue : trigger.type,
                           cron ? Milli{1000} : trigger.target});
  }
  return hpa;
}

QueueResult PollQueue(const QueueSpec& spec, const QueueInput& input, QueueState state) {
  QueueResult result;
  result.desired = input.replicas;
  result.state = std::move(state);
  bool error = false;
  const std::vector<Reading> readings = ReadAll(spec, input);
  for (size_t i = 0; i < readings.size(); ++i) {
    const Reading& reading = readings[i];
    result.active |= reading.active;
    error |= !reading.error.empty();
    result.explanation.push_back(reading.error.empty()
                                     ? fmt::format("{} is {}: {}.", spec.triggers[i].name,
                                                   reading.active ? "active" : "not active", reading.why)
                                     : fmt::format("{}: {}.", spec.triggers[i].name, reading.error));
  }
  if (result.active) {
    PollActive(spec, input, error, result);
  } else {
    PollInactive(spec, input, error, result);
  }
  result.rescale = result.rescale && result.desired != input.replicas;
  return result;
}

QueueResult SyncQueue(const QueueSpec& spec, const QueueInput& input, QueueState state) {
  HpaInput hpa;
  hpa.now = input.now;
  hpa.spec_replicas = input.replicas;
  hpa.status_replicas = input.status_replicas;
  hpa.pods = input.pods;
  QueueResult result;
  for (const Reading& reading : ReadAll(spec, input)) {
    result.active |= reading.active;
    hpa.readings.push_back({reading.error, {}, {ToMilli(reading.value)}});
  }
  HpaResult evaluated = EvaluateHpa(HpaOfQueue(spec), spec.hpa, hpa, std::move(state.hpa));
  result.desired = evaluated.desired;
  result.rescale = evaluated.rescale;
  result.reason = evaluated.reason;
  result.explanation = std::move(evaluated.explanation);
  result.state = std::move(state);
  result.state.hpa = std::move(evaluated.state);
  return result;
}

}  // namespace millrace::autoscale
