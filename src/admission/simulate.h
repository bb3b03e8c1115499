// A pool over time: what jobs would have waited, and what the nodes would have cost, under
// the rules of admission/scheduler.h. Discrete events; the same input, the same result.
//
// A node that a job is put on starts when it is not there, which takes `node_start`; the
// job's pods start when the last of its nodes is up, and the node is paid from its request
// on. `tear_down_after` its last job it goes, and is paid until then. Always-on is the same
// jobs on nodes that all run from the first arrival to the last end.
//
//   MR_ASSIGN_OR_RETURN(SimulationResult result, Simulate({.pools = pools, .projects = projects, .jobs =
//   jobs})); Print(result.ToString());
//
// A preempted job goes back to the queue at once, and has lost what it did since its last
// checkpoint. Fails as Scheduler does on wrong input. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "admission/types.h"
#include "base/status.h"

namespace millrace::admission {

struct SimulatedJob {
  Workload workload = {};         // queued_at: its arrival; the state is not looked at
  Micros runs = {};               // how long it really takes, once its nodes are up
  Micros checkpoints_every = {};  // 0: it has none
};

struct SimulationOptions {
  std::vector<Pool> pools = {};
  std::vector<Project> projects = {};
  std::vector<SimulatedJob> jobs = {};
  Policy policy = {};
  Micros node_start = std::chrono::seconds(90);
  Micros tear_down_after = {};
};

struct JobOutcome {
  std::string job = {};
  bool finished = false;
  Micros waited = {};  // from its arrival to its first start
  EventTime ended_at = {};
  int64_t preempted = 0;    // times
  double gpu_hours = 0;     // of "…/gpu" resources, from admission to end, all attempts
  double cost = 0;          // its share of its nodes' time, by the resource that it held most of
  std::string reason = {};  // why it never started
};

struct PoolOutcome {
  std::string pool = {};
  double node_hours = 0;  // paid
  double busy_share = 0;  // held of the paid time: of its GPUs, else slots, else cores
  double cost = 0;
  double always_on_cost = 0;
  double saved() const { return always_on_cost - cost; }
};

struct SimulationResult {
  std::vector<JobOutcome> jobs = {};    // in the order of the input
  std::vector<PoolOutcome> pools = {};  // by name
  Micros makespan = {};                 // from the first arrival to the last end
  int64_t finished = 0;
  int64_t preemptions = 0;
  Micros mean_wait = {};
  Micros p50_wait = {};
  Micros p99_wait = {};
  double gpu_hours = 0;
  double lost_gpu_hours = 0;  // done again after preemption

  // A table for people.
  std::string ToString() const;
};

Result<SimulationResult> Simulate(const SimulationOptions& options);

}  // namespace millrace::admission
