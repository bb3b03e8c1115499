#include "controller/training_job/decide.h"

#include <gtest/gtest.h>

namespace millrace::controller::training_job {
namespace {

TaskView RunView(bool running, Status result = Ok(), int64_t failures = 1, Micros ago = Micros(0)) {
  TaskView task;
  task.running = running;
  task.stage = "training round";
  task.result = std::move(result);
  task.failures = failures;
  task.ended_ago = ago;
  return task;
}

struct Case {
  std::string name;
  Snapshot snapshot;
  Phase phase;
  bool start;
  bool cancel;
  std::string reason;
  std::string message_has;
};

std::vector<Case> PoolCases() {
  return {
      {"waits for a slot",
       {.pool = {.name = "big", .slots = 2}, .running = {{"a", {}}, {"b", {}}}},
       Phase::kPending,
       false,
       false,
       "WaitingForSlot",
       "All 2 slots of ComputePool big are busy: waits for job a or b."},
      {"waits for cores",
       {.pool = {.name = "big", .slots = 2, .cpu = 4}, .need = {.cpu = 3}, .running = {{"a", {.cpu = 2}}}},
       Phase::kPending,
       false,
       false,
       "WaitingForSlot",
       "Needs 3 CPU; ComputePool big has 2 of 4 free: waits for job a."},
      {"waits for the jobs of other pools",
       {.pool = {.name = "big", .slots = 2, .cpu = 4},
        .need = {.cpu = 3},
        .machine = {.cpu = 4, .held = {{.cpu = 2}}}},
       Phase::kPending,
       false,
       false,
       "WaitingForMachine",
       "this machine has 2 of 4 free"},
      {"starts again on a machine that an older one waits for",
       {.phase = Phase::kRunning, .machine = {.cpu = 4, .older_waits = true}},
       Phase::kRunning,
       true,
       false,
       "Running",
       ""},
      {"is larger than its pool",
       {.pool = {.name = "big", .slots = 2, .cpu = 4}, .need = {.cpu = 5}},
       Phase::kPending,
       false,
       false,
       "LargerThanPool",
       "4 in all"},
      {"lets an older one go first",
       {.pool = {.slots = 2}, .waiting = {"old"}},
       Phase::kPending,
       false,
       false,
       "WaitingForSlot",
       "Job old is older"},
      {"was running when the controller was killed: has had its turn",
       {.phase = Phase::kRunning, .pool = {.slots = 2}, .waiting = {"old"}},
       Phase::kRunning,
       true,
       false,
       "Running",
       ""},
      {"starts", {.pool = {.slots = 2}, .running = {{"a", {}}}}, Phase::kRunning, true, false, "Running", ""},
  };
}

std::vector<Case> RunningCases() {
  return {
      {"waits for its inputs",
       {.inputs = Unavailable("DataSource t has no events yet.")},
       Phase::kPending,
       false,
       false,
       "WaitingForInputs",
       "no events"},
      {"cannot ever be trained",
       {.inputs = InvalidArgument("Model fraud has no label.")},
       Phase::kFailed,
       false,
       false,
       "InvalidArgument",
       "no label"},
      {"runs",
       {.phase = Phase::kRunning, .task = RunView(true)},
       Phase::kRunning,
       false,
       false,
       "Running",
       "training round"},
      {"is called off",
       {.phase = Phase::kRunning, .cancel = true, .task = RunView(true)},
       Phase::kRunning,
       false,
       true,
       "Cancelling",
       ""},
      {"was called off",
       {.phase = Phase::kRunning, .cancel = true, .task = RunView(false, Cancelled("SIGTERM"))},
       Phase::kCancelled,
       false,
       false,
       "Cancelled",
       ""},
      {"is called off before it starts", {.cancel = true}, Phase::kCancelled, false, false, "Cancelled", ""},
  };
}

std::vector<Case> EndingCases() {
  const Registered promoted{.version = 3, .passed = true, .alias = "champion", .reason = "all gates passed."};
  const Registered kept{
      .version = 3, .passed = false, .alias = "champion", .reason = "average_precision is 0.41, below 0.6."};
  return {
      {"has a version",
       {.phase = Phase::kRunning, .registered = promoted},
       Phase::kSucceeded,
       false,
       false,
       "Promoted",
       "Version 3 was registered and promoted to champion"},
      {"has a version that failed a gate",
       {.phase = Phase::kRunning, .registered = kept},
       Phase::kSucceeded,
       false,
       false,
       "NotPromoted",
       "below 0.6"},
      {"called off too late: the version counts",
       {.phase = Phase::kRunning, .cancel = true, .registered = promoted},
       Phase::kSucceeded,
       false,
       false,
       "Promoted",
       ""},
      {"was running when the controller was killed: starts again",
       {.phase = Phase::kRunning},
       Phase::kRunning,
       true,
       false,
       "Running",
       ""},
      {"has data that cannot be trained on",
       {.phase = Phase::kRunning, .task = RunView(false, InvalidArgument("the label has one class"))},
       Phase::kFailed,
       false,
       false,
       "InvalidArgument",
       "one class"},
      {"ran out of memory: again, later",
       {.phase = Phase::kRunning, .task = RunView(false, ResourceExhausted("over its memory limit"))},
       Phase::kPending,
       false,
       false,
       "Retrying",
       "Attempt 1 of 3"},
      {"ran out of memory: again, now",
       {.task = RunView(false, ResourceExhausted("over its memory limit"), 1, std::chrono::seconds(1))},
       Phase::kRunning,
       true,
       false,
       "Running",
       ""},
      {"ran out of memory three times",
       {.task = RunView(false, ResourceExhausted("over its memory limit"), 3, std::chrono::seconds(9))},
       Phase::kFailed,
       false,
       false,
       "ResourceExhausted",
       "memory limit"},
  };
}

TEST(DecideTrainingJob, GoesFromPendingToOneOfThreeEnds) {
  std::vector<Case> cases = RunningCases();
  for (const std::vector<Case>& more : {PoolCases(), EndingCases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Decision decision = Decide(c.snapshot);
    EXPECT_EQ(decision.phase, c.phase);
    EXPECT_EQ(decision.start, c.start);
    EXPECT_EQ(decision.cancel, c.cancel);
    EXPECT_EQ(decision.ready.reason, c.reason);
    EXPECT_NE(decision.ready.message.find(c.message_has), std::string::npos) << decision.ready.message;
    EXPECT_EQ(decision.ready.status == resource::ConditionStatus::kTrue, decision.phase == Phase::kSucceeded);
    const std::string& reason = decision.ready.reason;
    const bool waits = reason == "Retrying" || reason == "WaitingForSlot" || reason == "WaitingForMachine" ||
                       reason == "LargerThanPool";
    if (decision.start || decision.cancel || waits) {
      EXPECT_GT(decision.look_again, Micros(0));
    }
  }
}

TEST(Phase, NamesAreReadBack) {
  for (const Phase phase :
       {Phase::kPending, Phase::kRunning, Phase::kSucceeded, Phase::kFailed, Phase::kCancelled}) {
    EXPECT_EQ(ParsePhase(PhaseName(phase)), phase);
  }
  EXPECT_EQ(ParsePhase(""), Phase::kPending);
}

}  // namespace
}  // namespace millrace::controller::training_job
