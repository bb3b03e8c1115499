// Which TrainingJob may start in a ComputePool: a slot must be free, and the CPU and
// memory that it needs, beside what the jobs that run there hold. Pure.
//
// A job needs what its Model's limits say, for more it is not allowed to use. What they
// leave open is one slot's share of the pool, which is then the job's limit, too: so the
// jobs of a pool can never use more than it has. The machine as such (no pool named) has
// one slot, and what limits leave open stays open.
//
//   first come, first served: a job waits for the older ones that wait for the same pool,
//   so that small jobs cannot keep a large one out for ever.
//
// Pools share one machine: what the jobs of all pools and projects hold never exceeds it. A
// job that its pool admits waits for the machine as well, unless nothing runs there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "resource/spec.h"

namespace millrace::controller::compute_pool {

struct Capacity {
  std::string name = {};  // of the pool; "" is this machine
  int64_t slots = 1;
  double cpu = 0;      // cores; 0: not counted
  int64_t memory = 0;  // bytes; 0: not counted
};

// 0: as much as there is.
struct Need {
  double cpu = 0;
  int64_t memory = 0;
};

struct Holder {
  std::string job;
  Need need;
};

// What jobs hold of the machine, whatever their pools and projects.
struct MachineUse {
  double cpu = 0;      // cores that there are; 0: not counted
  int64_t memory = 0;  // bytes; 0: not counted
  std::vector<Need> held = {};
  bool older_waits = false;  // an older job waits for the machine
};

struct Admission {
  bool admitted = false;
  std::string reason;   // a word, when it is not
  std::string message;  // a sentence, when it is not
};

// A job that the pool is too small for, however long it waits.
inline constexpr std::string_view kTooLarge = "LargerThanPool";
inline constexpr std::string_view kWaiting = "WaitingForSlot";
inline constexpr std::string_view kWaitingForMachine = "WaitingForMachine";

// What the pool offers: the spec's figures, else the machine's.
Capacity CapacityOf(std::string name, const resource::ComputePoolSpec& spec, double machine_cpu,
                    int64_t machine_memory);
Need NeedOf(const resource::ResourceLimits& limits, const Capacity& pool);

// `running`: the pool's other jobs that run. `waiting`: the older ones that wait for it.
Admission Admit(const Capacity& pool, const Need& need, std::span<const Holder> running,
                std::span<const std::string> waiting);

// What its pool admits, beside the jobs of all others. The names of theirs are not told:
// they may be another project's.
Admission AdmitToMachine(const MachineUse& machine, const Need& need);

}  // namespace millrace::controller::compute_pool
