#include "resource/resource.h"

#include <gtest/gtest.h>

namespace millrace::resource {
namespace {

Resource Full() {
  Resource resource;
  resource.kind = "Model";
  resource.metadata.name = "fraud";
  resource.metadata.project = "risk";
  resource.metadata.uid = "u-1";
  resource.metadata.resource_version = "12";
  resource.metadata.generation = 3;
  resource.metadata.labels = {{"team", "risk"}};
  resource.metadata.annotations = {{"note", "x"}};
  resource.metadata.finalizers = {"millrace.dev/runs"};
  resource.metadata.owner_references = {{"Project", "risk", "u-0"}};
  resource.metadata.creation_time = EventTime{1'532'476'800'000'000};
  resource.metadata.deletion_time = EventTime{1'532'476'801'000'000};
  resource.metadata.manager = "millrace";
  resource.spec = {{"seed", 1}};
  resource.status = {{"latestVersion", 2}};
  return resource;
}

TEST(Resource, HasTheShapeOfAKubernetesObject) {
  const Json json = Full().ToJson();
  EXPECT_EQ(json, Json::parse(R"({
    "apiVersion": "millrace.dev/v1alpha1", "kind": "Model",
    "metadata": {"name": "fraud", "namespace": "risk", "uid": "u-1", "resourceVersion": "12", "generation": 3,
      "labels": {"team": "risk"}, "annotations": {"note": "x"}, "finalizers": ["millrace.dev/runs"],
      "ownerReferences": [{"apiVersion": "millrace.dev/v1alpha1", "kind": "Project", "name": "risk", "uid": "u-0",
                           "controller": true}],
      "creationTimestamp": "2018-07-25T00:00:00Z", "deletionTimestamp": "2018-07-25T00:00:01Z",
      "managedFields": [{"manager": "millrace", "operation": "Apply", "apiVersion": "millrace.dev/v1alpha1"}]},
    "spec": {"seed": 1}, "status": {"latestVersion": 2}})"));
  const Result<Resource> back = Resource::FromJson(json);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(back->ToJson(), json);
}

TEST(Resource, RefusesWhatHasAnotherShape) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "expected an object, not array"},
      {"{}", "kind is missing"},
      {R"({"kind": "Model"})", "metadata is missing"},
      {R"({"kind": "Model", "metadata": []})", "metadata is missing"},
      {R"({"kind": "Model", "metadata": {"labels": []}})", "metadata.labels: expected an object, not array"},
      {R"({"kind": "Model", "metadata": {"labels": {"a": 1}}})",
       "metadata.labels.a: expected a string, not number"},
      {R"({"kind": "Model", "metadata": {"finalizers": [1]}})",
       "metadata.finalizers: expected a list of strings, not number"},
      {R"({"kind": "Model", "metadata": {"ownerReferences": {}}})",
       "metadata.ownerReferences: expected a list, not object"},
      {R"({"kind": "Model", "metadata": {"creationTimestamp": "now"}})",
       "metadata.creationTimestamp: 'now' is not a time: write it as 2018-07-25T13:30:00Z or 2018-07-25"},
      {R"({"kind": "Model", "metadata": {}, "spec": 3})", "spec: expected an object, not number"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(Resource::FromJson(Json::parse(text)).status().message(), expected) << text;
  }
}

TEST(Resource, NamesItsProjectWhereItIsNotTheDefault) {
  EXPECT_EQ((ResourceKey{"Model", "risk", "fraud"}.ToString()), "Model risk/fraud");
  EXPECT_EQ((ResourceKey{"Model", "default", "fraud"}.ToString()), "Model fraud");
  EXPECT_EQ((ResourceKey{"Project", "", "risk"}.ToString()), "Project risk");
}

TEST(Condition, ChangesItsTransitionTimeWithItsStatusAlone) {
  Json status;
  Condition ready = {.type = "Ready",
                     .status = ConditionStatus::kFalse,
                     .reason = "Reading",
                     .message = "3 of 9.",
                     .observed_generation = 1,
                     .last_transition_time = {}};
  EXPECT_TRUE(SetCondition(status, ready, EventTime{1'000'000}));
  EXPECT_FALSE(SetCondition(status, ready, EventTime{2'000'000}));
  ready.message = "5 of 9.";
  EXPECT_TRUE(SetCondition(status, ready, EventTime{3'000'000}));
  EXPECT_EQ(FindCondition(status, "Ready")->last_transition_time, EventTime{1'000'000});
  EXPECT_EQ(FindCondition(status, "Ready")->message, "5 of 9.");
  EXPECT_FALSE(IsTrue(status, "Ready"));
  ready.status = ConditionStatus::kTrue;
  EXPECT_TRUE(SetCondition(status, ready, EventTime{4'000'000}));
  EXPECT_EQ(FindCondition(status, "Ready")->last_transition_time, EventTime{4'000'000});
  EXPECT_TRUE(IsTrue(status, "Ready"));
  ready.type = "Learning";
  EXPECT_TRUE(SetCondition(status, ready, EventTime{5'000'000}));
  EXPECT_EQ(status["conditions"].size(), 2U);
  EXPECT_FALSE(FindCondition(status, "Other").has_value());
  EXPECT_FALSE(FindCondition(Json("text"), "Ready").has_value());
}

TEST(ValueAt, FollowsNamesIndicesAndConditions) {
  const Json json = {
      {"spec", {{"windows", {"1d", "7d"}}, {"features", {{{"name", "a"}}}}}},
      {"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}, {"reason", "Fine"}}}}}}};
  const std::pair<const char*, Json> cases[] = {
      {"spec.windows[1]", "7d"},
      {"spec.windows[2]", nullptr},
      {"spec.features[0].name", "a"},
      {"spec.features[99999999999].name", nullptr},
      {"spec.features[].name", nullptr},
      {"status.conditions[Ready]", "True"},
      {"status.conditions[Ready].reason", "Fine"},
      {"status.conditions[Other]", nullptr},
      {"status.conditions[Ready", nullptr},
      {"spec.windows.x", nullptr},
      {"", nullptr},
      {"spec.windows", {"1d", "7d"}},
  };
  for (const auto& [path, expected] : cases) EXPECT_EQ(ValueAt(json, path), expected) << path;
  EXPECT_EQ(ValueAt(Json(3), "a"), Json());
}

TEST(LabelSelector, MatchesAsInKubernetes) {
  const Json labels = {{"app", "fraud"}, {"tier", "gold"}};
  const std::pair<const char*, bool> cases[] = {
      {"", true},
      {"app=fraud", true},
      {"app==fraud", true},
      {"app=other", false},
      {"app!=other", true},
      {"app!=fraud", false},
      {"missing!=x", true},
      {"app", true},
      {"missing", false},
      {"!missing", true},
      {"!app", false},
      {"app in (a, fraud)", true},
      {"app in (a,b)", false},
      {"app notin (a,b)", true},
      {"app notin (fraud)", false},
      {"missing notin (a)", true},
      {"app=fraud,tier=gold", true},
      {"app=fraud, tier=lead", false},
      {"tier in (gold,silver),app", true},
      {"empty=", false},
  };
  for (const auto& [text, expected] : cases) {
    const Result<LabelSelector> selector = LabelSelector::Parse(text);
    ASSERT_TRUE(selector.ok()) << text << ": " << selector.status().ToString();
    EXPECT_EQ(selector->Matches(labels), expected) << text;
  }
  for (const char* bad :
       {"=", "a=b=c", ",", "a,", "a like (b)", "a in (b", "in (b)", "a b", "a=ü", "(", "!"}) {
    EXPECT_FALSE(LabelSelector::Parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(LabelSelector::Parse(std::string(5000, 'a')).ok());
}

}  // namespace
}  // namespace millrace::resource
