// ResourceStore on a real API server: the same suite as on SQLite, and what only
// an API server with other writers can do to it.
#include "resource/kube_store.h"

#include <algorithm>

#include "base/id.h"
#include "cluster_test.h"
#include "cutting_proxy.h"
#include "resource/store_conformance.h"

namespace millrace::cluster {
namespace {

using resource::KubeStore;
using resource::Resource;
using resource::ResourceKey;

const kube::GroupVersionResource kSources{"millrace.dev", "v1alpha1", "datasources"};

// Two namespaces of its own; a Project belongs to the cluster, so what stands outside is not looked at.
class KubeSubstrate {
 public:
  KubeSubstrate() {
    const char* path = std::getenv("MILLRACE_TEST_KUBECONFIG");
    if (path == nullptr) return;
    client_ =
        std::move(kube::Client::Create(
                      {.config = kube::LoadKubeconfig({.paths = path}).value(), .rate = 2000, .burst = 2000}))
            .value();
    InstallKinds(*client_);
    const std::string name = "store-test-" + RandomHex(5);
    for (const std::string& ns : {name, name + "-b"}) {
      const auto made = client_->Create(kNamespaces, "", {{"metadata", {{"name", ns}}}});
      EXPECT_TRUE(made.ok()) << made.status().ToString();
      namespaces_.push_back(ns);
    }
  }
  ~KubeSubstrate() {
    for (const std::string& ns : namespaces_) {
      EXPECT_TRUE(client_->Delete({kNamespaces, "", ns, ""}).ok());
    }
  }

  std::string WhyNot() const {
    return client_ != nullptr
               ? ""
               : "MILLRACE_TEST_KUBECONFIG names no cluster; scripts/test_cluster.sh starts one";
  }
  std::unique_ptr<resource::ResourceStore> Open(resource::Auditor auditor) {
    auto store =
        KubeStore::Create({.client = client_.get(), .projects = namespaces_, .auditor = std::move(auditor)});
    EXPECT_TRUE(store.ok()) << store.status().ToString();
    return store.ok() ? std::move(*store) : nullptr;
  }
  std::string Project(int i) { return namespaces_.at(static_cast<size_t>(i)); }

 private:
  std::unique_ptr<kube::Client> client_;
  std::vector<std::string> namespaces_;
};

}  // namespace
}  // namespace millrace::cluster

namespace millrace::resource {
INSTANTIATE_TYPED_TEST_SUITE_P(Kube, StoreConformance, cluster::KubeSubstrate);
}  // namespace millrace::resource

namespace millrace::cluster {
namespace {

class KubeStoreTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    if (client_ != nullptr) InstallKinds(*client_);
  }

  std::unique_ptr<KubeStore> Open(resource::Auditor auditor = {}) {
    auto store =
        KubeStore::Create({.client = client_.get(), .projects = {ns_}, .auditor = std::move(auditor)});
    EXPECT_TRUE(store.ok()) << store.status().ToString();
    return store.ok() ? std::move(*store) : nullptr;
  }

  Resource Make(const std::string& kind, const std::string& name, Json spec) const {
    Resource resource;
    resource.kind = kind;
    resource.metadata.name = name;
    resource.metadata.project = ns_;
    resource.spec = std::move(spec);
    return resource;
  }
  Resource Source(const std::string& name) const { return Make("DataSource", name, resource::SourceJson()); }
  ResourceKey SourceKey(const std::string& name) const { return {"DataSource", ns_, name}; }

  // As another program writes it.
  void PatchByHand(const std::string& source, const Json& patch) {
    const auto done = client_->Patch(Named(kSources, source), kube::PatchType::kMerge, patch,
                                     {.field_manager = "somebody"});
    ASSERT_TRUE(done.ok()) << done.status().ToString();
  }
};

TEST_F(KubeStoreTest, LeavesAloneWhatOthersWroteAndWhatItHasNoFieldFor) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Source("a")).ok());
  const Json owner_map = client_->Create(kConfigMaps, ns_, ConfigMap("owner")).value();
  const Json owner = {{"apiVersion", "v1"},
                      {"kind", "ConfigMap"},
                      {"name", "owner"},
                      {"uid", owner_map.at("metadata").at("uid")},
                      {"blockOwnerDeletion", true}};
  PatchByHand("a", {{"metadata",
                     {{"ownerReferences", Json::array({owner})},
                      {"annotations", {{"example.com/note", "mine"}}},
                      {"labels", {{"team", "risk"}}}}},
                    {"spec", {{"timeZone", "Europe/Zurich"}}}});
  ASSERT_TRUE(Eventually([&] { return store->Get(SourceKey("a"))->metadata.labels.contains("team"); }));
  // Applied without a word of these, then changed, status and owners too.
  ASSERT_TRUE(store->Apply({Source("a")}).ok());
  Resource source = store->Get(SourceKey("a")).value();
  EXPECT_EQ(source.spec["timeZone"], "Europe/Zurich");
  source.metadata.finalizers = {"example.com/test"};
  source = store->Update(source).value();
  source.status = {{"rows", 3}};
  source = store->UpdateStatus(source).value();
  source.metadata.finalizers.clear();
  const Resource pool = store->Create(Make("ComputePool", "pool", Json::object())).value();
  source.metadata.owner_references.push_back({"ComputePool", "pool", pool.metadata.uid});
  source = store->Update(source).value();
  const Json object = client_->Get(Named(kSources, "a")).value();
  EXPECT_EQ(object.at("metadata").at("labels").at("team"), "risk");
  EXPECT_EQ(object.at("metadata").at("annotations").at("example.com/note"), "mine");
  EXPECT_EQ(object.at("spec").at("timeZone"), "Europe/Zurich");
  ASSERT_EQ(object.at("metadata").at("ownerReferences").size(), 2U);
  EXPECT_EQ(object.at("metadata").at("ownerReferences").at(0), owner);
  EXPECT_EQ(object.at("metadata").at("ownerReferences").at(1).at("apiVersion"), "millrace.dev/v1alpha1");
  EXPECT_EQ(object.at("status").at("rows"), 3);
}

TEST_F(KubeStoreTest, SeesWhatOthersCreateChangeAndDelete) {
  auto store = Open();
  const auto watch = store->StartWatch({.project = ns_}).value();
  Json object = Source("a").ToJson();
  object["metadata"].erase("namespace");
  ASSERT_TRUE(client_->Create(kSources, ns_, object).ok());
  PatchByHand("a", {{"spec", {{"lateness", "3d"}}}});
  ASSERT_TRUE(client_->Delete(Named(kSources, "a")).ok());
  for (const auto type :
       {resource::EventType::kAdded, resource::EventType::kModified, resource::EventType::kDeleted}) {
    const auto event = watch->Next(steady_clock::now() + seconds(30));
    ASSERT_TRUE(event.ok() && event->has_value());
    EXPECT_EQ((*event)->type, type);
  }
  EXPECT_EQ(store->Get(SourceKey("a")).status().code(), Code::kNotFound);
}

TEST_F(KubeStoreTest, AnUpdateWithoutAVersionWinsOverAnotherWriter) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Source("a")).ok());
  for (int round = 0; round < 20; ++round) {
    PatchByHand("a", {{"metadata", {{"labels", {{"round", std::to_string(round)}}}}}});
    // The mirror may not have that yet: the store asks the server and tries again.
    const Json patch = {{"spec", {{"lateness", fmt::format("{}h", round + 1)}}}};
    const auto patched = store->Patch(SourceKey("a"), patch);
    ASSERT_TRUE(patched.ok()) << patched.status().ToString();
    EXPECT_EQ(patched->spec["lateness"], fmt::format("{}h", round + 1));
    EXPECT_EQ(patched->metadata.labels["round"], std::to_string(round));
  }
}

TEST_F(KubeStoreTest, WhatTheServerRefusesIsToldInItsSentenceAndNotAudited) {
  int audited = 0;
  auto store = Open([&](const resource::Change&) {
    ++audited;
    return Ok();
  });
  Resource wrong = Source("a");
  wrong.spec["lateness"] = "7 days";
  for (const Status& refused : {store->Create(wrong).status(), store->Apply({Source("b"), wrong}).status()}) {
    EXPECT_EQ(refused.code(), Code::kInvalidArgument);
    EXPECT_NE(refused.message().find("'7 days'"), std::string::npos) << refused.message();
  }
  EXPECT_EQ(audited, 0);
  EXPECT_EQ(store->Get(SourceKey("b")).status().code(), Code::kNotFound)
      << "asked before anything is written";
}

TEST_F(KubeStoreTest, AnApplyThatIsCutShortSaysWhatWasWritten) {
  int audited = 0;
  // Somebody else changes the second one after all was found well.
  auto store = Open([&](const resource::Change&) {
    if (++audited == 3) PatchByHand("b", {{"metadata", {{"labels", {{"by", "hand"}}}}}});
    return Ok();
  });
  Resource second = store->Create(Source("b")).value();
  second.spec["lateness"] = "5d";
  second.metadata.project = ns_;
  const auto applied = store->Apply({Source("a"), second});
  EXPECT_EQ(applied.status().code(), Code::kConflict);
  EXPECT_NE(applied.status().message().find(fmt::format(
                "DataSource {0}/b stopped the rest, but DataSource {0}/a had been written before; "
                "apply all of it again",
                ns_)),
            std::string::npos)
      << applied.status().message();
  EXPECT_TRUE(store->Get(SourceKey("a")).ok());
}

TEST_F(KubeStoreTest, LooksAfterItsProjectsAlone) {
  auto store = Open();
  Resource elsewhere = Source("a");
  elsewhere.metadata.project = "default";
  EXPECT_EQ(store->Create(elsewhere).status().code(), Code::kPermissionDenied);
  EXPECT_EQ(store->Apply({elsewhere}).status().code(), Code::kPermissionDenied);
  EXPECT_EQ(store->Delete(elsewhere.Key()).status().message(),
            "DataSource a: this Millrace looks after other projects alone");
}

TEST_F(KubeStoreTest, SaysThatItMayNotList) {
  kube::ClientConfig config = config_;
  config.token = TokenOf("stranger", false);
  config.certificate_pem.clear();
  config.key_pem.clear();
  const auto stranger = NewClient(config);
  const auto store =
      KubeStore::Create({.client = stranger.get(), .projects = {ns_}, .sync_timeout = milliseconds(2000)});
  EXPECT_EQ(store.status().code(), Code::kDeadlineExceeded);
  EXPECT_NE(store.status().message().find("cannot list resource"), std::string::npos)
      << store.status().message();
}

TEST_F(KubeStoreTest, AnOwnWriteIsReadThoughTheWatchWasCut) {
  auto proxy = CuttingProxy::Start(config_.server);
  ASSERT_TRUE(proxy.ok()) << proxy.status().ToString();
  kube::ClientConfig proxied = config_;
  proxied.server = (*proxy)->url();
  const auto client = NewClient(proxied);
  auto store = KubeStore::Create({.client = client.get(), .projects = {ns_}});
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  ASSERT_TRUE((*store)->Create(Source("a")).ok());
  for (int round = 1; round <= 10; ++round) {
    const std::string lateness = fmt::format("{}h", round);
    const auto written = (*store)->Patch(SourceKey("a"), {{"spec", {{"lateness", lateness}}}});
    ASSERT_TRUE(written.ok()) << written.status().ToString();
    (*proxy)->Cut(true);
    EXPECT_EQ((*store)->Get(SourceKey("a"))->spec["lateness"], lateness);
  }
}

TEST_F(KubeStoreTest, AWriterThatMayNotIsStopped) {
  bool may = true;
  auto store = KubeStore::Create({.client = client_.get(), .projects = {ns_}, .may_write = [&] {
                                    return may ? Ok() : Unavailable("the lease is not ours any more");
                                  }});
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  ASSERT_TRUE((*store)->Create(Source("a")).ok());
  may = false;
  for (const Status& refused :
       {(*store)->Create(Source("b")).status(), (*store)->Apply({Source("b")}).status(),
        (*store)->Patch(SourceKey("a"), {{"spec", {{"lateness", "2h"}}}}).status(),
        (*store)->PatchStatus(SourceKey("a"), {{"status", {{"rows", 1}}}}).status(),
        (*store)->Delete(SourceKey("a")).status()}) {
    EXPECT_EQ(refused.message(), "the lease is not ours any more");
  }
  EXPECT_EQ((*store)->List({.project = ns_})->items.size(), 1U);
}

TEST_F(KubeStoreTest, AVersionOfAnotherProcessIsExpired) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Source("a")).ok());
  const std::string version = store->List({})->resource_version;
  EXPECT_TRUE(store->StartWatch({.resource_version = version}).ok());
  store = Open();
  EXPECT_TRUE(resource::IsExpired(store->StartWatch({.resource_version = version}).status()));
}

}  // namespace
}  // namespace millrace::cluster
