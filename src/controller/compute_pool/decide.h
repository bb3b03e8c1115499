// ComputePool: slots of CPU and memory on this machine. Decide is pure.
#pragma once

#include <cstdint>

#include "controller/ready.h"
#include "resource/spec.h"

namespace millrace::controller::compute_pool {

struct Snapshot {
  resource::ComputePoolSpec spec;
  double machine_cpu = 0;      // cores
  int64_t machine_memory = 0;  // bytes
  int64_t running = 0;         // jobs in it
  int64_t pending = 0;         // jobs that wait for a slot of it
};

struct Decision {
  double cpu = 0;  // what the pool offers
  int64_t memory = 0;
  Ready ready;
};

Decision Decide(const Snapshot& snapshot);

}  // namespace millrace::controller::compute_pool
