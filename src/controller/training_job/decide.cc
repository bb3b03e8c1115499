#include "controller/training_job/decide.h"

#include <algorithm>
#include <span>

namespace millrace::controller::training_job {
namespace {

constexpr Micros kWhileRunning = std::chrono::milliseconds(500);
// Jobs of other models hold the pool: no watch tells this one when they end.
constexpr Micros kWhileWaiting = std::chrono::seconds(1);

Decision Succeeded(const Registered& registered) {
  Decision decision;
  decision.phase = Phase::kSucceeded;
  decision.promote = registered.passed && registered.automatic;
  std::string done = ", not promoted";
  if (decision.promote) done = " and promoted to " + registered.alias;
  if (registered.passed && !registered.automatic)
    done = "; a person is to move the alias " + registered.alias;
  decision.ready =
      IsReady(decision.promote ? "Promoted" : "NotPromoted",
              fmt::format("Version {} was registered{}: {}", registered.version, done, registered.reason));
  return decision;
}

Decision Ended(Phase phase, std::string reason, std::string message) {
  Decision decision;
  decision.phase = phase;
  decision.ready = NotReady(std::move(reason), std::move(message));
  return decision;
}

Decision Running(const Snapshot& snapshot) {
  Decision decision;
  decision.phase = Phase::kRunning;
  decision.cancel = snapshot.cancel;
  decision.look_again = kWhileRunning;
  decision.ready = NotReady(snapshot.cancel ? "Cancelling" : "Running", ProgressText(*snapshot.task) + ".");
  return decision;
}

// Pending, or started, or failed for what cannot be trained.
Decision NotStarted(const Snapshot& snapshot) {
  Decision decision;
  if (!snapshot.inputs.ok()) {
    if (snapshot.inputs.code() != Code::kUnavailable) {
      return Ended(Phase::kFailed, std::string(CodeName(snapshot.inputs.code())), snapshot.inputs.message());
    }
    decision.ready = NotReady("WaitingForInputs", snapshot.inputs.message());
    return decision;
  }
  // One that was running when Millrace was killed has had its turn.
  const bool had_turn = snapshot.phase == Phase::kRunning;
  const std::span<const std::string> before =
      had_turn ? std::span<const std::string>() : std::span<const std::string>(snapshot.waiting);
  compute_pool::Admission admission =
      compute_pool::Admit(snapshot.pool, snapshot.need, snapshot.running, before);
  if (admission.admitted) {
    compute_pool::MachineUse machine = snapshot.machine;
    machine.older_waits = machine.older_waits && !had_turn;
    admission = compute_pool::AdmitToMachine(machine, snapshot.need);
  }
  if (!admission.admitted) {
    decision.ready = NotReady(admission.reason, admission.message);
    decision.look_again = kWhileWaiting;
    return decision;
  }
  decision.phase = Phase::kRunning;
  decision.start = true;
  decision.look_again = kWhileRunning;
  decision.ready = NotReady("Running", "The run begins.");
  return decision;
}

}  // namespace

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kPending:
      return "Pending";
    case Phase::kRunning:
      return "Running";
    case Phase::kSucceeded:
      return "Succeeded";
    case Phase::kFailed:
      return "Failed";
    case Phase::kCancelled:
      return "Cancelled";
  }
  return "Pending";
}

Phase ParsePhase(std::string_view name) {
  for (const Phase phase : {Phase::kRunning, Phase::kSucceeded, Phase::kFailed, Phase::kCancelled}) {
    if (name == PhaseName(phase)) return phase;
  }
  // What the status tells of a run that goes on.
  for (const std::string_view part : {"Preparing", "Training", "Evaluating"}) {
    if (name == part) return Phase::kRunning;
  }
  return Phase::kPending;
}

Decision Decide(const Snapshot& snapshot) {
  if (snapshot.task && snapshot.task->running) return Running(snapshot);
  if (snapshot.registered) return Succeeded(*snapshot.registered);
  if (snapshot.cancel) return Ended(Phase::kCancelled, "Cancelled", "Called off by spec.cancel.");
  if (snapshot.task && !snapshot.task->result.ok()) {
    const Status& why = snapshot.task->result;
    const std::optional<Micros> retry = RetryIn(*snapshot.task);
    if (!retry || snapshot.task->failures >= kAttempts) {
      return Ended(Phase::kFailed, std::string(CodeName(why.code())), why.message());
    }
    if (retry->count() > 0) {
      Decision waiting;
      waiting.ready = NotReady("Retrying", fmt::format("Attempt {} of {} failed: {}", snapshot.task->failures,
                                                       kAttempts, why.message()));
      waiting.look_again = *retry;
      return waiting;
    }
  }
  return NotStarted(snapshot);
}

}  // namespace millrace::controller::training_job
