#include "kube/request.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::kube {
namespace {

const GroupVersionResource kPods{"", "v1", "pods"};
const GroupVersionResource kJobs{"batch", "v1", "jobs"};

TEST(ResourceName, PathsAreThoseOfTheApi) {
  const struct {
    ObjectName name;
    const char* path;
  } kTable[] = {
      {{kPods, "", "", ""}, "/api/v1/pods"},
      {{kPods, "a", "", ""}, "/api/v1/namespaces/a/pods"},
      {{kPods, "a", "web-0", "log"}, "/api/v1/namespaces/a/pods/web-0/log"},
      {{kJobs, "a", "train", "status"}, "/apis/batch/v1/namespaces/a/jobs/train/status"},
      {{{"", "v1", "nodes"}, "", "node-1", ""}, "/api/v1/nodes/node-1"},
      {{{"rbac.authorization.k8s.io", "v1", "clusterroles"}, "", "system:node", ""},
       "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode"},
  };
  for (const auto& row : kTable) {
    const Result<std::string> path = PathOf(row.name);
    ASSERT_TRUE(path.ok()) << path.status().ToString();
    EXPECT_EQ(*path, row.path);
  }
}

TEST(ResourceName, NoNameLeadsToAnotherObject) {
  for (const char* name : {"..", ".", "a/b", "../secrets/x", "a%2fb", "a b", "a\nb"}) {
    EXPECT_FALSE(PathOf({kPods, "a", name, ""}).ok()) << name;
    EXPECT_FALSE(PathOf({kPods, name, "x", ""}).ok()) << name;
    const Request request = GetRequest({kPods, "a", name, ""});
    EXPECT_EQ(request.problem.code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(PathOf({kPods, "a", std::string(600, 'x'), ""}).ok());
  EXPECT_FALSE(PathOf({kPods, "a", "", "status"}).ok());
  EXPECT_FALSE(PathOf({{"", "v1", ""}, "a", "", ""}).ok());
}

TEST(Request, AListCarriesItsSelectorsAndPage) {
  const Request first =
      ListRequest(kPods, "a", {.label_selector = "app=web,tier!=t", .resource_version = "0"});
  EXPECT_EQ(first.Target(),
            "/api/v1/namespaces/a/pods?labelSelector=app%3Dweb%2Ctier%21%3Dt&limit=500&resourceVersion=0");
  const Request next =
      ListRequest(kPods, "", {.resource_version = "5", .limit = 10, .continue_token = "t=="});
  EXPECT_EQ(next.Target(), "/api/v1/pods?limit=10&continue=t%3D%3D");
}

TEST(Request, AnApplyNamesItsManager) {
  const Request request =
      ApplyRequest({kJobs, "a", "x", ""}, {{"kind", "Job"}}, {.field_manager = "me", .force = true});
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.content_type, "application/apply-patch+yaml");
  EXPECT_EQ(request.Target(), "/apis/batch/v1/namespaces/a/jobs/x?fieldManager=me&force=true");
  EXPECT_TRUE(request.idempotent);
  EXPECT_FALSE(ApplyRequest({kJobs, "a", "x", ""}, Json::object(), {.field_manager = ""}).problem.ok());
}

TEST(Request, WhatTakesEffectTwiceIsNotSentTwice) {
  const ObjectName name{kPods, "a", "x", ""};
  EXPECT_FALSE(CreateRequest(kPods, "a", Json::object()).idempotent);
  EXPECT_FALSE(PatchRequest(name, PatchType::kJson, Json::array()).idempotent);
  EXPECT_TRUE(PatchRequest(name, PatchType::kMerge, Json::object()).idempotent);
  EXPECT_TRUE(ReplaceRequest(name, Json::object()).idempotent);
  EXPECT_TRUE(DeleteRequest(name).idempotent);
}

TEST(Request, ABodyOfAnotherFormIsRefusedBeforeItIsSent) {
  EXPECT_FALSE(CreateRequest(kPods, "a", Json::array()).problem.ok());
  EXPECT_FALSE(PatchRequest({kPods, "a", "x", ""}, PatchType::kJson, Json::object()).problem.ok());
  EXPECT_FALSE(ReplaceRequest({kPods, "a", "", ""}, Json::object()).problem.ok());
  EXPECT_FALSE(RawRequest("version").problem.ok());
  EXPECT_FALSE(RawRequest("/a b").problem.ok());
  EXPECT_TRUE(RawRequest("/openapi/v3?x=1").problem.ok());
}

TEST(Request, ADeleteCarriesItsPreconditions) {
  const Request request = DeleteRequest(
      {kPods, "a", "x", ""},
      {.propagation = Propagation::kForeground, .uid = "u", .resource_version = "7", .grace_seconds = 0});
  const Json expected = {{"apiVersion", "v1"},
                         {"kind", "DeleteOptions"},
                         {"propagationPolicy", "Foreground"},
                         {"gracePeriodSeconds", 0},
                         {"preconditions", {{"uid", "u"}, {"resourceVersion", "7"}}}};
  EXPECT_EQ(ParseJson(request.body).value(), expected);
}

TEST(Request, AnApiVersionIsSplitAndJoined) {
  EXPECT_EQ(ParseApiVersion("batch/v1", "Job").value(), (GroupVersionKind{"batch", "v1", "Job"}));
  EXPECT_EQ(ParseApiVersion("v1", "Pod").value().ApiVersion(), "v1");
  EXPECT_FALSE(ParseApiVersion("", "Pod").ok());
  EXPECT_FALSE(ParseApiVersion("/v1", "Pod").ok());
  EXPECT_FALSE(ParseApiVersion("a/b/c", "Pod").ok());
}

}  // namespace
}  // namespace millrace::kube
