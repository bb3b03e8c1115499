#include "cluster_test.h"

#include <cstdlib>
#include <thread>

#include "base/id.h"
#include "resource/crd.h"
#include "resource/kind.h"

namespace millrace::cluster {
namespace {

const kube::GroupVersionResource kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions"};

// Removes the kinds that were installed, when all tests are done.
class InstalledKinds : public testing::Environment {
 public:
  void TearDown() override {
    const char* path = std::getenv("MILLRACE_TEST_KUBECONFIG");
    if (path == nullptr || names.empty()) return;
    auto client = kube::Client::Create({.config = kube::LoadKubeconfig({.paths = path}).value()});
    for (const std::string& name : names) {
      EXPECT_TRUE((*client)->Delete({kDefinitions, "", name, ""}).ok()) << name;
    }
  }

  std::vector<std::string> names;
  bool done = false;
};

InstalledKinds& Installed() {
  static auto* environment = new InstalledKinds;  // gtest owns it
  return *environment;
}

const testing::Environment* const kInstalled = testing::AddGlobalTestEnvironment(&Installed());

}  // namespace

void InstallKinds(kube::Client& client) {
  if (Installed().done) return;
  for (const resource::Kind& kind : resource::Kinds()) {
    const Json definition = resource::CustomResourceDefinition(kind);
    const std::string name = definition.at("metadata").at("name");
    if (!client.Get({kDefinitions, "", name, ""}).ok()) Installed().names.push_back(name);
    const auto applied = client.Apply({kDefinitions, "", name, ""}, definition, {.force = true});
    ASSERT_TRUE(applied.ok()) << applied.status().ToString();
  }
  for (const resource::Kind& kind : resource::Kinds()) {
    const kube::GroupVersionResource objects{std::string(resource::kGroup), std::string(resource::kVersion),
                                             kind.plural};
    ASSERT_TRUE(Eventually([&] { return client.List(objects, "").ok(); })) << kind.name;
  }
  Installed().done = true;
}

bool Eventually(const std::function<bool()>& holds, seconds within) {
  const auto deadline = steady_clock::now() + within;
  while (!holds()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

Json ConfigMap(const std::string& name, const Json& data) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}, {"data", data}};
}

std::unique_ptr<kube::Client> ClusterTest::NewClient(const kube::ClientConfig& config) const {
  auto client = kube::Client::Create({.config = config, .rate = 2000, .burst = 2000});
  EXPECT_TRUE(client.ok()) << client.status().ToString();
  return std::move(client).value();
}

void ClusterTest::SetUp() {
  const char* path = std::getenv("MILLRACE_TEST_KUBECONFIG");
  if (path == nullptr)
    GTEST_SKIP() << "MILLRACE_TEST_KUBECONFIG names no cluster; scripts/test_cluster.sh starts one";
  const auto config = kube::LoadKubeconfig({.paths = path});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  config_ = *config;
  client_ = NewClient(config_);
  const std::string name = "kube-test-" + RandomHex(5);
  const auto made = client_->Create(kNamespaces, "", {{"metadata", {{"name", name}}}});
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  ns_ = name;
}

void ClusterTest::TearDown() {
  if (ns_.empty()) return;
  if (has_things_) {
    EXPECT_TRUE(client_->Delete({kDefinitions, "", Things().ToString(), ""}).ok());
  }
  const auto deleted = client_->Delete({kNamespaces, "", ns_, ""});
  EXPECT_TRUE(deleted.ok()) << deleted.status().ToString();
}

void ClusterTest::InstallThings() {
  const Json schema = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  const Json version = {
      {"name", "v1"}, {"served", true}, {"storage", true}, {"schema", {{"openAPIV3Schema", schema}}}};
  const Json names = {
      {"plural", "things"}, {"singular", "thing"}, {"kind", "Thing"}, {"listKind", "ThingList"}};
  const Json definition = {{"apiVersion", "apiextensions.k8s.io/v1"},
                           {"kind", "CustomResourceDefinition"},
                           {"metadata", {{"name", Things().ToString()}}},
                           {"spec",
                            {{"group", Things().group},
                             {"scope", "Namespaced"},
                             {"names", names},
                             {"versions", Json::array({version})}}}};
  const auto made = client_->Create(kDefinitions, "", definition);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  has_things_ = true;
  ASSERT_TRUE(Eventually([&] { return client_->List(Things(), ns_).ok(); }));
}

std::string ClusterTest::TokenOf(const std::string& service_account, bool may_read) {
  const kube::GroupVersionResource roles{"rbac.authorization.k8s.io", "v1", "roles"};
  const kube::GroupVersionResource bindings{"rbac.authorization.k8s.io", "v1", "rolebindings"};
  const kube::ApplyOptions force{.force = true};
  const auto apply = [&](const kube::GroupVersionResource& resource, const std::string& kind, Json object) {
    object["apiVersion"] = resource.ApiVersion();
    object["kind"] = kind;
    object["metadata"]["name"] = service_account;
    const auto applied = client_->Apply(Named(resource, service_account), object, force);
    EXPECT_TRUE(applied.ok()) << applied.status().ToString();
  };
  apply(kServiceAccounts, "ServiceAccount", Json::object());
  if (may_read) {
    apply(roles, "Role",
          {{"rules",
            {{{"apiGroups", {""}}, {"resources", {"configmaps"}}, {"verbs", {"get", "list", "watch"}}}}}});
    apply(bindings, "RoleBinding",
          {{"roleRef",
            {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", service_account}}},
           {"subjects", {{{"kind", "ServiceAccount"}, {"name", service_account}, {"namespace", ns_}}}}});
  }
  kube::ObjectName token = Named(kServiceAccounts, service_account);
  token.subresource = "token";
  const auto answer = client_->Do(kube::CreateSubresourceRequest(
      token,
      {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenRequest"}, {"spec", Json::object()}}));
  EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  return answer.ok() ? answer->at("status").at("token").get<std::string>() : "";
}

}  // namespace millrace::cluster
