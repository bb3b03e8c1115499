#include "controller/compute_pool/machine.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

namespace millrace::controller::compute_pool {

Machine ThisMachine() {
  return {
      .cpu = static_cast<double>(std::max(1U, std::thread::hardware_concurrency())),
      .memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE))};
}

}  // namespace millrace::controller::compute_pool
