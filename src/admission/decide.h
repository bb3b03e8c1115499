// The decision as one pure function: the same Snapshot, in whatever order its pools,
// projects and workloads stand, gives the same Decision.
//
//   MR_ASSIGN_OR_RETURN(const Decision decision, Decide(snapshot));
//   for (const Action& action : decision.actions) ...   // admit, preempt
//   for (const Waiting& w : decision.waiting) ...       // why each of the others waits
//
// Fails as Scheduler::Create and Add do, on input that is wrong in itself. Costs what the
// whole snapshot costs; who decides at every event keeps a Scheduler (admission/scheduler.h).
#pragma once

#include "admission/types.h"
#include "base/status.h"

namespace millrace::admission {

Result<Decision> Decide(const Snapshot& snapshot);

}  // namespace millrace::admission
