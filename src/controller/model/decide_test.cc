#include "controller/model/decide.h"

#include <gtest/gtest.h>

namespace millrace::controller::model {
namespace {

using resource::ConditionStatus;

const std::string kNow = "1a2b3c4d5e6f";
const std::string kJob = "fraud-1a2b3c4d";

struct Case {
  std::string name;
  Snapshot snapshot;
  bool creates;
  bool ready;
  std::string reason;
  std::string message_has;
};

Snapshot Of(std::vector<Version> versions, std::optional<int64_t> promoted = std::nullopt,
            std::optional<Job> job = std::nullopt, Result<std::string> definition = kNow) {
  return {.name = "fraud",
          .definition = std::move(definition),
          .alias = "champion",
          .promoted = promoted,
          .versions = std::move(versions),
          .job = std::move(job)};
}

TEST(DecideModel, MakesOneJobForADefinitionWithoutAVersion) {
  const Version old{.version = 1, .definition = "old", .reason = ""};
  const Version now{.version = 2, .definition = kNow, .reason = "average_precision is 0.41, below 0.6."};
  const std::vector<Case> cases = {
      {"views not ready", Of({}, {}, {}, Unavailable("FeatureView a is not ready.")), false, false,
       "WaitingForInputs", "FeatureView a"},
      {"definition wrong", Of({}, {}, {}, InvalidArgument("no such metric.")), false, false,
       "InvalidArgument", "no such metric"},
      {"definition wrong while an older version serves", Of({old}, 1, {}, InvalidArgument("no such metric.")),
       false, true, "InvalidArgument", "Version 1 is champion meanwhile."},
      {"no version: job", Of({}), true, false, "Training", kJob},
      {"only an older definition's version: job, ready meanwhile", Of({old}, 1), true, true, "Training",
       "meanwhile"},
      {"the job is there: no second", Of({}, {}, Job{kJob, "", ""}), false, false, "Training", "was made"},
      {"the job runs", Of({}, {}, Job{kJob, "Running", "round 12 of 100."}), false, false, "Training",
       "round 12"},
      {"the job failed: said, not repeated",
       Of({}, {}, Job{kJob, "Failed", "killed: over its memory limit."}), false, false, "TrainingFailed",
       "memory limit"},
      {"the job was called off", Of({old}, 1, Job{kJob, "Cancelled", "Called off."}), false, true,
       "TrainingCancelled", "meanwhile"},
      {"registered, but the job has not promoted it yet",
       Of({now}, {}, Job{kJob, "Evaluating", "registering the version."}), false, false, "Training",
       "registering"},
      {"registered and the job has ended", Of({now}, {}, Job{kJob, "Succeeded", ""}), false, false,
       "NotPromoted", "below 0.6"},
      {"promoted", Of({old, now}, 2), false, true, "Promoted", "Version 2 is champion."},
      {"passed its gates, the alias is elsewhere",
       Of({old, {.version = 2, .definition = kNow, .reason = "all 2 gates passed", .passed = true}}, 1),
       false, true, "NotPromoted",
       "Version 2 may be promoted (all 2 gates passed), but the alias champion has not been moved to it."},
      {"failed its gates", Of({now}), false, false, "NotPromoted", "below 0.6"},
      {"failed its gates, the older champion stays", Of({old, now}, 1), false, true, "NotPromoted",
       "meanwhile"},
      {"a definition that comes back has its version", Of({{1, kNow, ""}, {2, "other", ""}}, 2), false, true,
       "NotPromoted", "nobody has moved"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Decision decision = Decide(c.snapshot);
    EXPECT_EQ(decision.create_job, c.creates ? kJob : "");
    EXPECT_EQ(decision.ready.status, c.ready ? ConditionStatus::kTrue : ConditionStatus::kFalse);
    EXPECT_EQ(decision.ready.reason, c.reason);
    EXPECT_NE(decision.ready.message.find(c.message_has), std::string::npos) << decision.ready.message;
  }
}

TEST(JobName, StaysWithinTheLengthOfAName) {
  EXPECT_LE(JobName(std::string(63, 'm'), std::string(64, 'a')).size(), 63U);
  EXPECT_NE(JobName("fraud", "1111111122"), JobName("fraud", "2222222222"));
}

}  // namespace
}  // namespace millrace::controller::model
