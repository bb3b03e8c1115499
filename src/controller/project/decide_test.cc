#include "controller/project/decide.h"

#include <gtest/gtest.h>

#include "controller/compute_pool/decide.h"
#include "controller/feature_service/decide.h"

namespace millrace::controller {
namespace {

using resource::ConditionStatus;

TEST(DecideProject, TurnsGrantsIntoRolesAndNamesUnknownOnes) {
  const std::vector<resource::Grant> good = {{"ci", "editor"}, {"anna", "viewer"}, {"anna", "admin"}};
  project::Decision decision = project::Decide(good);
  EXPECT_EQ(decision.grants.at("ci"), security::Role::kEditor);
  EXPECT_EQ(decision.grants.at("anna"), security::Role::kAdmin);
  EXPECT_EQ(decision.ready.status, ConditionStatus::kTrue);

  const std::vector<resource::Grant> bad = {{"ci", "editor"}, {"bob", "root"}};
  decision = project::Decide(bad);
  EXPECT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.ready.status, ConditionStatus::kFalse);
  EXPECT_NE(decision.ready.message.find("'root'"), std::string::npos);
}

TEST(DecideComputePool, OffersTheMachineUnlessItAsksForMoreThanThereIs) {
  compute_pool::Snapshot snapshot;
  snapshot.machine_cpu = 2;
  snapshot.machine_memory = int64_t{8} << 30;
  compute_pool::Decision decision = compute_pool::Decide(snapshot);
  EXPECT_EQ(decision.cpu, 2);
  EXPECT_EQ(decision.memory, int64_t{8} << 30);
  EXPECT_EQ(decision.ready.status, ConditionStatus::kTrue);
  snapshot.spec.cpu = 3;
  EXPECT_EQ(compute_pool::Decide(snapshot).ready.status, ConditionStatus::kFalse);
  snapshot.spec.cpu = 1;
  snapshot.spec.memory = int64_t{9} << 30;
  EXPECT_EQ(compute_pool::Decide(snapshot).ready.reason, "TooLarge");
}

TEST(DecideFeatureService, WaitsForItsViewsThenCompiles) {
  feature_service::Snapshot snapshot;
  snapshot.waiting_for = {"FeatureView a", "FeatureView b"};
  EXPECT_EQ(feature_service::Decide(snapshot).ready.reason, "WaitingForViews");
  EXPECT_NE(feature_service::Decide(snapshot).ready.message.find("FeatureView a, FeatureView b"),
            std::string::npos);
  snapshot.waiting_for.clear();
  snapshot.features = InvalidArgument("no column tx_amoun");
  EXPECT_EQ(feature_service::Decide(snapshot).ready.reason, "InvalidArgument");
  snapshot.features = int64_t{15};
  EXPECT_EQ(feature_service::Decide(snapshot).ready.status, ConditionStatus::kTrue);
}

}  // namespace
}  // namespace millrace::controller
