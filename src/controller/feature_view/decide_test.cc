#include "controller/feature_view/decide.h"

#include <gtest/gtest.h>

namespace millrace::controller::feature_view {
namespace {

using resource::ConditionStatus;

TaskView Task(const std::string& input, bool running, Status result = Ok(), Micros ago = Micros(0)) {
  TaskView task;
  task.input = input;
  task.running = running;
  task.failures = result.ok() ? 0 : 1;
  task.result = std::move(result);
  task.ended_ago = ago;
  return task;
}

Snapshot Of(Result<std::string> input, std::string offline = "", bool online = false,
            std::optional<TaskView> task = std::nullopt) {
  return {.source = "transactions",
          .source_version = 4,
          .input = std::move(input),
          .offline_input = std::move(offline),
          .offline_version = 7,
          .rows = 1200,
          .online = online,
          .online_keys = 30,
          .task = std::move(task)};
}

struct Case {
  std::string name;
  Snapshot snapshot;
  bool compute;
  bool cancel;
  bool ready;
  std::string reason;
  bool looks_again;
};

TEST(DecideFeatureView, FollowsItsDefinitionAndItsSource) {
  Snapshot no_source = Of(std::string("now"));
  no_source.source_version.reset();
  const std::vector<Case> cases = {
      {"no events yet", no_source, false, false, false, "WaitingForSource", false},
      {"does not compile", Of(InvalidArgument("no column tx_amoun")), false, false, false, "InvalidArgument",
       false},
      {"no table yet", Of(std::string("now")), true, false, false, "Computing", true},
      {"the table is of an older definition", Of(std::string("now"), "old", true), true, false, false,
       "Computing", true},
      {"being computed", Of(std::string("now"), "", false, Task("now", true)), false, false, false,
       "Computing", true},
      {"being computed for what is no longer so", Of(std::string("now"), "", false, Task("old", true)), false,
       true, false, "Computing", true},
      {"computed, not online", Of(std::string("now"), "now"), false, false, false, "LoadingOnline", true},
      {"computed and online", Of(std::string("now"), "now", true), false, false, true, "UpToDate", false},
      {"failed for good", Of(std::string("now"), "", false, Task("now", false, InvalidArgument("bad"))),
       false, false, false, "InvalidArgument", false},
      {"failed, the input has changed since",
       Of(std::string("now"), "", false, Task("old", false, InvalidArgument("bad"))), true, false, false,
       "Computing", true},
      {"failed for now", Of(std::string("now"), "", false, Task("now", false, Unavailable("disk"))), false,
       false, false, "Unavailable", true},
      {"failed for now, time to try again",
       Of(std::string("now"), "", false, Task("now", false, Unavailable("disk"), std::chrono::seconds(1))),
       true, false, false, "Computing", true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Decision decision = Decide(c.snapshot);
    EXPECT_EQ(decision.compute, c.compute);
    EXPECT_EQ(decision.cancel, c.cancel);
    EXPECT_EQ(decision.ready.status, c.ready ? ConditionStatus::kTrue : ConditionStatus::kFalse);
    EXPECT_EQ(decision.ready.reason, c.reason);
    EXPECT_EQ(decision.look_again > Micros(0), c.looks_again);
  }
}

}  // namespace
}  // namespace millrace::controller::feature_view
