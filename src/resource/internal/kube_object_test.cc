#include "resource/internal/kube_object.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::resource {
namespace {

Resource Model() {
  Resource model;
  model.kind = "Model";
  model.metadata.name = "fraud";
  model.metadata.project = "risk";
  model.metadata.uid = "u-1";
  model.metadata.resource_version = "41";
  model.metadata.generation = 3;
  model.metadata.labels = {{"team", "risk"}, {"tier", "gold"}};
  model.spec = {{"seed", 1}, {"split", {{"train", "1d"}, {"gap", "1d"}}}};
  model.status = {{"latestVersion", 2}, {"conditions", Json::array({{{"type", "Ready"}}})}};
  return model;
}

TEST(KubeObject, WhatTheServerSetsIsNotSentToCreate) {
  Resource model = Model();
  model.metadata.owner_references = {{"Project", "a", "u-2"}, {"Project", "b", "u-3"}};
  const Json object = NewObject(model);
  EXPECT_EQ(object, ParseJson(R"({"apiVersion": "millrace.dev/v1alpha1", "kind": "Model",
      "metadata": {"name": "fraud", "labels": {"team": "risk", "tier": "gold"}, "ownerReferences": [
        {"apiVersion": "millrace.dev/v1alpha1", "kind": "Project", "name": "a", "uid": "u-2", "controller": true},
        {"apiVersion": "millrace.dev/v1alpha1", "kind": "Project", "name": "b", "uid": "u-3"}]},
      "spec": {"seed": 1, "split": {"train": "1d", "gap": "1d"}}})")
                        .value());
}

TEST(KubeObject, AChangeSaysNothingButTheChange) {
  const Resource before = Model();
  EXPECT_TRUE(ChangeOf(before, before, Json()).is_null());
  Resource after = before;
  after.status = {{"ignored", true}};
  EXPECT_TRUE(ChangeOf(before, after, Json()).is_null());
  after.metadata.labels.erase("tier");
  after.metadata.finalizers = {"millrace.dev/data"};
  after.spec["split"]["gap"] = "2d";
  EXPECT_EQ(ChangeOf(before, after, Json()), ParseJson(R"({
      "metadata": {"uid": "u-1", "resourceVersion": "41", "labels": {"tier": null},
                   "finalizers": ["millrace.dev/data"]},
      "spec": {"split": {"gap": "2d"}}})")
                                                 .value());
}

TEST(KubeObject, OwnersOfOtherGroupsKeepAllTheirFields) {
  const Json foreign = {{"apiVersion", "apps/v1"},
                        {"kind", "Deployment"},
                        {"name", "d"},
                        {"uid", "u-8"},
                        {"blockOwnerDeletion", true}};
  Resource before = Model();
  before.metadata.owner_references = {{"Deployment", "d", "u-8"}, {"Project", "old", "u-9"}};
  Json object = before.ToJson();
  object["metadata"]["ownerReferences"][0] = foreign;
  Resource after = before;
  after.metadata.owner_references[1] = {"Project", "p", "u-2"};
  const Json owners = ChangeOf(before, after, object)["metadata"]["ownerReferences"];
  ASSERT_EQ(owners.size(), 2U);
  EXPECT_EQ(owners[0], foreign);
  EXPECT_EQ(owners[1]["uid"], "u-2");
  EXPECT_FALSE(owners[1].contains("controller")) << "there may be one already";
}

TEST(KubeObject, AStatusIsChangedAlone) {
  const Resource before = Model();
  EXPECT_TRUE(StatusChangeOf(before, before.status).is_null());
  EXPECT_TRUE(StatusChangeOf(before, {{"latestVersion", 2},
                                      {"conditions", before.status["conditions"]},
                                      {"promotedVersion", nullptr}})
                  .is_null())
      << "a null is what is not there";
  EXPECT_EQ(StatusChangeOf(before, {{"latestVersion", 3}}), ParseJson(R"({
      "metadata": {"uid": "u-1", "resourceVersion": "41"},
      "status": {"latestVersion": 3, "conditions": null}})")
                                                                .value());
}

TEST(KubeObject, VersionsThatAreNumbersAreCompared) {
  EXPECT_TRUE(IsAtLeast("10", "9"));
  EXPECT_TRUE(IsAtLeast("9", "9"));
  EXPECT_FALSE(IsAtLeast("9", "10"));
  EXPECT_TRUE(IsAtLeast("123456789012345678901234567890", "99999999999999999999999999999"));
  EXPECT_TRUE(IsAtLeast("opaque", "9")) << "nobody waits for what cannot be told";
  EXPECT_TRUE(IsAtLeast("", "9"));
}

}  // namespace
}  // namespace millrace::resource
