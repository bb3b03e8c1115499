#include "kube/discovery.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::kube {
namespace {

TEST(Discovery, AResourceListTellsKindsAndTheirSubresources) {
  const Json list = ParseJson(R"({"kind":"APIResourceList","groupVersion":"apps/v1","resources":[
    {"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["get","list"],"shortNames":["deploy"]},
    {"name":"deployments/scale","kind":"Scale","namespaced":true,"verbs":["get"]},
    {"name":"deployments/status","kind":"Deployment","namespaced":true,"verbs":["get"]},
    {"name":"things","kind":"Thing","namespaced":false,"verbs":[]}, 7, {}]})")
                        .value();
  const std::vector<ApiResource> resources = ParseResourceList(list).value();
  ASSERT_EQ(resources.size(), 2U);
  EXPECT_EQ(resources[0].resource, (GroupVersionResource{"apps", "v1", "deployments"}));
  EXPECT_TRUE(resources[0].namespaced && resources[0].has_scale && resources[0].has_status);
  EXPECT_TRUE(resources[0].Can("list"));
  EXPECT_FALSE(resources[0].Can("delete"));
  EXPECT_FALSE(resources[1].namespaced || resources[1].has_scale || resources[1].has_status);
}

TEST(Discovery, ThePreferredVersionComesFirst) {
  const Json list =
      ParseJson(R"({"groups":[{"name":"autoscaling","versions":[{"version":"v1"},{"version":"v2"}],
    "preferredVersion":{"version":"v2"}},{"name":"x"}]})")
          .value();
  const auto groups = ParseGroups(list).value();
  EXPECT_EQ(groups.at("autoscaling"), (std::vector<std::string>{"v2", "v1"}));
  EXPECT_EQ(ParseGroups({{"versions", {"v1"}}}).value().at(""), (std::vector<std::string>{"v1"}));
}

TEST(Discovery, AnswersOfAnotherFormAreRefused) {
  for (const char* text : {"7", "{}", R"({"resources":7})", R"({"groups":{}})"}) {
    EXPECT_FALSE(ParseResourceList(ParseJson(text).value()).ok()) << text;
    EXPECT_FALSE(ParseGroups(ParseJson(text).value()).ok()) << text;
  }
}

}  // namespace
}  // namespace millrace::kube
