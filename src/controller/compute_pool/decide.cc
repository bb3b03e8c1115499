#include "controller/compute_pool/decide.h"

#include "workload/process.h"

namespace millrace::controller::compute_pool {

Decision Decide(const Snapshot& snapshot) {
  Decision decision;
  decision.cpu = snapshot.spec.cpu > 0 ? snapshot.spec.cpu : snapshot.machine_cpu;
  decision.memory = snapshot.spec.memory > 0 ? snapshot.spec.memory : snapshot.machine_memory;
  if (decision.cpu > snapshot.machine_cpu) {
    decision.ready = NotReady("TooLarge", fmt::format("The pool asks for {} cores; this machine has {}.",
                                                      decision.cpu, snapshot.machine_cpu));
  } else if (decision.memory > snapshot.machine_memory) {
    decision.ready = NotReady("TooLarge", fmt::format("The pool asks for {}; this machine has {}.",
                                                      workload::FormatBytes(decision.memory),
                                                      workload::FormatBytes(snapshot.machine_memory)));
  } else {
    decision.ready =
        IsReady("Available", fmt::format("{} of {} slots in use, {} jobs wait.", snapshot.running,
                                         snapshot.spec.slots, snapshot.pending));
  }
  return decision;
}

}  // namespace millrace::controller::compute_pool
