// Autoscaler: one of the algorithms with its state, as the simulator (or a
// supervisor of processes) drives it: asked again every period, it answers with
// the number of replicas and why.
//
//   auto policy = MakeHpaAutoscaler({.max_replicas = 20}, 8, 70);
//   Autoscaler::Answer a = policy->Evaluate(observation);
//
// One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autoscale/hpa.h"
#include "autoscale/kpa.h"
#include "autoscale/load_history.h"
#include "autoscale/queue_scaler.h"

namespace millrace::autoscale {

struct Observation {
  EventTime now;
  int32_t replicas = 0;     // that are wanted (spec.replicas)
  std::vector<Pod> pods;    // that exist and are not being drained
  int64_t outstanding = 0;  // requests in flight and waiting, at this moment
  const LoadHistory* load = nullptr;

  int32_t Ready() const;
};

class Autoscaler {
 public:
  struct Answer {
    int32_t replicas = 0;
    std::vector<std::string> why;
  };

  virtual ~Autoscaler() = default;
  virtual std::string name() const = 0;
  // Whole seconds.
  virtual Micros period() const = 0;
  // Asks to be evaluated at once when a request comes and nothing runs.
  virtual bool wakes_at_once() const { return false; }
  virtual int32_t initial_replicas() const = 0;
  virtual Answer Evaluate(const Observation& observation) = 0;
};

// Always the same number.
std::unique_ptr<Autoscaler> MakeFixedAutoscaler(int32_t replicas);

// HPA on CPU, where a replica requests one core and has all its `concurrency` requests in flight at
// full use. Samples are 8 s old and means of 15 s, as with metrics-server's defaults.
// Precondition: ValidateHpa(spec).ok(), and the spec's first metric is CPU utilization.
std::unique_ptr<Autoscaler> MakeHpaAutoscaler(const HpaSpec& spec, const HpaOptions& options,
                                              int32_t concurrency);

// KPA on concurrency or requests per second. The gateway tells it of a request that finds no replica at once.
std::unique_ptr<Autoscaler> MakeKpaAutoscaler(const KpaSpec& spec);

// KEDA with an external scaler: the value of each MetricTrigger of the spec is the mean of requests in flight
// and waiting over 15 s, and it is active when there was a request in the last minute. With `push` the
// gateway tells it at once when a request finds no replica (StreamIsActive); without, it waits for the poll.
std::unique_ptr<Autoscaler> MakeQueueAutoscaler(const QueueSpec& spec, bool push);

}  // namespace millrace::autoscale
