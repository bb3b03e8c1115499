// How many replicas one metric asks for (Kubernetes' replica_calculator.go).
// Private to src/autoscale. Pure; fails with the sentence of why it cannot say.
#pragma once

#include "autoscale/hpa.h"

namespace millrace::autoscale::internal {

struct Proposal {
  int32_t replicas = 0;
  int64_t current = 0;  // what status.currentMetrics shows
  std::string why;
};

// The metric's name as the controller's events and conditions write it.
std::string MetricLabel(const HpaMetric& metric);

Result<Proposal> ProposeReplicas(const HpaMetric& metric, const MetricReading& reading, const HpaInput& input,
                                 const HpaOptions& options);

}  // namespace millrace::autoscale::internal
