// What this machine has: the capacity of a pool that names none.
#pragma once

#include <cstdint>

namespace millrace::controller::compute_pool {

struct Machine {
  double cpu = 1;      // cores
  int64_t memory = 0;  // bytes
};
Machine ThisMachine();

}  // namespace millrace::controller::compute_pool
