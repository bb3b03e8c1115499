#include "registry/registry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/sqlite.h"
#include "registry/sqlite_registry.h"

namespace millrace::registry {
namespace {

const ScopedName kFraud{"default", "fraud"};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    SqliteRegistry::Options options;
    options.path = dir_.path() + "/registry.db";
    options.clock = &clock_;
    options.on_change = [this](const RegistryChange& change) {
      if (refuse_) return Unavailable("the audit log is full");
      changes_.push_back(change);
      return Ok();
    };
    auto opened = SqliteRegistry::Open(options);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    registry_ = std::move(opened).value();
  }

  std::string NewRunId() {
    const Experiment experiment = registry_->EnsureExperiment(kFraud, "ada").value();
    return registry_
        ->CreateRun({.experiment_id = experiment.id, .name = "fraud-1", .start = clock_.Now()}, "ada")
        .value()
        .id;
  }

  int64_t NewVersionNumber(VersionStatus status = VersionStatus::kReady) {
    return registry_->CreateVersion(kFraud, {.source = "/p/1", .digest = "d1", .status = status}, "ada")
        .value()
        .version;
  }

  std::vector<std::string> Actions() const {
    std::vector<std::string> actions;
    for (const RegistryChange& change : changes_) actions.push_back(change.action + " " + change.subject);
    return actions;
  }

  TempDirectory dir_;
  FakeClock clock_{{1'000'000}};
  std::vector<RegistryChange> changes_;
  bool refuse_ = false;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, AnExperimentIsMadeOnceAndFoundByNameAndId) {
  const auto made = registry_->EnsureExperiment(kFraud, "ada");
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(registry_->EnsureExperiment(kFraud, "bob")->id, made->id);
  EXPECT_EQ(registry_->GetExperiment(made->id)->name, kFraud);
  EXPECT_EQ(registry_->FindExperiment({"other", "fraud"}).status().code(), Code::kNotFound);
  EXPECT_EQ(registry_->GetExperiment("1; DROP TABLE run").status().code(), Code::kNotFound);
  EXPECT_EQ(registry_->EnsureExperiment({"default", ""}, "ada").status().code(), Code::kInvalidArgument);
  ASSERT_TRUE(registry_->EnsureExperiment({"other", "churn"}, "ada").ok());
  EXPECT_EQ(registry_->ListExperiments("other")->size(), 1U);
  EXPECT_EQ(registry_->ListExperiments("")->size(), 2U);
  EXPECT_EQ(Actions(), (std::vector<std::string>{"experiment.create experiments/fraud",
                                                 "experiment.create experiments/churn"}));
}

TEST_F(RegistryTest, ARunKeepsParametersTagsAndTheHistoryOfItsMetrics) {
  const std::string id = NewRunId();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  RunBatch batch;
  batch.metrics = {
      {"loss", 0.5, 2, {20}}, {"loss", 0.7, 1, {10}}, {"auc", nan, 1, {10}}, {"top", infinity, 1, {1}}};
  batch.params = {{"max_depth", "3"}};
  batch.tags = {{"team", "risk"}};
  ASSERT_TRUE(registry_->LogBatch(id, batch, "ada").ok());
  ASSERT_TRUE(
      registry_->LogBatch(id, {.metrics = {{"loss", 0.9, 1, {30}}}, .tags = {{"team", "cards"}}}, "ada")
          .ok());

  const registry::Run run = registry_->GetRun(id).value();
  EXPECT_EQ(run.params, (Tags{{"max_depth", "3"}}));
  EXPECT_EQ(run.tags, (Tags{{"team", "cards"}}));
  EXPECT_EQ(run.metrics.at("loss").value, 0.5) << "the highest step is the latest";
  EXPECT_TRUE(std::isnan(run.metrics.at("auc").value));
  EXPECT_EQ(run.metrics.at("top").value, infinity);
  const auto history = registry_->MetricHistory(id, "loss").value();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history[0].value, 0.7);
  EXPECT_EQ(history[1].value, 0.9);
  EXPECT_EQ(history[2].value, 0.5);
}

TEST_F(RegistryTest, AParameterIsWrittenOnce) {
  const std::string id = NewRunId();
  ASSERT_TRUE(registry_->LogBatch(id, {.params = {{"eta", "0.1"}}}, "ada").ok());
  EXPECT_TRUE(registry_->LogBatch(id, {.params = {{"eta", "0.1"}}}, "ada").ok());
  const Status status = registry_->LogBatch(id, {.params = {{"depth", "3"}, {"eta", "0.2"}}}, "ada");
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(registry_->GetRun(id)->params, (Tags{{"eta", "0.1"}})) << "nothing of the refused batch may stay";
}

TEST_F(RegistryTest, AnEndedRunKeepsItsEnd) {
  const std::string id = NewRunId();
  clock_.Advance(Micros(5));
  ASSERT_TRUE(registry_->UpdateRun(id, RunStatus::kFailed, std::nullopt, "ada").ok());
  EXPECT_EQ(registry_->GetRun(id)->end, EventTime{1'000'005});
  EXPECT_TRUE(registry_->UpdateRun(id, RunStatus::kFailed, std::nullopt, "ada").ok());
  EXPECT_EQ(registry_->UpdateRun(id, RunStatus::kFinished, std::nullopt, "ada").code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(registry_->UpdateRun("nobody", RunStatus::kFinished, std::nullopt, "ada").code(),
            Code::kNotFound);
}

TEST_F(RegistryTest, RunsAreListedNewestFirst) {
  const Experiment experiment = registry_->EnsureExperiment(kFraud, "ada").value();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(
        registry_->CreateRun({.experiment_id = experiment.id, .name = std::to_string(i), .start = {i}}, "ada")
            .ok());
  }
  const auto page = registry_->ListRuns(experiment.id, 2, 1).value();
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].name, "3");
  EXPECT_EQ(page[1].name, "2");
  EXPECT_TRUE(registry_->ListRuns("none", 2, 0)->empty());
}

TEST_F(RegistryTest, VersionsCountFromOneAndAreNeverUsedAgain) {
  EXPECT_EQ(NewVersionNumber(), 1);
  EXPECT_EQ(NewVersionNumber(), 2);
  ASSERT_TRUE(registry_->DeleteVersion(kFraud, 2, "ada").ok());
  EXPECT_EQ(NewVersionNumber(), 3);
  EXPECT_EQ(registry_->ListVersions(kFraud)->front().version, 3);
  EXPECT_EQ(registry_->ListVersions(kFraud)->size(), 2U);
  const Status missing = registry_->GetVersion(kFraud, 2).status();
  EXPECT_EQ(missing.message(), "model 'fraud' has no version 2; its newest is 3");
}

TEST_F(RegistryTest, AVersionKeepsWhatItWasMadeFromAndWhyItIsNotPromoted) {
  NewVersion made{.run_id = "r",
                  .source = "/p",
                  .digest = "d",
                  .definition = "def",
                  .reason = "gate failed",
                  .metrics = {{"auc_roc", 0.879}, {"none", std::numeric_limits<double>::quiet_NaN()}},
                  .tags = {{"a", "b"}}};
  const ModelVersion version = registry_->CreateVersion(kFraud, made, "ada").value();
  EXPECT_EQ(version.reason, "gate failed");
  EXPECT_EQ(version.definition, "def");
  EXPECT_EQ(version.metrics.at("auc_roc"), 0.879);
  EXPECT_TRUE(std::isnan(version.metrics.at("none")));
  ASSERT_TRUE(
      registry_->UpdateVersion(kFraud, 1, {.reason = "approved by hand", .tags = {{"c", "d"}}}, "bob").ok());
  const ModelVersion updated = registry_->GetVersion(kFraud, 1).value();
  EXPECT_EQ(updated.reason, "approved by hand");
  EXPECT_EQ(updated.tags, (Tags{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(registry_->UpdateVersion(kFraud, 1, {.digest = "other"}, "bob").code(),
            Code::kFailedPrecondition);
}

TEST_F(RegistryTest, AnAliasMovesOnlyToAReadyVersionAndItsMovesAreKept) {
  NewVersionNumber();
  NewVersionNumber();
  NewVersionNumber(VersionStatus::kPending);
  EXPECT_EQ(registry_->ResolveAlias(kFraud, "champion").status().message(),
            "model 'fraud' has no alias 'champion'; it has none yet");
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 1, "ada", "all gates passed").ok());
  clock_.Advance(Micros(1));
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 2, "bob", "better").ok());
  const size_t before = changes_.size();
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 2, "bob", "again").ok());
  EXPECT_EQ(changes_.size(), before) << "no change, no audit";
  EXPECT_EQ(registry_->SetAlias(kFraud, "champion", 3, "bob", "").code(), Code::kFailedPrecondition);
  EXPECT_EQ(registry_->SetAlias(kFraud, "champion", 9, "bob", "").code(), Code::kNotFound);
  EXPECT_EQ(registry_->ResolveAlias(kFraud, "champion")->version, 2);
  EXPECT_EQ(registry_->GetVersion(kFraud, 2)->aliases, std::vector<std::string>{"champion"});
  const auto moves = registry_->AliasHistory(kFraud).value();
  ASSERT_EQ(moves.size(), 2U);
  EXPECT_EQ(moves[1].from, 1);
  EXPECT_EQ(moves[1].to, 2);
  EXPECT_EQ(moves[1].actor, "bob");
  EXPECT_EQ(moves[1].reason, "better");
  ASSERT_TRUE(registry_->DeleteAlias(kFraud, "champion", "ada").ok());
  EXPECT_EQ(registry_->AliasHistory(kFraud)->back().to, 0);
}

TEST_F(RegistryTest, AliasesThatReadAsVersionsAreRefused) {
  NewVersionNumber();
  for (const char* alias : {"", "latest", "3", "Champion", "a b", "a/b"}) {
    EXPECT_EQ(registry_->SetAlias(kFraud, alias, 1, "ada", "").code(), Code::kInvalidArgument) << alias;
  }
}

TEST_F(RegistryTest, WhatAnAliasPointsAtCannotBeDeleted) {
  NewVersionNumber();
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 1, "ada", "").ok());
  const Status refused = registry_->DeleteVersion(kFraud, 1, "ada");
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.message().find("champion (version 1)"), std::string::npos);
  EXPECT_EQ(registry_->DeleteModel(kFraud, "ada").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(registry_->DeleteAlias(kFraud, "champion", "ada").ok());
  EXPECT_TRUE(registry_->DeleteModel(kFraud, "ada").ok());
  EXPECT_EQ(registry_->GetModel(kFraud).status().code(), Code::kNotFound);
}

TEST_F(RegistryTest, AMissingModelNamesTheNearest) {
  NewVersionNumber();
  EXPECT_EQ(registry_->GetModel({"default", "frauds"}).status().message(),
            "there is no registered model 'frauds' in project 'default'; did you mean 'fraud'?");
}

TEST_F(RegistryTest, NothingChangesWhenTheAuditRefuses) {
  const std::string run = NewRunId();
  NewVersionNumber();
  NewVersionNumber();
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 1, "ada", "").ok());
  refuse_ = true;
  EXPECT_EQ(registry_->SetAlias(kFraud, "champion", 2, "ada", "").code(), Code::kUnavailable);
  EXPECT_EQ(registry_->DeleteAlias(kFraud, "champion", "ada").code(), Code::kUnavailable);
  EXPECT_EQ(registry_->CreateVersion(kFraud, {}, "ada").status().code(), Code::kUnavailable);
  EXPECT_EQ(registry_->DeleteVersion(kFraud, 2, "ada").code(), Code::kUnavailable);
  EXPECT_EQ(registry_->EnsureModel({"default", "new"}, "ada").status().code(), Code::kUnavailable);
  EXPECT_EQ(registry_->EnsureExperiment({"default", "new"}, "ada").status().code(), Code::kUnavailable);
  EXPECT_EQ(registry_->LogBatch(run, {.params = {{"a", "b"}}}, "ada").code(), Code::kUnavailable);
  EXPECT_EQ(registry_->UpdateRun(run, RunStatus::kFailed, std::nullopt, "ada").code(), Code::kUnavailable);
  EXPECT_EQ(registry_->ResolveAlias(kFraud, "champion")->version, 1);
  EXPECT_EQ(registry_->AliasHistory(kFraud)->size(), 1U);
  EXPECT_EQ(registry_->ListVersions(kFraud)->size(), 2U);
  EXPECT_EQ(registry_->ListModels("")->size(), 1U);
  EXPECT_EQ(registry_->ListExperiments("")->size(), 1U);
  EXPECT_EQ(registry_->GetRun(run)->status, RunStatus::kRunning);
  EXPECT_TRUE(registry_->GetRun(run)->params.empty());
}

TEST_F(RegistryTest, ADeletedRunIsListedNoMoreButStillThere) {
  const std::string run = NewRunId();
  const std::string other = NewRunId();
  const std::string experiment = registry_->GetRun(run)->experiment_id;
  ASSERT_TRUE(registry_->LogBatch(run, {.params = {{"a", "b"}}}, "ada").ok());
  ASSERT_TRUE(registry_->DeleteRun(run, "ada").ok());
  ASSERT_TRUE(registry_->DeleteRun(run, "ada").ok());
  const auto listed = registry_->ListRuns(experiment, 100, 0).value();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed.front().id, other);
  EXPECT_EQ(registry_->ListRuns(experiment, 100, 0, RunView::kAll)->size(), 2U);
  EXPECT_FALSE(listed.front().deleted);
  EXPECT_TRUE(registry_->GetRun(run)->deleted);
  EXPECT_EQ(registry_->GetRun(run)->params.at("a"), "b");
  EXPECT_EQ(registry_->DeleteRun("nobody", "ada").code(), Code::kNotFound);
  refuse_ = true;
  EXPECT_EQ(registry_->DeleteRun(other, "ada").code(), Code::kUnavailable);
  EXPECT_FALSE(registry_->GetRun(other)->deleted);
}

TEST_F(RegistryTest, AnotherModelOfADeletedOnesNameBeginsAnew) {
  NewVersionNumber();
  NewVersionNumber();
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 2, "ada", "").ok());
  ASSERT_TRUE(registry_->DeleteAlias(kFraud, "champion", "ada").ok());
  ASSERT_TRUE(registry_->DeleteModel(kFraud, "ada").ok());
  EXPECT_EQ(registry_->CreateVersion(kFraud, {}, "ada")->version, 1);
  EXPECT_EQ(registry_->ListVersions(kFraud)->size(), 1U);
  EXPECT_TRUE(registry_->AliasHistory(kFraud)->empty());
}

TEST_F(RegistryTest, AFileOfTheFirstLayoutIsBroughtUpToDate) {
  const std::string run = NewRunId();
  const std::string experiment = registry_->GetRun(run)->experiment_id;
  registry_.reset();
  const std::string path = dir_.path() + "/registry.db";
  ASSERT_TRUE(
      Database::Open(path)->Execute("ALTER TABLE run DROP COLUMN deleted; PRAGMA user_version=1").ok());
  auto again = SqliteRegistry::Open({.path = path});
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ((*again)->ListRuns(experiment, 10, 0)->size(), 1U);
  EXPECT_TRUE((*again)->DeleteRun(run, "ada").ok());
  EXPECT_TRUE((*again)->ListRuns(experiment, 10, 0)->empty());
}

TEST_F(RegistryTest, OutlivesItsProcess) {
  NewVersionNumber();
  ASSERT_TRUE(registry_->SetAlias(kFraud, "champion", 1, "ada", "").ok());
  registry_.reset();
  auto again = SqliteRegistry::Open({.path = dir_.path() + "/registry.db"});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->ResolveAlias(kFraud, "champion")->digest, "d1");
}

TEST_F(RegistryTest, AFileOfANewerLayoutIsRefused) {
  registry_.reset();
  const std::string path = dir_.path() + "/registry.db";
  ASSERT_TRUE(Database::Open(path)->Execute("PRAGMA user_version=99").ok());
  const auto opened = SqliteRegistry::Open({.path = path});
  EXPECT_EQ(opened.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(opened.status().message().find("newer Millrace"), std::string::npos);
}

TEST_F(RegistryTest, VersionsMadeFromManyThreadsGetDistinctNumbers) {
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> numbers(4);
  for (auto& mine : numbers) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) mine.push_back(registry_->CreateVersion(kFraud, {}, "ada")->version);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> distinct;
  for (const auto& mine : numbers) distinct.insert(mine.begin(), mine.end());
  EXPECT_EQ(distinct.size(), 40U);
  EXPECT_EQ(*distinct.rbegin(), 40);
}

}  // namespace
}  // namespace millrace::registry
