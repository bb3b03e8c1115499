// From what the metrics ask for to what is done: stabilisation, then the rates
// of spec.behavior (or the older rule without it), then minimum and maximum.
// Kubernetes' horizontal.go, normalizeDesiredReplicas and what it calls.
// Private to src/autoscale. They add the new recommendation to the state.
#pragma once

#include <string>
#include <vector>

#include "autoscale/hpa.h"

namespace millrace::autoscale::internal {

struct Normalized {
  int32_t replicas = 0;
  HpaCondition able_to_scale, scaling_limited;
  std::vector<std::string> explanation;
};

Normalized Normalize(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input, int32_t asked,
                     HpaState& state);
// Precondition: spec.behavior.
Normalized NormalizeWithBehavior(const HpaSpec& spec, const HpaOptions& options, const HpaInput& input,
                                 int32_t asked, HpaState& state);

// How far the policies let the replicas go.
int32_t ScaleUpLimit(const ScalingRules& rules, int32_t current, const HpaState& state, EventTime now);
int32_t ScaleDownLimit(const ScalingRules& rules, int32_t current, const HpaState& state, EventTime now);

}  // namespace millrace::autoscale::internal
