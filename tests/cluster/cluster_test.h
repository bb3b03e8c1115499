// ClusterTest: a fixture of tests that run against a real Kubernetes API server,
// the one of MILLRACE_TEST_KUBECONFIG. Without it they are skipped, and say so.
// Each test has a namespace of its own, deleted at the end.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "kube/client.h"

namespace millrace::cluster {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

inline const kube::GroupVersionResource kPods{"", "v1", "pods"};
inline const kube::GroupVersionResource kConfigMaps{"", "v1", "configmaps"};
inline const kube::GroupVersionResource kNamespaces{"", "v1", "namespaces"};
inline const kube::GroupVersionResource kServiceAccounts{"", "v1", "serviceaccounts"};
inline const kube::GroupVersionResource kDeployments{"apps", "v1", "deployments"};
inline const kube::GroupVersionResource kLeases{"coordination.k8s.io", "v1", "leases"};

// Waits until it holds; false at the deadline.
bool Eventually(const std::function<bool()>& holds, seconds within = seconds(30));

// Millrace's kinds, installed once for all tests of this process; what it installed
// is removed at its end.
void InstallKinds(kube::Client& client);

Json ConfigMap(const std::string& name, const Json& data = Json::object());

class ClusterTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A client of its own, of a changed configuration.
  std::unique_ptr<kube::Client> NewClient(const kube::ClientConfig& config) const;
  // What a service account of this namespace is known by; it may read ConfigMaps here if `may_read`.
  std::string TokenOf(const std::string& service_account, bool may_read);
  // A kind of this test's own, installed now: the server knows nothing of it from before.
  kube::GroupVersionResource Things() const { return {ns_ + ".test.millrace.dev", "v1", "things"}; }
  void InstallThings();
  kube::ObjectName Named(const kube::GroupVersionResource& resource, const std::string& name) const {
    return {resource, ns_, name, ""};
  }

  kube::ClientConfig config_;
  std::unique_ptr<kube::Client> client_;
  std::string ns_;
  bool has_things_ = false;
};

}  // namespace millrace::cluster
