// Which waiting workloads start, and which running ones make room: Kueue's rules
// (docs/queueing.md), kept up to date by event so that a decision costs what changed, not
// what waits.
//
// Workloads of one project that ask for the same are one class; a class whose first does
// not fit is passed whole, and looked at again only after something that it could use was
// given back. A cycle takes from the project that uses the least beyond its own (dominant
// resource share over weight) its first workload, until nothing more fits.
//
// Everything is a function of the state and `now`: the same workloads added in another
// order, or taken from a Snapshot (admission/decide.h), give the same actions.
//
//   MR_ASSIGN_OR_RETURN(Scheduler scheduler, Scheduler::Create({.pools = pools, .projects = projects}));
//   MR_RETURN_IF_ERROR(scheduler.Add(job));
//   for (const Action& action : scheduler.Cycle(clock.Now())) Act(action);
//   ...                                   // a preempted one is gone: Stopped; an ended one: Remove
//   Show(scheduler.Explain(job.name));    // why it waits
//
// A value with one owner; not thread safe. Fails only on input that is wrong in itself;
// a pool or node that vanished under a running workload is no error.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "admission/types.h"
#include "base/status.h"

namespace millrace::admission {

namespace internal {
struct State;
}

class Scheduler {
 public:
  struct Options {
    std::vector<Pool> pools = {};
    std::vector<Project> projects = {};
    Policy policy = {};
  };
  static Result<Scheduler> Create(const Options& options);
  Scheduler(Scheduler&& other) noexcept;
  Scheduler& operator=(Scheduler&& other) noexcept;
  ~Scheduler();

  // InvalidArgument: the project is unknown, amounts are out of bounds. AlreadyExists.
  Status Add(const Workload& workload);
  // It ended or was deleted, in whatever state. NotFound.
  Status Remove(std::string_view name);
  // A preempted one is gone from its nodes: it waits again, in its old place. NotFound;
  // FailedPrecondition unless it was stopping.
  Status Stopped(std::string_view name);
  // Work until then is not lost. NotFound.
  Status Checkpointed(std::string_view name, EventTime at);

  // Decides, and takes what was admitted as running and what is preempted as stopping.
  // `now` never goes back.
  std::vector<Action> Cycle(EventTime now);

  // Why it waits, as of the last cycle. NotFound when it does not wait.
  Result<Waiting> Explain(std::string_view name) const;
  // Of all that wait, by name.
  std::vector<Waiting> ExplainAll() const;

  size_t waiting() const;
  size_t running() const;  // with those that are stopping

 private:
  explicit Scheduler(std::unique_ptr<internal::State> state);
  std::unique_ptr<internal::State> state_;
};

}  // namespace millrace::admission
