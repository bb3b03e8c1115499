// TrainingJob: one run of a model, from its data snapshot to a registered version.
//
//              inputs ready, slot free             version registered
//   Pending ───────────────────────────▶ Running ─────────────────────▶ Succeeded
//      │  └── cancel ─▶ Cancelled ◀─ cancel ─┤
//      └──────────── cannot be trained ──────┴─▶ Failed
//
// Succeeded, Failed and Cancelled are final. Decide is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "controller/compute_pool/admit.h"
#include "controller/ready.h"
#include "controller/task_set.h"

namespace millrace::controller::training_job {

enum class Phase { kPending, kRunning, kSucceeded, kFailed, kCancelled };
std::string_view PhaseName(Phase phase);
// kPending for "" and anything unknown.
Phase ParsePhase(std::string_view name);
inline bool IsFinal(Phase phase) { return phase != Phase::kPending && phase != Phase::kRunning; }

struct Registered {
  int64_t version = 0;
  bool passed = false;      // all gates
  bool automatic = true;    // the model promotes what passed by itself
  std::string alias = {};   // that promotion moves
  std::string reason = {};  // of the gates, in a sentence
};

struct Snapshot {
  Phase phase = Phase::kPending;  // as the status says
  bool cancel = false;            // the spec asks for an end
  Status inputs = {};             // not ok: what is missing (Unavailable) or wrong (anything else)
  compute_pool::Capacity pool = {};
  compute_pool::Need need = {};
  std::vector<compute_pool::Holder> running = {};  // the pool's other jobs that run
  std::vector<std::string> waiting = {};           // older jobs that wait for the pool
  compute_pool::MachineUse machine = {};           // by the jobs of all pools
  std::optional<Registered> registered = {};       // the version that this job's run made
  std::optional<TaskView> task = {};               // the run, when this process started it
};

struct Decision {
  Phase phase = Phase::kPending;
  bool start = false;
  bool cancel = false;
  bool promote = false;  // point the alias at the registered version
  Ready ready;
  Micros look_again{0};
};

// A run whose cause of failure may pass (no memory, a full disk) is tried so often in all.
inline constexpr int64_t kAttempts = 3;

Decision Decide(const Snapshot& snapshot);

}  // namespace millrace::controller::training_job
