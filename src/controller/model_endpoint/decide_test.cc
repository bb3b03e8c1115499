#include "controller/model_endpoint/decide.h"

#include <gtest/gtest.h>

namespace millrace::controller::model_endpoint {
namespace {

using resource::ConditionStatus;

TaskView Load(const std::string& version, bool running, Status result = Ok(), Micros ago = Micros(0)) {
  TaskView task;
  task.input = version;
  task.running = running;
  task.failures = result.ok() ? 0 : 1;
  task.result = std::move(result);
  task.ended_ago = ago;
  return task;
}

struct Case {
  std::string name;
  Snapshot snapshot;
  std::optional<int64_t> load;
  bool ready;
  std::string reason;
  std::string message_has;
};

Snapshot Of(Result<int64_t> wanted, std::optional<int64_t> serving = std::nullopt,
            std::optional<TaskView> task = std::nullopt, Status inputs = Ok()) {
  return {.model = "fraud@champion",
          .wanted = std::move(wanted),
          .inputs = std::move(inputs),
          .serving = serving,
          .url = "/v2/models/fraud",
          .task = std::move(task)};
}

TEST(DecideModelEndpoint, FollowsTheVersionThatIsWanted) {
  const std::vector<Case> cases = {
      {"no version yet",
       Of(NotFound("no alias champion.")),
       {},
       false,
       "WaitingForVersion",
       "fraud@champion: no alias"},
      {"the alias was removed: the version keeps answering",
       Of(NotFound("no alias champion."), 3),
       {},
       true,
       "WaitingForVersion",
       "Version 3 keeps answering."},
      {"a version: load", Of(int64_t{3}), 3, false, "Loading", "Version 3"},
      {"a newer one: load beside the old", Of(int64_t{4}, 3), 4, true, "Loading",
       "Version 3 keeps answering."},
      {"an older one again: load", Of(int64_t{2}, 3), 2, true, "Loading", ""},
      {"being loaded", Of(int64_t{4}, 3, Load("4", true)), {}, true, "Loading", "Version 4 is being loaded."},
      {"another is being loaded: it ends first",
       Of(int64_t{5}, 3, Load("4", true)),
       {},
       true,
       "Loading",
       "Version 4"},
      {"serving", Of(int64_t{3}, 3), {}, true, "Serving", "/v2/models/fraud"},
      {"serving, whatever failed before",
       Of(int64_t{3}, 3, Load("4", false, DataLoss("bytes"))),
       {},
       true,
       "Serving",
       ""},
      {"features not ready",
       Of(int64_t{3}, {}, {}, Unavailable("FeatureView a is not ready.")),
       {},
       false,
       "WaitingForInputs",
       "FeatureView a"},
      {"damaged package: said, not repeated, the old one answers",
       Of(int64_t{4}, 3, Load("4", false, DataLoss("model.ubj was changed."))),
       {},
       true,
       "DataLoss",
       "model.ubj"},
      {"failed for now",
       Of(int64_t{4}, {}, Load("4", false, Unavailable("busy."))),
       {},
       false,
       "Unavailable",
       "busy"},
      {"failed for now, time to try again",
       Of(int64_t{4}, {}, Load("4", false, Unavailable("busy."), std::chrono::seconds(1))), 4, false,
       "Loading", ""},
      {"another version failed: load this one", Of(int64_t{4}, {}, Load("3", false, DataLoss("bytes"))), 4,
       false, "Loading", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Decision decision = Decide(c.snapshot);
    EXPECT_EQ(decision.load, c.load);
    EXPECT_EQ(decision.ready.status, c.ready ? ConditionStatus::kTrue : ConditionStatus::kFalse);
    EXPECT_EQ(decision.ready.reason, c.reason);
    EXPECT_NE(decision.ready.message.find(c.message_has), std::string::npos) << decision.ready.message;
  }
}

}  // namespace
}  // namespace millrace::controller::model_endpoint
