#include "api/registry/registry_api.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/server.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/sqlite_registry.h"
#include "resource/sqlite_store.h"

namespace millrace::api {
namespace {

using http::Client;
using http::ClientResponse;
using http::Method;
using security::Role;

class RegistryApi : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = resource::SqliteStore::Create({.path = ":memory:"}).value();
    registry_ = registry::SqliteRegistry::Open({.path = ":memory:",
                                                .on_change =
                                                    [this](const registry::RegistryChange& change) {
                                                      last_ = change.actor + " " + change.action;
                                                      return audit_;
                                                    }})
                    .value();
    registry::Experiment experiment = registry_->EnsureExperiment({"default", "fraud"}, "t").value();
    run_ = registry_->CreateRun({.experiment_id = experiment.id, .name = "one"}, "t").value().id;
    ASSERT_TRUE(registry_
                    ->LogBatch(run_,
                               {.metrics = {{.key = "auc", .value = 0.5, .step = 1},
                                            {.key = "auc", .value = 0.75, .step = 2}}},
                               "t")
                    .ok());
    for (double ap : {0.5, 0.6}) {
      ASSERT_TRUE(registry_
                      ->CreateVersion({"default", "fraud"},
                                      {.run_id = run_, .reason = "why", .metrics = {{"ap", ap}}}, "t")
                      .ok());
    }
    ASSERT_TRUE(MakeDirectories(dir_.path() + "/runs/" + run_).ok());
    http::Router router;
    AddRegistryRoutes(router, {.store = *store_, .registry = *registry_, .runs_dir = dir_.path() + "/runs"});
    auto access = std::make_shared<security::Access>(
        security::Access::Options{.tokens = nullptr, .anonymous = Role::kEditor});
    server_ = http::Server::Start({.port = 0}, std::move(router), access, metrics_).value();
  }

  ClientResponse Do(Method method, const std::string& path, const std::string& body = "") {
    Client client = Client::Create({.url = server_->url()}).value();
    return client
        .Send({.method = method, .target = "/apis/millrace.dev/v1alpha1/namespaces/" + path, .body = body})
        .value();
  }
  Json Read(const std::string& path) {
    ClientResponse response = Do(Method::kGet, path);
    EXPECT_EQ(response.status, 200) << response.body;
    return ParseJson(response.body).value_or(Json());
  }
  void MakeJob(const std::string& name, const std::string& run, const std::string& phase) {
    resource::Resource job;
    job.kind = "TrainingJob";
    job.metadata.name = name;
    job.metadata.project = "default";
    job.spec = {{"model", "fraud"}};
    job = store_->Create(job).value();
    job.status = {{"run", run}, {"phase", phase}};
    ASSERT_TRUE(store_->UpdateStatus(job).ok());
  }
  Status SetPhase(const std::string& name, const std::string& phase) {
    return store_->PatchStatus({"TrainingJob", "default", name}, Json{{"status", {{"phase", phase}}}})
        .status();
  }
  Status WriteLog(const std::string& text) {
    return WriteFileAtomically(dir_.path() + "/runs/" + run_ + "/train.log", text);
  }

  TempDirectory dir_;
  telemetry::Metrics metrics_;
  Status audit_;
  std::string last_;
  std::string run_;
  std::unique_ptr<resource::SqliteStore> store_;
  std::unique_ptr<registry::Registry> registry_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(RegistryApi, VersionsRunsAndMetricsAreRead) {
  Json versions = Read("default/models/fraud/versions");
  ASSERT_EQ(versions["items"].size(), 2U);
  EXPECT_EQ(versions["items"][0]["version"], 2);
  EXPECT_EQ(versions["items"][0]["metrics"]["ap"], 0.6);
  EXPECT_EQ(Read("default/models/fraud/versions/1")["reason"], "why");
  EXPECT_EQ(Read("default/registeredmodels")["items"][0]["latestVersion"], 2);
  EXPECT_EQ(Read("default/runs/" + run_)["metrics"]["auc"], 0.75);
  EXPECT_EQ(Read("default/runs/" + run_ + "/metrics/auc")["items"].size(), 2U);
  EXPECT_EQ(Do(Method::kGet, "other/runs/" + run_).status, 404);  // another project's
  EXPECT_EQ(Do(Method::kGet, "default/models/fraud/versions/9").status, 404);
  EXPECT_EQ(Do(Method::kGet, "default/models/fraud/versions/x").status, 400);
  EXPECT_EQ(Do(Method::kGet, "default/models/none/versions").status, 404);
}

TEST_F(RegistryApi, RunsAreSearchedAndDeleted) {
  const std::string runs = "default/models/fraud/runs";
  EXPECT_EQ(Read(runs)["items"].size(), 1U);
  EXPECT_EQ(Read(runs + "?filter=metrics.auc%20%3E%200.7")["items"].size(), 1U);
  EXPECT_EQ(Read(runs + "?filter=metrics.auc%20%3E%200.8")["items"].size(), 0U);
  EXPECT_EQ(Read(runs + "?limit=0")["items"].size(), 0U);
  EXPECT_EQ(Do(Method::kGet, runs + "?filter=auc").status, 400);
  EXPECT_EQ(Do(Method::kGet, "default/models/none/runs").status, 404);
  // A run of another project is none of this one.
  EXPECT_EQ(Do(Method::kDelete, "other/runs/" + run_).status, 404);
  // One that goes on is its job's.
  ASSERT_TRUE(WriteLog("trained\n").ok());
  EXPECT_EQ(Do(Method::kDelete, "default/runs/" + run_).status, 422);
  EXPECT_TRUE(FileExists(dir_.path() + "/runs/" + run_ + "/train.log")) << "of a run that goes on";
  ASSERT_TRUE(registry_->UpdateRun(run_, registry::RunStatus::kFinished, std::nullopt, "t").ok());
  EXPECT_EQ(Do(Method::kDelete, "default/runs/" + run_).status, 200);
  EXPECT_EQ(last_, "anonymous run.delete");
  EXPECT_FALSE(FileExists(dir_.path() + "/runs/" + run_)) << "its directory goes with it";
  EXPECT_EQ(Read(runs)["items"].size(), 0U);
  EXPECT_EQ(Read("default/runs/" + run_)["lifecycleStage"], "deleted");
}

TEST_F(RegistryApi, AnAliasIsMovedAuditedAndRemembered) {
  ClientResponse moved =
      Do(Method::kPut, "default/models/fraud/aliases/champion", R"({"version": 1, "reason": "by hand"})");
  EXPECT_EQ(moved.status, 200) << moved.body;
  EXPECT_EQ(last_, "anonymous alias.set");
  audit_ = Unavailable("the audit log takes no more records");
  EXPECT_EQ(Do(Method::kPut, "default/models/fraud/aliases/champion", R"({"version": 2})").status, 503);
  audit_ = Ok();
  Json aliases = Read("default/models/fraud/aliases");
  EXPECT_EQ(aliases["aliases"]["champion"], 1);
  EXPECT_EQ(aliases["history"].back()["reason"], "by hand");
  for (const char* bad : {"", "{", "[]", "{}", R"({"version": "1"})", R"({"version": 1.5})",
                          R"({"version": 1, "reason": 2})"}) {
    EXPECT_EQ(Do(Method::kPut, "default/models/fraud/aliases/champion", bad).status, 400) << bad;
  }
  EXPECT_EQ(Do(Method::kPut, "default/models/fraud/aliases/champion", R"({"version": 9})").status, 404);
  EXPECT_EQ(Do(Method::kDelete, "default/models/fraud/aliases/champion").status, 200);
  EXPECT_EQ(Read("default/models/fraud/aliases")["aliases"].size(), 0U);
}

TEST_F(RegistryApi, ALogIsReadWholeAndFollowedToItsEnd) {
  MakeJob("done", run_, "Succeeded");
  EXPECT_EQ(Do(Method::kGet, "default/trainingjobs/done/log").status, 422);  // no log yet
  std::string large;
  for (int i = 0; i < 20'000; ++i) large += "line " + std::to_string(i) + "\n";
  ASSERT_TRUE(WriteLog(large).ok());
  EXPECT_EQ(Do(Method::kGet, "default/trainingjobs/done/log").body, large);
  MakeJob("running", run_, "Training");
  ASSERT_TRUE(WriteLog("one\n").ok());
  Client client = Client::Create({.url = server_->url()}).value();
  std::vector<std::string> lines;
  Status status = client.Stream(
      {.target = "/apis/millrace.dev/v1alpha1/namespaces/default/trainingjobs/running/log?follow=true"},
      [&](std::string_view line) {
        lines.emplace_back(line);
        if (line == "one") {
          UniqueFd file(::open((dir_.path() + "/runs/" + run_ + "/train.log").c_str(), O_WRONLY | O_APPEND));
          EXPECT_TRUE(WriteAll(file.get(), "two\n").ok());
          EXPECT_TRUE(SetPhase("running", "Succeeded").ok());
        }
        return true;
      });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
}

TEST_F(RegistryApi, ARunOutsideTheRunsIsNoLog) {
  ASSERT_TRUE(WriteFileAtomically(dir_.path() + "/train.log", "secret").ok());
  int n = 0;
  for (const char* run : {"..", "../", "x/../..", "", ".", "/etc", "nosuchrun"}) {
    std::string name = "job" + std::to_string(++n);
    MakeJob(name, run, "Succeeded");
    ClientResponse response = Do(Method::kGet, "default/trainingjobs/" + name + "/log");
    EXPECT_NE(response.status, 200) << run;
    EXPECT_EQ(response.body.find("secret"), std::string::npos) << run;
  }
  EXPECT_EQ(Do(Method::kGet, "default/trainingjobs/none/log").status, 404);
}

}  // namespace
}  // namespace millrace::api
