#include "resource/admit.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "resource/sqlite_store.h"

namespace millrace::resource {
namespace {

const std::string kData = std::string(MILLRACE_SOURCE_DIR) + "/src/resource/testdata/valid/";

std::unique_ptr<SqliteStore> Open(Auditor auditor = nullptr) {
  return std::move(SqliteStore::Create({.path = ":memory:", .auditor = std::move(auditor)}).value());
}

std::vector<std::string> Actions(const Plan& plan) {
  std::vector<std::string> actions;
  for (const Applied& applied : plan.applied) {
    actions.push_back(
        fmt::format("{} {}", applied.resource.Key().ToString(), ApplyActionName(applied.action)));
  }
  return actions;
}

TEST(Admit, AppliesASetAndThenNothingNew) {
  auto store = Open();
  const YamlSet fraud = LoadYaml(kData + "fraud.yaml");
  const Plan first = Admit(fraud.documents, *store).value();
  EXPECT_EQ(Actions(first), (std::vector<std::string>{
                                "DataSource transactions created", "FeatureView customer-spending created",
                                "FeatureView terminal-risk created", "FeatureService fraud-input created",
                                "Model fraud created", "ModelEndpoint fraud created"}));
  const std::string version = store->List({})->resource_version;
  const Plan second = Admit(fraud.documents, *store).value();
  for (const Applied& applied : second.applied) EXPECT_EQ(applied.action, ApplyAction::kUnchanged);
  EXPECT_EQ(store->List({})->resource_version, version);
}

TEST(Admit, MakesPathsAbsoluteFromTheFoldersOfTheirFiles) {
  auto store = Open();
  ASSERT_TRUE(Admit(LoadYaml(kData + "fraud.yaml").documents, *store)->diagnostics.empty());
  const Resource source = store->Get({"DataSource", "default", "transactions"}).value();
  EXPECT_EQ(source.spec["files"]["path"], kData + "data/*.parquet");
}

TEST(Admit, WritesNothingWhenAnythingIsWrong) {
  auto store = Open();
  YamlSet set = LoadYaml(kData + "fraud.yaml");
  set.documents[4].value["spec"]["split"]["gap"] = "1d";
  set.documents[5].value["spec"]["model"] = "fruad";
  const Plan plan = Admit(set.documents, *store).value();
  EXPECT_EQ(plan.diagnostics.size(), 2U) << plan.diagnostics.ToString();
  EXPECT_TRUE(plan.applied.empty());
  EXPECT_TRUE(store->List({})->items.empty());
}

TEST(Admit, WithADryRunOnlySaysWhatWouldHappen) {
  auto store = Open();
  const YamlSet fraud = LoadYaml(kData + "fraud.yaml");
  const Plan plan = Admit(fraud.documents, *store, {.dry_run = true}).value();
  EXPECT_EQ(plan.applied.size(), 6U);
  EXPECT_TRUE(store->List({})->items.empty());
}

TEST(Admit, IsUndoneWhenTheAuditLogFailsHalfWay) {
  int calls = 0;
  auto store = Open([&](const Change&) { return ++calls == 4 ? Unavailable("the disk is full") : Ok(); });
  const Result<Plan> plan = Admit(LoadYaml(kData + "fraud.yaml").documents, *store);
  EXPECT_EQ(plan.status().code(), Code::kUnavailable);
  EXPECT_TRUE(store->List({})->items.empty());
}

TEST(Admit, FindsWhatWasAppliedBefore) {
  auto store = Open();
  const YamlSet fraud = LoadYaml(kData + "fraud.yaml");
  ASSERT_TRUE(Admit(std::span(fraud.documents).subspan(0, 4), *store)->diagnostics.empty());
  EXPECT_TRUE(Admit(std::span(fraud.documents).subspan(4), *store)->diagnostics.empty());
  // A later change of the source alone that would break the views is refused.
  YamlSet change = fraud;
  change.documents.resize(1);
  change.documents[0].value["spec"]["columns"][0]["knownAfter"] = "8d";
  const Plan plan = Admit(change.documents, *store).value();
  EXPECT_EQ(plan.diagnostics.size(), 2U) << plan.diagnostics.ToString();
}

TEST(Admit, OfWhatTheStoreGivesOutIsUnchanged) {
  auto store = Open();
  ASSERT_TRUE(Admit(LoadYaml(kData + "fraud.yaml").documents, *store)->diagnostics.empty());
  ASSERT_TRUE(AddFinalizer(*store, {"Model", "default", "fraud"}, "runs").ok());
  std::string text;
  const ResourceList list = store->List({}).value();
  for (const Resource& resource : list.items) text += "---\n" + ToYaml(resource.ToJson());
  const YamlSet printed = ParseYaml(text, "printed.yaml");
  const Plan plan = Admit(printed.documents, *store).value();
  EXPECT_EQ(plan.diagnostics.ToString(), "");
  for (const Applied& applied : plan.applied) EXPECT_EQ(applied.action, ApplyAction::kUnchanged);
}

TEST(ValidateWrite, GuardsSingleWrites) {
  auto store = Open();
  ASSERT_TRUE(Admit(LoadYaml(kData + "fraud.yaml").documents, *store)->diagnostics.empty());
  const ResourceKey key = {"Model", "default", "fraud"};
  const WriteOptions checked = {
      .check = [](const std::vector<Resource>& existing, const std::vector<Resource>& wanted) {
        return ValidateWrite(existing, wanted).ToStatus();
      }};
  const Status leak = store->Patch(key, {{"spec", {{"split", {{"gap", "1d"}}}}}}, checked).status();
  EXPECT_EQ(leak.message(),
            "Model fraud: spec.split.gap: leakage: 1d is shorter than the label's delay: 'tx_fraud' is known "
            "only 7d "
            "after its event; set it to at least 7d");
  EXPECT_TRUE(store->Patch(key, {{"spec", {{"split", {{"gap", "8d"}}}}}}, checked).ok());
  Resource endpoint = store->Get({"ModelEndpoint", "default", "fraud"}).value();
  endpoint.metadata.name = "second";
  EXPECT_TRUE(store->Create(endpoint, checked).ok());
  endpoint.metadata.name = "third";
  endpoint.spec["model"] = "gone";
  EXPECT_EQ(store->Create(endpoint, checked).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::resource
