#include "admission/decide.h"

#include <algorithm>

#include "admission/scheduler.h"

namespace millrace::admission {

Result<Decision> Decide(const Snapshot& snapshot) {
  MR_ASSIGN_OR_RETURN(
      Scheduler scheduler,
      Scheduler::Create({.pools = snapshot.pools, .projects = snapshot.projects, .policy = snapshot.policy}));
  std::vector<const Workload*> sorted;
  sorted.reserve(snapshot.workloads.size());
  for (const Workload& workload : snapshot.workloads) sorted.push_back(&workload);
  // Those whose nodes are known first, so that the others are placed beside them.
  const auto unplaced = [](const Workload* w) {
    return w->state != State::kWaiting && w->assignment.nodes.empty();
  };
  std::sort(sorted.begin(), sorted.end(), [&](const Workload* a, const Workload* b) {
    if (unplaced(a) != unplaced(b)) return unplaced(b);
    return a->name < b->name;
  });
  for (const Workload* workload : sorted) MR_RETURN_IF_ERROR(scheduler.Add(*workload));
  Decision decision;
  decision.actions = scheduler.Cycle(snapshot.now);
  decision.waiting = scheduler.ExplainAll();
  return decision;
}

}  // namespace millrace::admission
