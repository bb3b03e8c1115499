// What every ResourceStore promises, as one suite of tests for all of them: the
// judge of what "the same on SQLite and on Kubernetes" means. For tests alone.
//
//   struct SqliteSubstrate { … };      // where a store stands, see below
//   INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreConformance, SqliteSubstrate);
//
// A substrate has
//   std::string WhyNot();                                   // why the tests cannot run here; "" when they
//   can std::unique_ptr<ResourceStore> Open(Auditor auditor);   // on the same, empty substrate std::string
//   Project(int i);                             // names of two projects
//
// Specs are valid ones, for a substrate may check them, and may fill in defaults;
// what happens a moment later on some of them is waited for.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "resource/store.h"

namespace millrace::resource {

using std::chrono::seconds;
using std::chrono::steady_clock;
using Events = std::vector<std::string>;

inline Json ModelJson(int64_t seed) {
  return {{"input", "input"},
          {"examples", "examples"},
          {"label", "label"},
          {"trainer", {{"xgboost", Json::object()}}},
          {"split", {{"train", "1d"}, {"test", "1d"}}},
          {"seed", seed}};
}

inline Json SourceJson(const std::string& lateness = "1d") {
  return {{"eventTime", "t"}, {"push", Json::object()}, {"lateness", lateness}};
}

inline Json ViewJson(const std::string& source) {
  return {{"source", source},
          {"entities", {"k"}},
          {"windows", {"1d"}},
          {"features", Json::array({{{"name", "n"}, {"aggregate", "count"}}})}};
}

template <typename Substrate>
class StoreConformance : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = substrate_.WhyNot(); !why.empty()) GTEST_SKIP() << why;
    Reopen({});
  }

  void Reopen(Auditor auditor) {
    store_.reset();
    store_ = substrate_.Open(std::move(auditor));
    ASSERT_NE(store_, nullptr);
  }

  ResourceStore& store() { return *store_; }
  std::string project(int i = 0) { return substrate_.Project(i); }
  ResourceKey Key(const std::string& kind, const std::string& name) { return {kind, project(), name}; }
  ResourceKey model_key() { return Key("Model", "fraud"); }

  Resource Make(const std::string& kind, const std::string& name, Json spec) {
    Resource resource;
    resource.kind = kind;
    resource.metadata.name = name;
    resource.metadata.project = kind == "Project" ? "" : project();
    resource.spec = std::move(spec);
    return resource;
  }
  Resource Model(const std::string& name = "fraud", int64_t seed = 1) {
    return Make("Model", name, ModelJson(seed));
  }
  Resource Source(const std::string& name) { return Make("DataSource", name, SourceJson()); }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const ResourceList list = store().List({.project = project()}).value();
    for (const Resource& resource : list.items) names.push_back(resource.metadata.name);
    return names;
  }

  // The next `count` events as "ADDED a"; fewer when no more come.
  static Events Next(Watch& watch, size_t count) {
    Events events;
    while (events.size() < count) {
      const auto event = watch.Next(steady_clock::now() + seconds(30));
      if (!event.ok() || !event->has_value()) {
        events.push_back(event.ok() ? "nothing" : event.status().ToString());
        break;
      }
      events.push_back(fmt::format("{} {}", EventTypeName((*event)->type), (*event)->resource.metadata.name));
    }
    return events;
  }

  static bool Eventually(const std::function<bool()>& holds) {
    const auto deadline = steady_clock::now() + seconds(90);
    while (!holds()) {
      if (steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

  Substrate substrate_;
  std::unique_ptr<ResourceStore> store_;
};

TYPED_TEST_SUITE_P(StoreConformance);

TYPED_TEST_P(StoreConformance, CreatedResourcesComeBackWhole) {
  Resource model = this->Model();
  model.metadata.labels = {{"team", "risk"}};
  model.status = {{"latestVersion", 7}};
  const Result<Resource> created = this->store().Create(model);
  ASSERT_TRUE(created.ok()) << created.status().ToString();
  EXPECT_EQ(created->metadata.generation, 1);
  EXPECT_GT(created->metadata.creation_time, EventTime{});
  EXPECT_FALSE(created->metadata.uid.empty());
  EXPECT_EQ(created->metadata.labels, model.metadata.labels);
  EXPECT_EQ(created->spec["label"], "label");
  EXPECT_TRUE(created->status.empty()) << "that is written apart";
  const Result<Resource> read = this->store().Get(this->model_key());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->ToJson(), created->ToJson());
  EXPECT_EQ(this->store().Create(model).status().code(), Code::kAlreadyExists);
  const ResourceKey other = this->Key("Model", "other");
  for (const Status& missing : {this->store().Get(other).status(), this->store().Delete(other).status(),
                                this->store().Update(this->Model("other")).status(),
                                this->store().Patch(other, Json::object()).status()}) {
    EXPECT_EQ(missing.code(), Code::kNotFound);
    EXPECT_EQ(missing.message(), other.ToString() + " does not exist");
  }
}

TYPED_TEST_P(StoreConformance, RefusesWhatHasNoProperIdentity) {
  Resource homeless = this->Model();
  homeless.metadata.project = "";
  Resource project_in_project = this->Make("Project", "p", Json::object());
  project_in_project.metadata.project = this->project();
  for (const Resource& bad : {this->Model("Fraud"), this->Model(""),
                              this->Make("Spaceship", "a", Json::object()), homeless, project_in_project}) {
    EXPECT_EQ(this->store().Create(bad).status().code(), Code::kInvalidArgument) << bad.ToJson();
    EXPECT_EQ(this->store().Apply({bad}).status().code(), Code::kInvalidArgument) << bad.ToJson();
  }
}

TYPED_TEST_P(StoreConformance, GenerationGrowsWithSpecAloneAndVersionWithEveryWrite) {
  Resource model = this->store().Create(this->Model()).value();
  const std::string first = model.metadata.resource_version;
  model.metadata.labels = {{"a", "b"}};
  model = this->store().Update(model).value();
  EXPECT_EQ(model.metadata.generation, 1);
  EXPECT_NE(model.metadata.resource_version, first);
  model.spec["seed"] = 2;
  model = this->store().Update(model).value();
  EXPECT_EQ(model.metadata.generation, 2);
  const std::string before = model.metadata.resource_version;
  EXPECT_EQ(this->store().Update(model)->metadata.resource_version, before) << "nothing changed";
  EXPECT_EQ(this->store().Get(this->model_key())->metadata.resource_version, before);
}

TYPED_TEST_P(StoreConformance, StatusAndSpecAreWrittenApart) {
  const Resource model = this->store().Create(this->Model()).value();
  Resource with_status = model;
  with_status.status = {{"latestVersion", 3}, {"digest", "abc"}};
  with_status.spec["seed"] = 99;
  with_status = this->store().UpdateStatus(with_status).value();
  EXPECT_EQ(with_status.spec["seed"], 1);
  EXPECT_EQ(with_status.metadata.generation, 1);
  Resource with_spec = with_status;
  with_spec.spec["seed"] = 2;
  with_spec.status = Json::object();
  with_spec = this->store().Update(with_spec).value();
  EXPECT_EQ(with_spec.status["latestVersion"], 3);
  EXPECT_EQ(with_spec.metadata.generation, 2);
  with_spec.status.erase("digest");
  with_spec = this->store().UpdateStatus(with_spec).value();
  EXPECT_EQ(with_spec.status, (Json{{"latestVersion", 3}}));
  EXPECT_EQ(this->store().UpdateStatus(with_spec)->metadata.resource_version,
            with_spec.metadata.resource_version);
}

TYPED_TEST_P(StoreConformance, AWriterThatWasNotFirstGetsAConflict) {
  const Resource old = this->store().Create(this->Model()).value();
  Resource first = old;
  first.spec["seed"] = 2;
  ASSERT_TRUE(this->store().Update(first).ok());
  Resource second = old;
  second.spec["seed"] = 3;
  EXPECT_EQ(this->store().Update(second).status().code(), Code::kConflict);
  second.status = {{"latestVersion", 1}};
  EXPECT_EQ(this->store().UpdateStatus(second).status().code(), Code::kConflict);
  const ResourceKey key = this->model_key();
  const Status outdated =
      this->store().Delete(key, {}, {.resource_version = old.metadata.resource_version}).status();
  EXPECT_EQ(outdated.code(), Code::kConflict);
  EXPECT_NE(outdated.message().find("was changed by another writer"), std::string::npos);
  EXPECT_EQ(this->store().Delete(key, {}, {.uid = "another"}).status().code(), Code::kConflict);
  EXPECT_EQ(this->store().Apply({second}).status().code(), Code::kConflict);
  second.metadata.resource_version = "";
  EXPECT_TRUE(this->store().Update(second).ok()) << "without a version the last writer wins";
}

TYPED_TEST_P(StoreConformance, ConcurrentWritersLoseNoUpdate) {
  ASSERT_TRUE(this->store().Create(this->Model("fraud", 0)).ok());
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int done = 0; done < kRounds;) {
        Resource model = this->store().Get(this->model_key()).value();
        model.spec["seed"] = model.spec["seed"].template get<int>() + 1;
        const Result<Resource> updated = this->store().Update(model);
        if (updated.ok()) ++done;
        if (!updated.ok() && updated.status().code() != Code::kConflict) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(this->store().Get(this->model_key())->spec["seed"], kThreads * kRounds);
  EXPECT_EQ(this->store().Get(this->model_key())->metadata.generation, 1 + kThreads * kRounds);
}

TYPED_TEST_P(StoreConformance, PatchesMergeAndLeaveTheStoresOwnFieldsAlone) {
  const ResourceKey key = this->model_key();
  Resource model = this->Model();
  model.spec["where"] = "a > 1";
  const Resource before = this->store().Create(model).value();
  const Json patch = {{"spec", {{"seed", 5}, {"where", nullptr}}},
                      {"metadata", {{"labels", {{"a", "b"}}}, {"uid", "forged"}, {"name", "other"}}},
                      {"status", {{"latestVersion", 7}}}};
  const Result<Resource> after = this->store().Patch(key, patch);
  ASSERT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ(after->spec["seed"], 5);
  EXPECT_NE(after->spec.value("where", ""), "a > 1");
  EXPECT_EQ(after->spec["label"], "label");
  EXPECT_EQ(after->metadata.uid, before.metadata.uid);
  EXPECT_EQ(after->metadata.name, "fraud");
  EXPECT_EQ(after->metadata.labels["a"], "b");
  EXPECT_TRUE(after->status.empty());
  const Json status = {{"status", {{"latestVersion", 1}}}};
  EXPECT_EQ(this->store().PatchStatus(key, status)->status["latestVersion"], 1);
  EXPECT_EQ(this->store().Patch(key, Json::array()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(this->store().Patch(key, {{"metadata", {{"resourceVersion", "1"}}}}).status().code(),
            Code::kConflict);
}

TYPED_TEST_P(StoreConformance, ApplyingTheSameAgainMakesNoVersion) {
  const ResourceKey key = this->model_key();
  const std::vector<Resource> wanted = {this->Model(), this->Source("rows")};
  const auto first = this->store().Apply(wanted);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_EQ((*first)[0].action, ApplyAction::kCreated);
  ASSERT_TRUE(AddFinalizer(this->store(), key, "millrace.dev/runs").ok());
  const Json seen = {{"metadata", {{"annotations", {{"millrace.dev/seen", "1"}}}}}};
  ASSERT_TRUE(this->store().Patch(key, seen).ok());
  const std::string version = this->store().Get(key)->metadata.resource_version;
  const auto second = this->store().Apply(wanted).value();
  EXPECT_EQ(second[0].action, ApplyAction::kUnchanged);
  EXPECT_EQ(second[0].resource.metadata.resource_version, version);
  EXPECT_EQ(second[0].resource.metadata.finalizers.size(), 1U);
  const auto third = this->store().Apply({this->Model("fraud", 2)}).value();
  EXPECT_EQ(third[0].action, ApplyAction::kConfigured);
  EXPECT_EQ(third[0].resource.metadata.generation, 2);
  EXPECT_EQ(third[0].resource.metadata.annotations["millrace.dev/seen"], "1");
  ASSERT_TRUE(RemoveFinalizer(this->store(), key, "millrace.dev/runs").ok());
}

TYPED_TEST_P(StoreConformance, WhatADocumentNoLongerSaysGoes) {
  Resource model = this->Model();
  model.spec["where"] = "a > 1";
  model.metadata.labels = {{"team", "risk"}};
  ASSERT_TRUE(this->store().Apply({model}).ok());
  const auto again = this->store().Apply({this->Model()}).value();
  EXPECT_EQ(again[0].action, ApplyAction::kConfigured);
  EXPECT_NE(again[0].resource.spec.value("where", ""), "a > 1");
  EXPECT_TRUE(again[0].resource.metadata.labels.empty());
}

TYPED_TEST_P(StoreConformance, AFailedOrDryApplyChangesNothing) {
  EXPECT_FALSE(this->store().Apply({this->Source("rows"), this->Model("Bad Name")}).ok());
  EXPECT_EQ(this->Names(), Events{});
  const WriteOptions dry_run = {.dry_run = true};
  const auto dry = this->store().Apply({this->Source("rows")}, dry_run);
  ASSERT_TRUE(dry.ok());
  EXPECT_EQ((*dry)[0].action, ApplyAction::kCreated);
  EXPECT_TRUE(this->store().Create(this->Source("rows"), dry_run).ok());
  EXPECT_EQ(this->Names(), Events{});
  const auto refused = this->store().Apply(
      {this->Source("rows")}, {.check = [](const auto&, const auto&) { return InvalidArgument("not so"); }});
  EXPECT_EQ(refused.status().message(), "not so");
  EXPECT_EQ(this->Names(), Events{});
  ASSERT_TRUE(this->store().Create(this->Source("rows")).ok());
  EXPECT_TRUE(this->store().Delete(this->Key("DataSource", "rows"), dry_run).ok());
  EXPECT_EQ(this->Names(), Events{"rows"});
}

TYPED_TEST_P(StoreConformance, ChecksSeeWhatExistsAndWhatIsWanted) {
  ASSERT_TRUE(this->store().Create(this->Source("rows")).ok());
  std::vector<std::string> seen;
  const WriteOptions options = {.check = [&](const auto& existing, const auto& wanted) {
    for (const Resource& one : existing) {
      if (one.metadata.project == this->project()) seen.push_back("existing " + one.metadata.name);
    }
    for (const Resource& one : wanted) seen.push_back("wanted " + one.metadata.name);
    return Ok();
  }};
  ASSERT_TRUE(this->store().Create(this->Model(), options).ok());
  EXPECT_EQ(seen, (Events{"existing rows", "wanted fraud"}));
}

TYPED_TEST_P(StoreConformance, ListsByKindProjectAndLabelInPages) {
  for (int i = 0; i < 7; ++i) {
    Resource source = this->Source("s" + std::to_string(i));
    source.metadata.labels = {{"parity", i % 2 == 0 ? "even" : "odd"}};
    source.metadata.project = this->project(i == 6 ? 1 : 0);
    ASSERT_TRUE(this->store().Create(source).ok());
  }
  ASSERT_TRUE(this->store().Create(this->Model()).ok());
  const std::string project = this->project();
  const auto count = [&](const ListOptions& options) { return this->store().List(options)->items.size(); };
  EXPECT_EQ(count({.project = project}), 7U);
  EXPECT_EQ(count({.kind = "DataSource"}), 7U);
  EXPECT_EQ(count({.kind = "DataSource", .project = this->project(1)}), 1U);
  EXPECT_EQ(count({.kind = "DataSource", .label_selector = "parity=even"}), 4U);
  std::vector<std::string> names;
  ListOptions page = {.kind = "DataSource", .project = project, .limit = 2};
  for (int pages = 0; pages < 3; ++pages) {
    const ResourceList list = this->store().List(page).value();
    for (const Resource& resource : list.items) names.push_back(resource.metadata.name);
    page.continue_token = list.continue_token;
  }
  EXPECT_EQ(page.continue_token, "");
  EXPECT_EQ(names, (std::vector<std::string>{"s0", "s1", "s2", "s3", "s4", "s5"}));
  // What is filtered away takes no place in a page.
  const auto from_s4 = [](const Resource& resource) { return resource.metadata.name >= "s4"; };
  const ResourceList last =
      this->store().List({.kind = "DataSource", .project = project, .filter = from_s4, .limit = 1}).value();
  ASSERT_EQ(last.items.size(), 1U);
  EXPECT_EQ(last.items[0].metadata.name, "s4");
  EXPECT_NE(last.continue_token, "");
  EXPECT_EQ(this->store().List({.continue_token = "nonsense"}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(this->store().List({.label_selector = "=="}).status().code(), Code::kInvalidArgument);
}

TYPED_TEST_P(StoreConformance, DeletionWaitsForTheLastFinalizer) {
  const ResourceKey key = this->model_key();
  ASSERT_TRUE(this->store().Create(this->Model()).ok());
  for (const char* finalizer : {"millrace.dev/a", "millrace.dev/b", "millrace.dev/b"}) {
    ASSERT_TRUE(AddFinalizer(this->store(), key, finalizer).ok());
  }
  const Resource deleting = this->store().Delete(key).value();
  EXPECT_TRUE(deleting.metadata.deletion_time.has_value());
  // Only who owns them takes away the finalizers of millrace.dev, and nobody changes the spec any more.
  Resource without = deleting;
  without.metadata.finalizers.clear();
  EXPECT_EQ(this->store().Update(without)->metadata.finalizers.size(), 2U);
  without.spec["seed"] = 9;
  EXPECT_EQ(this->store().Update(without).status().code(), Code::kConflict);
  EXPECT_EQ(this->store().Delete(key)->metadata.resource_version, deleting.metadata.resource_version);
  EXPECT_EQ(AddFinalizer(this->store(), key, "millrace.dev/c").status().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(RemoveFinalizer(this->store(), key, "millrace.dev/a").ok());
  ASSERT_TRUE(this->store().Get(key).ok());
  ASSERT_TRUE(RemoveFinalizer(this->store(), key, "millrace.dev/b").ok());
  EXPECT_EQ(this->store().Get(key).status().code(), Code::kNotFound);
}

TYPED_TEST_P(StoreConformance, WhatIsBeingDeletedIsNotAppliedTo) {
  const ResourceKey key = this->model_key();
  Resource model = this->Model();
  model.metadata.finalizers = {"example.com/data"};
  ASSERT_TRUE(this->store().Create(model).ok());
  ASSERT_TRUE(this->store().Apply({this->Model()}).ok());
  ASSERT_TRUE(this->store().Delete(key).ok());
  const Status refused = this->store().Apply({this->Source("other"), this->Model()}).status();
  EXPECT_EQ(refused.code(), Code::kConflict);
  EXPECT_EQ(refused.message(), key.ToString() + " is being deleted: apply it again once it is gone");
  EXPECT_EQ(this->store().Get(this->Key("DataSource", "other")).status().code(), Code::kNotFound);
  ASSERT_TRUE(RemoveFinalizer(this->store(), key, "example.com/data").ok());
  EXPECT_TRUE(this->store().Apply({this->Model()}).ok());
}

TYPED_TEST_P(StoreConformance, OwnedResourcesGoWithTheirOwners) {
  const Resource model = this->store().Create(this->Model()).value();
  const auto owned_by = [](Resource resource, const std::vector<Resource>& owners) {
    for (const Resource& owner : owners) {
      resource.metadata.owner_references.push_back({owner.kind, owner.metadata.name, owner.metadata.uid});
    }
    return resource;
  };
  const Json spec = {{"model", "fraud"}};
  const auto create = [&](const Resource& resource) {
    Result<Resource> made = this->store().Create(resource);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return std::move(made).value();
  };
  const Resource job = create(owned_by(this->Make("TrainingJob", "one", spec), {model}));
  Resource waiting = owned_by(this->Make("TrainingJob", "waiting", spec), {model});
  waiting.metadata.finalizers = {"example.com/process"};
  create(waiting);
  const Resource pool = create(this->Make("ComputePool", "pool", Json::object()));
  create(owned_by(this->Source("two-owners"), {model, pool}));
  create(owned_by(this->Source("grandchild"), {job}));
  EXPECT_EQ(this->store().Get(this->Key("DataSource", "two-owners"))->metadata.owner_references.size(), 2U);

  const Result<Resource> gone = this->store().Delete(this->model_key());
  ASSERT_TRUE(gone.ok()) << gone.status().ToString();
  const ResourceKey waits = this->Key("TrainingJob", "waiting");
  EXPECT_TRUE(this->Eventually([&] {
    return this->Names() == Events{"pool", "two-owners", "waiting"} &&
           this->store().Get(waits)->metadata.deletion_time.has_value();
  })) << testing::PrintToString(this->Names());
  ASSERT_TRUE(RemoveFinalizer(this->store(), waits, "example.com/process").ok());
}

TYPED_TEST_P(StoreConformance, WhatOthersNeedIsNotDeleted) {
  const auto named = [&](const std::string& kind, const std::string& name) {
    return this->Key(kind, name).ToString();
  };
  ASSERT_TRUE(this->store().Create(this->Source("transactions")).ok());
  ASSERT_TRUE(this->store().Create(this->Make("FeatureView", "a", ViewJson("transactions"))).ok());
  ASSERT_TRUE(this->store().Create(this->Make("FeatureView", "b", ViewJson("transactions"))).ok());
  Resource model = this->Model("m");
  model.spec["examples"] = "transactions";
  ASSERT_TRUE(this->store().Create(model).ok());
  const ResourceKey source = this->Key("DataSource", "transactions");
  const Status refused = this->store().Delete(source).status();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.message(),
            fmt::format("{} is needed by {}, {} and {}: delete them first", source.ToString(),
                        named("FeatureView", "a"), named("FeatureView", "b"), named("Model", "m")));
  ASSERT_TRUE(this->store().Get(source).ok());
  EXPECT_FALSE(this->store().Get(source)->metadata.deletion_time.has_value());
  ASSERT_TRUE(this->store().Delete(this->Key("FeatureView", "a")).ok());
  ASSERT_TRUE(this->store().Delete(this->Key("FeatureView", "b")).ok());
  EXPECT_EQ(this->store().Delete(source).status().message(),
            fmt::format("{} is needed by {}: delete it first", source.ToString(), named("Model", "m")));
  ASSERT_TRUE(this->store().Delete(this->Key("Model", "m")).ok());
  EXPECT_TRUE(this->store().Delete(source).ok());
}

TYPED_TEST_P(StoreConformance, AProjectGoesOnlyWhenItIsEmpty) {
  const std::string project = this->project();
  ASSERT_TRUE(this->store().Create(this->Make("Project", project, Json::object())).ok());
  const Resource source = this->Source("rows");
  ASSERT_TRUE(this->store().Create(source).ok());
  const ResourceKey key = {"Project", "", project};
  EXPECT_EQ(this->store().Delete(key).status().message(),
            fmt::format("Project {} is needed by {}: delete it first", project, source.Key().ToString()));
  ASSERT_TRUE(this->store().Delete(source.Key()).ok());
  EXPECT_TRUE(this->store().Delete(key).ok());
  EXPECT_EQ(this->store().Get(key).status().code(), Code::kNotFound);
}

TYPED_TEST_P(StoreConformance, AsksTheAuditorBeforeEachChangeAndObeysIt) {
  std::vector<std::string> seen;
  bool refuse = false;
  this->Reopen([&](const Change& change) {
    seen.push_back(fmt::format("{} {} {} {}{}", change.actor, VerbName(change.verb), change.key.name,
                               change.before != nullptr, change.after != nullptr));
    return refuse ? Unavailable("the disk is full") : Ok();
  });
  const WriteOptions ann = {.actor = "ann"};
  Resource model = this->store().Create(this->Model(), ann).value();
  model.spec["seed"] = 3;
  model = this->store().Update(model, ann).value();
  ASSERT_TRUE(this->store().Update(model, ann).ok());
  model.status["latestVersion"] = 1;
  ASSERT_TRUE(this->store().UpdateStatus(model, ann).ok());
  ASSERT_TRUE(this->store().Apply({this->Source("rows"), this->Model("fraud", 3)}, ann).ok());
  refuse = true;
  const Status refused = this->store().Delete(this->model_key(), ann).status();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_EQ(refused.message(), "the audit log did not take the change, so it was not made: the disk is full");
  EXPECT_FALSE(this->store().Apply({this->Source("more")}, ann).ok());
  EXPECT_EQ(this->Names(), (Events{"rows", "fraud"}));
  EXPECT_EQ(seen, (std::vector<std::string>{"ann create fraud falsetrue", "ann update fraud truetrue",
                                            "ann update status fraud truetrue", "ann create rows falsetrue",
                                            "ann delete fraud truefalse", "ann create more falsetrue"}));
}

TYPED_TEST_P(StoreConformance, AWatchBeginsWithWhatExistsAndGoesOnWithChanges) {
  ASSERT_TRUE(this->store().Create(this->Source("a")).ok());
  const auto watch = this->store().StartWatch({.kind = "DataSource", .project = this->project()}).value();
  EXPECT_EQ(this->Next(*watch, 1), Events{"ADDED a"});
  ASSERT_TRUE(this->store().Create(this->Source("b")).ok());
  const ResourceKey a = this->Key("DataSource", "a");
  ASSERT_TRUE(this->store().Patch(a, {{"spec", {{"lateness", "2d"}}}}).ok());
  ASSERT_TRUE(this->store().PatchStatus(a, {{"status", {{"rows", 1}}}}).ok());
  ASSERT_TRUE(this->store().Delete(this->Key("DataSource", "b")).ok());
  EXPECT_EQ(this->Next(*watch, 4), (Events{"ADDED b", "MODIFIED a", "MODIFIED a", "DELETED b"}));
}

TYPED_TEST_P(StoreConformance, AWatchSeesOnlyItsKindProjectAndName) {
  const std::string project = this->project();
  const auto models = this->store().StartWatch({.kind = "Model", .project = project}).value();
  const auto named =
      this->store().StartWatch({.kind = "DataSource", .project = project, .name = "b"}).value();
  const auto elsewhere = this->store().StartWatch({.project = this->project(1)}).value();
  for (const Resource& resource : {this->Source("a"), this->Source("b"), this->Model("m")}) {
    ASSERT_TRUE(this->store().Create(resource).ok());
  }
  Resource last = this->Source("last");
  last.metadata.project = this->project(1);
  ASSERT_TRUE(this->store().Create(last).ok());
  EXPECT_EQ(this->Next(*models, 1), Events{"ADDED m"});
  EXPECT_EQ(this->Next(*named, 1), Events{"ADDED b"});
  EXPECT_EQ(this->Next(*elsewhere, 1), Events{"ADDED last"});
  for (const auto& watch : {models, named, elsewhere}) EXPECT_FALSE((*watch->TryNext()).has_value());
}

TYPED_TEST_P(StoreConformance, AWatchResumesFromAVersionWithoutGapOrRepetition) {
  const std::string project = this->project();
  ASSERT_TRUE(this->store().Create(this->Source("a")).ok());
  const std::string version = this->store().List({})->resource_version;
  ASSERT_TRUE(this->store().Create(this->Source("b")).ok());
  ASSERT_TRUE(this->store().Delete(this->Key("DataSource", "a")).ok());
  const auto watch = this->store().StartWatch({.project = project, .resource_version = version}).value();
  const auto event = watch->Next(steady_clock::now() + seconds(30));
  ASSERT_TRUE(event.ok() && event->has_value());
  EXPECT_EQ((*event)->resource.metadata.name, "b");
  const std::string at_b = (*event)->resource.metadata.resource_version;
  EXPECT_EQ(this->Next(*watch, 1), Events{"DELETED a"});
  // From what an event said, and from a bookmark.
  const auto after_b = this->store().StartWatch({.project = project, .resource_version = at_b}).value();
  EXPECT_EQ(this->Next(*after_b, 1), Events{"DELETED a"});
  const std::string end = watch->Bookmark().resource.metadata.resource_version;
  const auto from_end = this->store().StartWatch({.project = project, .resource_version = end}).value();
  ASSERT_TRUE(this->store().Create(this->Source("c")).ok());
  EXPECT_EQ(this->Next(*from_end, 1), Events{"ADDED c"});
  EXPECT_EQ(this->store().StartWatch({.resource_version = "x"}).status().code(), Code::kInvalidArgument);
  const Status unknown = this->store().StartWatch({.resource_version = "999999999999999999"}).status();
  EXPECT_TRUE(IsExpired(unknown)) << unknown.ToString();
}

TYPED_TEST_P(StoreConformance, AWatchWithALabelSelectorSeesResourcesComeAndGo) {
  const auto watch =
      this->store().StartWatch({.project = this->project(), .label_selector = "tier=gold"}).value();
  ASSERT_TRUE(this->store().Create(this->Source("a")).ok());
  const ResourceKey key = this->Key("DataSource", "a");
  const auto set_tier = [&](const Json& tier) {
    ASSERT_TRUE(this->store().Patch(key, {{"metadata", {{"labels", {{"tier", tier}}}}}}).ok());
  };
  set_tier("gold");
  ASSERT_TRUE(this->store().Patch(key, {{"spec", {{"lateness", "2d"}}}}).ok());
  set_tier("lead");
  ASSERT_TRUE(this->store().Patch(key, {{"spec", {{"lateness", "3d"}}}}).ok());
  ASSERT_TRUE(this->store().Delete(key).ok());
  EXPECT_EQ(this->Next(*watch, 3), (Events{"ADDED a", "MODIFIED a", "DELETED a"}));
}

TYPED_TEST_P(StoreConformance, WatchesEndWithStopAndWithTheirStore) {
  const auto stopped = this->store().StartWatch({}).value();
  const auto open = this->store().StartWatch({.project = this->project(1)}).value();
  stopped->Stop();
  EXPECT_EQ(stopped->TryNext().status().code(), Code::kCancelled);
  std::thread reader(
      [&] { EXPECT_EQ(open->Next(steady_clock::now() + seconds(60)).status().code(), Code::kCancelled); });
  this->store_.reset();
  reader.join();
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreConformance, CreatedResourcesComeBackWhole, RefusesWhatHasNoProperIdentity,
    GenerationGrowsWithSpecAloneAndVersionWithEveryWrite, StatusAndSpecAreWrittenApart,
    AWriterThatWasNotFirstGetsAConflict, ConcurrentWritersLoseNoUpdate,
    PatchesMergeAndLeaveTheStoresOwnFieldsAlone, ApplyingTheSameAgainMakesNoVersion,
    WhatADocumentNoLongerSaysGoes, AFailedOrDryApplyChangesNothing, ChecksSeeWhatExistsAndWhatIsWanted,
    ListsByKindProjectAndLabelInPages, DeletionWaitsForTheLastFinalizer, WhatIsBeingDeletedIsNotAppliedTo,
    OwnedResourcesGoWithTheirOwners, WhatOthersNeedIsNotDeleted, AProjectGoesOnlyWhenItIsEmpty,
    AsksTheAuditorBeforeEachChangeAndObeysIt, AWatchBeginsWithWhatExistsAndGoesOnWithChanges,
    AWatchSeesOnlyItsKindProjectAndName, AWatchResumesFromAVersionWithoutGapOrRepetition,
    AWatchWithALabelSelectorSeesResourcesComeAndGo, WatchesEndWithStopAndWithTheirStore);

}  // namespace millrace::resource
