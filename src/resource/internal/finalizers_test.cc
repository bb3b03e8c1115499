#include "resource/internal/finalizers.h"

#include <gtest/gtest.h>

#include "resource/sqlite_store.h"

namespace millrace::resource {
namespace {

using Names = std::vector<std::string>;

const ResourceKey kModel = {"Model", "default", "fraud"};

Resource Model(int seed) {
  Resource model;
  model.kind = "Model";
  model.metadata.project = "default";
  model.metadata.name = "fraud";
  model.spec = {{"seed", seed}};
  return model;
}

TEST(Finalizers, OnlyTheirOwnersAddAndRemoveThoseOfMillrace) {
  const Names held = {"millrace.dev/data", "backup.example/copy"};
  struct Case {
    Names before;
    Names wanted;
    Names others;  // what stays when a program that does not own them writes
  };
  const Case cases[] = {
      {held, {}, {"millrace.dev/data"}},
      {held, {"backup.example/copy"}, held},
      {held, {"backup.example/copy", "millrace.dev/data"}, held},
      {held, {"a.example/b", "a.example/b"}, {"millrace.dev/data", "a.example/b"}},
      {{}, {"millrace.dev/data", "a.example/b"}, {"a.example/b"}},
      {{}, {}, {}},
      {{"millrace.developer/x"}, {}, {}},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(FinalizersOf(one.before, one.wanted, {}), one.others);
    EXPECT_EQ(FinalizersOf(one.before, one.wanted, {.owns_finalizers = true}), one.wanted);
  }
}

TEST(Finalizers, AWriteThatNamesNoneRemovesNothingThatIsBeingDeleted) {
  const auto store = SqliteStore::Create({.path = ":memory:"}).value();
  Resource model = Model(1);
  model.metadata.finalizers = {"millrace.dev/forged", "backup.example/copy"};
  ASSERT_EQ(store->Create(model)->metadata.finalizers, Names{"backup.example/copy"});
  ASSERT_TRUE(AddFinalizer(*store, kModel, "millrace.dev/data").ok());
  ASSERT_TRUE(store->Delete(kModel).ok());
  const Result<Resource> updated = store->Update(Model(1));
  ASSERT_TRUE(updated.ok()) << updated.status().ToString();
  EXPECT_EQ(updated->metadata.finalizers, Names{"millrace.dev/data"});
  const Json patch = {{"metadata", {{"finalizers", nullptr}, {"labels", {{"a", "b"}}}}}};
  ASSERT_TRUE(store->Patch(kModel, patch).ok());
  const Result<Resource> held = store->Get(kModel);
  ASSERT_TRUE(held.ok()) << "it went, and what was made for it stayed";
  EXPECT_EQ(held->metadata.labels["a"], "b");
  EXPECT_EQ(held->metadata.finalizers, Names{"millrace.dev/data"});
  ASSERT_TRUE(RemoveFinalizer(*store, kModel, "millrace.dev/data").ok());
  EXPECT_EQ(store->Get(kModel).status().code(), Code::kNotFound);
}

TEST(Finalizers, TheSpecOfWhatIsBeingDeletedStays) {
  const auto store = SqliteStore::Create({.path = ":memory:"}).value();
  ASSERT_TRUE(store->Create(Model(1)).ok());
  ASSERT_TRUE(AddFinalizer(*store, kModel, "millrace.dev/data").ok());
  ASSERT_TRUE(store->Delete(kModel).ok());
  const Status refused = store->Patch(kModel, {{"spec", {{"seed", 2}}}}).status();
  EXPECT_EQ(refused.code(), Code::kConflict);
  EXPECT_EQ(refused.message(),
            "Model fraud is being deleted: its spec cannot be changed; apply it again once it is gone");
  EXPECT_EQ(store->Update(Model(2)).status().code(), Code::kConflict);
  EXPECT_EQ(store->Get(kModel)->spec["seed"], 1);
}

}  // namespace
}  // namespace millrace::resource
