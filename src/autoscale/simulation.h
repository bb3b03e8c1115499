// The simulator: a trace of traffic through replicas that a policy scales.
//
//   MR_ASSIGN_OR_RETURN(Trace day, MakeDay("sale", 200, 1));
//   auto policy = MakeKpaAutoscaler(spec);
//   MR_ASSIGN_OR_RETURN(SimulationResult r, Simulate(day, *policy, options));
//
// Requests wait in one queue, first come first served, until a ready replica has
// one of its `concurrency` places free. It is a discrete-event simulation: each
// request arrives, starts and ends on its own, whatever the rate; nothing is
// approximated by a flow. (With exponential times and a fixed number of replicas
// it is the M/M/c queue, and is held to Erlang's formula by its test.) A million
// requests take about a tenth of a second. The same inputs and seed give the
// same result.
//
// A replica costs from its creation until it has ended its last request. A
// request that waits longer than the timeout leaves; one that finds the queue
// full is rejected. Both count apart, and not among the latencies.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "autoscale/autoscaler.h"
#include "autoscale/trace.h"
#include "base/status.h"

namespace millrace::autoscale {

enum class ServiceShape { kFixed, kExponential, kLogNormal };

struct ReplicaModel {
  int32_t concurrency = 8;  // requests that it serves at once
  double service_ms = 20;   // mean
  ServiceShape shape = ServiceShape::kExponential;
  double variation = 1;  // of kLogNormal: standard deviation through mean
  Micros startup = std::chrono::seconds(5);
  double startup_spread = 0.2;  // each takes startup × (1 ± spread), evenly
  Micros timeout = std::chrono::seconds(30);
  int64_t queue_limit = 10'000;
};

struct SimulationOptions {
  ReplicaModel replica;
  uint64_t seed = 1;
  double price_per_replica_hour = 0.10;
  int points = 720;  // of the series, at most
};

// A piece of the series.
struct SimulationPoint {
  Micros begin{0};
  double rate = 0;      // requests a second that came
  double replicas = 0;  // mean that existed
  double ready = 0;     // mean that were ready
  double p99_ms = 0;
  int64_t failed = 0;  // timed out or rejected
};

struct ScaleChange {
  Micros at{0};
  int32_t from = 0, to = 0;
  std::vector<std::string> why;
};

struct SimulationResult {
  std::string policy;
  int64_t requests = 0, served = 0, timeouts = 0, rejected = 0, unfinished = 0;
  double mean_ms = 0, p50_ms = 0, p95_ms = 0, p99_ms = 0, max_ms = 0;
  double mean_wait_ms = 0;  // of those that were served
  double waited = 0;        // fraction of them that did not start at once
  double replica_seconds = 0;
  double mean_replicas = 0;
  int32_t max_replicas = 0;
  double cost = 0;
  double busy = 0;  // fraction of the ready replicas' places that were in use
  std::vector<SimulationPoint> series;
  std::vector<ScaleChange> changes;  // the first 10,000
  int64_t change_count = 0;
};

Status ValidateSimulation(const SimulationOptions& options);

Result<SimulationResult> Simulate(const Trace& trace, Autoscaler& policy, const SimulationOptions& options);

}  // namespace millrace::autoscale
