// What the tests of the HPA begin with: one external metric that asks for replicas.
#pragma once

#include <utility>

#include "autoscale/hpa.h"

namespace millrace::autoscale::testing {

inline const EventTime kNow{1'700'000'000'000'000};

inline HpaMetric ExternalEach(Milli target) {
  return {MetricSource::kExternal, "qps", "", TargetType::kAverageValue, target};
}

inline HpaSpec ExternalSpec(int32_t min, int32_t max) {
  HpaSpec spec;
  spec.min_replicas = min;
  spec.max_replicas = max;
  spec.metrics = {ExternalEach(1000)};
  return spec;
}

// An external metric that asks for value / 1000 replicas.
inline HpaInput ExternalInput(int32_t current, Milli value, EventTime now = kNow) {
  HpaInput input;
  input.now = now;
  input.spec_replicas = input.status_replicas = current;
  input.readings.push_back({"", {}, {value}});
  return input;
}

inline HpaResult Evaluate(const HpaSpec& spec, const HpaInput& input, HpaState state = {}) {
  return EvaluateHpa(spec, {}, input, std::move(state));
}

}  // namespace millrace::autoscale::testing
