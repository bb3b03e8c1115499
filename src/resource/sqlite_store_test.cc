#include "resource/sqlite_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/file.h"

namespace millrace::resource {
namespace {

Resource Make(const std::string& kind, const std::string& name, Json spec = Json::object()) {
  Resource resource;
  resource.kind = kind;
  resource.metadata.name = name;
  resource.metadata.project = kind == "Project" ? "" : "default";
  resource.spec = std::move(spec);
  return resource;
}

std::unique_ptr<SqliteStore> Open(SqliteStore::Options options = {.path = ":memory:"}) {
  auto store = SqliteStore::Create(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  return std::move(*store);
}

const ResourceKey kModel = {"Model", "default", "fraud"};

TEST(SqliteStore, CreatedResourcesComeBackWhole) {
  FakeClock clock(EventTime{1'500'000});
  auto store = Open({.path = ":memory:", .clock = &clock});
  Resource model = Make("Model", "fraud", {{"label", "tx_fraud"}});
  model.metadata.labels = {{"team", "risk"}};
  model.status = {{"ignored", true}};
  const Result<Resource> created = store->Create(model);
  ASSERT_TRUE(created.ok()) << created.status().ToString();
  EXPECT_EQ(created->metadata.generation, 1);
  EXPECT_EQ(created->metadata.creation_time, EventTime{1'500'000});
  EXPECT_FALSE(created->metadata.uid.empty());
  EXPECT_TRUE(created->status.empty());
  const Result<Resource> read = store->Get(kModel);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->ToJson(), created->ToJson());
  EXPECT_EQ(store->Create(model).status().code(), Code::kAlreadyExists);
  EXPECT_EQ(store->Get({"Model", "default", "other"}).status().message(), "Model other does not exist");
}

TEST(SqliteStore, RefusesWhatHasNoProperIdentity) {
  auto store = Open();
  Resource bad_project = Make("Model", "fraud");
  bad_project.metadata.project = "";
  Resource project_in_project = Make("Project", "p");
  project_in_project.metadata.project = "default";
  for (const Resource& bad :
       {Make("Model", "Fraud"), Make("Model", ""), Make("Spaceship", "a"), bad_project, project_in_project}) {
    EXPECT_EQ(store->Create(bad).status().code(), Code::kInvalidArgument) << bad.ToJson();
  }
}

TEST(SqliteStore, GenerationGrowsWithSpecAloneAndVersionWithEveryWrite) {
  auto store = Open();
  Resource model = store->Create(Make("Model", "fraud", {{"seed", 1}})).value();
  const std::string first = model.metadata.resource_version;
  model.metadata.labels = {{"a", "b"}};
  model = store->Update(model).value();
  EXPECT_EQ(model.metadata.generation, 1);
  EXPECT_NE(model.metadata.resource_version, first);
  model.spec["seed"] = 2;
  model = store->Update(model).value();
  EXPECT_EQ(model.metadata.generation, 2);
  const std::string before = model.metadata.resource_version;
  EXPECT_EQ(store->Update(model)->metadata.resource_version, before) << "nothing changed";
}

TEST(SqliteStore, StatusAndSpecAreWrittenApart) {
  auto store = Open();
  Resource model = store->Create(Make("Model", "fraud", {{"seed", 1}})).value();
  Resource with_status = model;
  with_status.status = {{"latestVersion", 3}};
  with_status.spec["seed"] = 99;
  with_status = store->UpdateStatus(with_status).value();
  EXPECT_EQ(with_status.spec["seed"], 1);
  EXPECT_EQ(with_status.metadata.generation, 1);
  Resource with_spec = with_status;
  with_spec.spec["seed"] = 2;
  with_spec.status = Json::object();
  with_spec = store->Update(with_spec).value();
  EXPECT_EQ(with_spec.status["latestVersion"], 3);
  EXPECT_EQ(with_spec.metadata.generation, 2);
}

TEST(SqliteStore, AWriterThatWasNotFirstGetsAConflict) {
  auto store = Open();
  const Resource old = store->Create(Make("Model", "fraud", {{"seed", 1}})).value();
  Resource first = old;
  first.spec["seed"] = 2;
  ASSERT_TRUE(store->Update(first).ok());
  Resource second = old;
  second.spec["seed"] = 3;
  EXPECT_EQ(store->Update(second).status().code(), Code::kConflict);
  EXPECT_EQ(store->UpdateStatus(second).status().code(), Code::kConflict);
  EXPECT_EQ(store->Delete(kModel, {}, {.resource_version = old.metadata.resource_version}).status().code(),
            Code::kConflict);
  EXPECT_EQ(store->Delete(kModel, {}, {.uid = "another"}).status().code(), Code::kConflict);
  second.metadata.resource_version = "";
  EXPECT_TRUE(store->Update(second).ok()) << "without a version the last writer wins";
}

TEST(SqliteStore, ConcurrentWritersLoseNoUpdate) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Make("Model", "fraud", {{"seed", 0}})).ok());
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int done = 0; done < kRounds;) {
        Resource model = store->Get(kModel).value();
        model.spec["seed"] = model.spec["seed"].get<int>() + 1;
        const Result<Resource> updated = store->Update(model);
        if (updated.ok()) ++done;
        if (!updated.ok() && updated.status().code() != Code::kConflict) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store->Get(kModel)->spec["seed"], kThreads * kRounds);
  EXPECT_EQ(store->Get(kModel)->metadata.generation, 1 + kThreads * kRounds);
}

TEST(SqliteStore, PatchesMergeAndLeaveTheStoresOwnFieldsAlone) {
  auto store = Open();
  const Resource before = store->Create(Make("Model", "fraud", {{"seed", 1}, {"label", "y"}})).value();
  const Json patch = {{"spec", {{"seed", 5}, {"label", nullptr}}},
                      {"metadata", {{"labels", {{"a", "b"}}}, {"uid", "forged"}, {"name", "other"}}},
                      {"status", {{"forged", true}}}};
  const Result<Resource> after = store->Patch(kModel, patch);
  ASSERT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ(after->spec, (Json{{"seed", 5}}));
  EXPECT_EQ(after->metadata.uid, before.metadata.uid);
  EXPECT_EQ(after->metadata.name, "fraud");
  EXPECT_EQ(after->metadata.labels["a"], "b");
  EXPECT_TRUE(after->status.empty());
  EXPECT_EQ(store->PatchStatus(kModel, {{"status", {{"latestVersion", 1}}}})->status["latestVersion"], 1);
  EXPECT_EQ(store->Patch(kModel, Json::array()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store->Patch(kModel, {{"metadata", {{"resourceVersion", "1"}}}}).status().code(),
            Code::kConflict);
}

TEST(SqliteStore, ApplyingTheSameAgainMakesNoVersion) {
  auto store = Open();
  const std::vector<Resource> wanted = {Make("Model", "fraud", {{"seed", 1}}), Make("DataSource", "rows")};
  const auto first = store->Apply(wanted).value();
  EXPECT_EQ(first[0].action, ApplyAction::kCreated);
  ASSERT_TRUE(AddFinalizer(*store, kModel, "millrace.dev/runs").ok());
  ASSERT_TRUE(store->Patch(kModel, {{"metadata", {{"annotations", {{"millrace.dev/seen", "1"}}}}}}).ok());
  const std::string version = store->Get(kModel)->metadata.resource_version;
  const auto second = store->Apply(wanted).value();
  EXPECT_EQ(second[0].action, ApplyAction::kUnchanged);
  EXPECT_EQ(second[0].resource.metadata.resource_version, version);
  EXPECT_EQ(second[0].resource.metadata.finalizers.size(), 1U);
  const auto third = store->Apply({Make("Model", "fraud", {{"seed", 2}})}).value();
  EXPECT_EQ(third[0].action, ApplyAction::kConfigured);
  EXPECT_EQ(third[0].resource.metadata.generation, 2);
  EXPECT_EQ(third[0].resource.metadata.annotations["millrace.dev/seen"], "1");
}

TEST(SqliteStore, AFailedOrDryApplyChangesNothing) {
  auto store = Open();
  const std::vector<Resource> wanted = {Make("DataSource", "rows"), Make("Model", "Bad Name")};
  EXPECT_FALSE(store->Apply(wanted).ok());
  EXPECT_TRUE(store->List({})->items.empty());
  const auto dry = store->Apply({Make("DataSource", "rows")}, {.dry_run = true});
  ASSERT_TRUE(dry.ok());
  EXPECT_EQ((*dry)[0].action, ApplyAction::kCreated);
  EXPECT_TRUE(store->List({})->items.empty());
  const auto refused =
      store->Apply({Make("DataSource", "rows")},
                   {.check = [](const auto&, const auto&) { return InvalidArgument("not like this"); }});
  EXPECT_EQ(refused.status().message(), "not like this");
  EXPECT_TRUE(store->List({})->items.empty());
}

TEST(SqliteStore, ListsByKindProjectAndLabelInPages) {
  auto store = Open();
  for (int i = 0; i < 7; ++i) {
    Resource source = Make("DataSource", "s" + std::to_string(i));
    source.metadata.labels = {{"parity", i % 2 == 0 ? "even" : "odd"}};
    source.metadata.project = i == 6 ? "other" : "default";
    ASSERT_TRUE(store->Create(source).ok());
  }
  ASSERT_TRUE(store->Create(Make("Model", "fraud")).ok());
  EXPECT_EQ(store->List({})->items.size(), 8U);
  EXPECT_EQ(store->List({.kind = "DataSource"})->items.size(), 7U);
  EXPECT_EQ(store->List({.kind = "DataSource", .project = "other"})->items.size(), 1U);
  EXPECT_EQ(store->List({.kind = "DataSource", .label_selector = "parity=even"})->items.size(), 4U);
  std::vector<std::string> names;
  ListOptions page = {.kind = "DataSource", .limit = 3};
  for (int pages = 0; pages < 3; ++pages) {
    const ResourceList list = store->List(page).value();
    for (const Resource& resource : list.items) names.push_back(resource.metadata.name);
    page.continue_token = list.continue_token;
  }
  EXPECT_EQ(page.continue_token, "");
  EXPECT_EQ(names, (std::vector<std::string>{"s0", "s1", "s2", "s3", "s4", "s5", "s6"}));
  // What is filtered away takes no place in a page.
  const ResourceList last =
      store
          ->List({.kind = "DataSource",
                  .filter = [](const Resource& resource) { return resource.metadata.name >= "s5"; },
                  .limit = 1})
          .value();
  ASSERT_EQ(last.items.size(), 1U);
  EXPECT_EQ(last.items[0].metadata.name, "s5");
  EXPECT_NE(last.continue_token, "");
  EXPECT_EQ(store->List({.continue_token = "nonsense"}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store->List({.label_selector = "=="}).status().code(), Code::kInvalidArgument);
}

TEST(SqliteStore, DeletionWaitsForTheLastFinalizer) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Make("Model", "fraud")).ok());
  ASSERT_TRUE(AddFinalizer(*store, kModel, "a").ok());
  ASSERT_TRUE(AddFinalizer(*store, kModel, "b").ok());
  ASSERT_TRUE(AddFinalizer(*store, kModel, "b").ok());
  const Resource deleting = store->Delete(kModel).value();
  EXPECT_TRUE(deleting.metadata.deletion_time.has_value());
  EXPECT_EQ(store->Delete(kModel)->metadata.resource_version, deleting.metadata.resource_version);
  EXPECT_EQ(AddFinalizer(*store, kModel, "c").status().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(RemoveFinalizer(*store, kModel, "a").ok());
  ASSERT_TRUE(store->Get(kModel).ok());
  ASSERT_TRUE(RemoveFinalizer(*store, kModel, "b").ok());
  EXPECT_EQ(store->Get(kModel).status().code(), Code::kNotFound);
}

TEST(SqliteStore, WhatIsBeingDeletedIsNotAppliedTo) {
  auto store = Open();
  Resource model = Make("Model", "fraud");
  model.metadata.finalizers = {"data"};
  ASSERT_TRUE(store->Create(model).ok());
  ASSERT_TRUE(store->Apply({Make("Model", "fraud")}).ok());
  ASSERT_TRUE(store->Delete(kModel).ok());
  const Status refused = store->Apply({Make("DataSource", "other"), Make("Model", "fraud")}).status();
  EXPECT_EQ(refused.code(), Code::kConflict);
  EXPECT_EQ(refused.message(), "Model fraud is being deleted: apply it again once it is gone");
  EXPECT_EQ(store->Get({"DataSource", "default", "other"}).status().code(), Code::kNotFound);
  ASSERT_TRUE(RemoveFinalizer(*store, kModel, "data").ok());
  EXPECT_TRUE(store->Apply({Make("Model", "fraud")}).ok());
}

TEST(SqliteStore, OwnedResourcesGoWithTheirOwners) {
  auto store = Open();
  const Resource model = store->Create(Make("Model", "fraud")).value();
  const auto owned_by = [](Resource resource, const std::vector<Resource>& owners) {
    for (const Resource& owner : owners) {
      resource.metadata.owner_references.push_back({owner.kind, owner.metadata.name, owner.metadata.uid});
    }
    return resource;
  };
  const Json spec = {{"model", "fraud"}};
  const Resource job = store->Create(owned_by(Make("TrainingJob", "one", spec), {model})).value();
  Resource waiting = owned_by(Make("TrainingJob", "waiting", spec), {model});
  waiting.metadata.finalizers = {"process"};
  ASSERT_TRUE(store->Create(waiting).ok());
  const Resource pool = store->Create(Make("ComputePool", "pool")).value();
  ASSERT_TRUE(store->Create(owned_by(Make("TrainingJob", "two-owners"), {model, pool})).ok());
  ASSERT_TRUE(store->Create(owned_by(Make("DataSource", "grandchild"), {job})).ok());

  const Result<Resource> gone = store->Delete(kModel);
  ASSERT_TRUE(gone.ok()) << gone.status().ToString();
  std::vector<std::string> left;
  const ResourceList list = store->List({}).value();
  for (const Resource& resource : list.items) left.push_back(resource.metadata.name);
  EXPECT_EQ(left, (std::vector<std::string>{"pool", "two-owners", "waiting"}));
  EXPECT_TRUE(store->Get({"TrainingJob", "default", "waiting"})->metadata.deletion_time.has_value());
}

TEST(SqliteStore, WhatOthersNeedIsNotDeleted) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Make("DataSource", "transactions")).ok());
  ASSERT_TRUE(store->Create(Make("FeatureView", "a", {{"source", "transactions"}})).ok());
  ASSERT_TRUE(store->Create(Make("FeatureView", "b", {{"source", "transactions"}})).ok());
  ASSERT_TRUE(store->Create(Make("Model", "m", {{"examples", "transactions"}})).ok());
  const ResourceKey source = {"DataSource", "default", "transactions"};
  const Status refused = store->Delete(source).status();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_EQ(
      refused.message(),
      "DataSource transactions is needed by FeatureView a, FeatureView b and Model m: delete them first");
  ASSERT_TRUE(store->Get(source).ok());
  EXPECT_FALSE(store->Get(source)->metadata.deletion_time.has_value());
  for (const ResourceKey& key :
       {ResourceKey{"FeatureView", "default", "a"}, {"FeatureView", "default", "b"}}) {
    ASSERT_TRUE(store->Delete(key).ok());
  }
  EXPECT_EQ(store->Delete(source).status().message(),
            "DataSource transactions is needed by Model m: delete it first");
  ASSERT_TRUE(store->Delete({"Model", "default", "m"}).ok());
  EXPECT_TRUE(store->Delete(source).ok());
}

TEST(SqliteStore, AProjectGoesOnlyWhenItIsEmpty) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Make("Project", "risk")).ok());
  Resource source = Make("DataSource", "rows");
  source.metadata.project = "risk";
  ASSERT_TRUE(store->Create(source).ok());
  EXPECT_EQ(store->Delete({"Project", "", "risk"}).status().message(),
            "Project risk is needed by DataSource risk/rows: delete it first");
  ASSERT_TRUE(store->Delete(source.Key()).ok());
  EXPECT_TRUE(store->Delete({"Project", "", "risk"}).ok());
}

TEST(SqliteStore, AsksTheAuditorBeforeEachChangeAndObeysIt) {
  std::vector<std::string> seen;
  bool refuse = false;
  auto store = Open({.path = ":memory:", .auditor = [&](const Change& change) {
                       seen.push_back(fmt::format("{} {} {} {}{}", change.actor, VerbName(change.verb),
                                                  change.key.ToString(), change.before != nullptr,
                                                  change.after != nullptr));
                       return refuse ? Unavailable("the disk is full") : Ok();
                     }});
  const WriteOptions ann = {.actor = "ann"};
  Resource model = store->Create(Make("Model", "fraud"), ann).value();
  model.spec["seed"] = 3;
  model = store->Update(model, ann).value();
  ASSERT_TRUE(store->Update(model, ann).ok());
  model.status["x"] = 1;
  ASSERT_TRUE(store->UpdateStatus(model, ann).ok());
  refuse = true;
  const Status refused = store->Delete(kModel, ann).status();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_EQ(refused.message(), "the audit log did not take the change, so it was not made: the disk is full");
  EXPECT_TRUE(store->Get(kModel).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "ann create Model fraud falsetrue", "ann update Model fraud truetrue",
                      "ann update status Model fraud truetrue", "ann delete Model fraud truefalse"}));
}

TEST(SqliteStore, RefusesAResourceThatIsTooLarge) {
  auto store = Open({.path = ":memory:", .max_bytes = 1000});
  EXPECT_EQ(store->Create(Make("Model", "fraud", {{"x", std::string(2000, 'x')}})).status().code(),
            Code::kResourceExhausted);
  EXPECT_TRUE(store->List({})->items.empty());
}

TEST(SqliteStore, ReopensWithEverythingThatWasAnswered) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/resources.db";
  std::string version;
  {
    auto store = Open({.path = path});
    ASSERT_TRUE(store->Create(Make("DataSource", "rows")).ok());
    Resource model = store->Create(Make("Model", "fraud", {{"seed", 1}})).value();
    model.status = {{"latestVersion", 2}};
    version = store->UpdateStatus(model)->metadata.resource_version;
  }
  auto store = Open({.path = path});
  EXPECT_EQ(store->Get(kModel)->status["latestVersion"], 2);
  EXPECT_EQ(store->List({})->resource_version, version);
  const Resource later = store->Create(Make("Model", "later")).value();
  EXPECT_EQ(later.metadata.resource_version, std::to_string(std::stoll(version) + 1));
}

TEST(SqliteStore, RefusesAFileOfANewerVersion) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/resources.db";
  ASSERT_TRUE(Database::Open(path)->Execute("PRAGMA user_version = 7").ok());
  const auto store = SqliteStore::Create({.path = path});
  EXPECT_EQ(store.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(store.status().message().find("newer Millrace (format 7; this one knows 1)"), std::string::npos);
}

}  // namespace
}  // namespace millrace::resource
