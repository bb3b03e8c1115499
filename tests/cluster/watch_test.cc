// Watches, informers and leases against a real API server, through a proxy that
// cuts connections.
#include "kube/watch.h"

#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>

#include "base/id.h"
#include "cluster_test.h"
#include "cutting_proxy.h"
#include "kube/api_error.h"
#include "kube/informer.h"
#include "kube/internal/base64.h"
#include "kube/lease.h"

namespace millrace::cluster {
namespace {

using kube::Informer;
using kube::LeaderElector;
using kube::ObjectChange;

class WatchTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto proxy = CuttingProxy::Start(config_.server);
    ASSERT_TRUE(proxy.ok()) << proxy.status().ToString();
    proxy_ = std::move(*proxy);
    proxied_ = config_;
    proxied_.server = proxy_->url();
  }
  void Put(const std::string& name, const std::string& value) {
    const auto applied =
        client_->Apply(Named(kConfigMaps, name), ConfigMap(name, {{"v", value}}), {.force = true});
    ASSERT_TRUE(applied.ok()) << applied.status().ToString();
  }
  std::string Version() { return client_->List(kConfigMaps, ns_)->at("metadata").at("resourceVersion"); }

  std::unique_ptr<CuttingProxy> proxy_;
  kube::ClientConfig proxied_;
};

// What a handler saw, in order: "+a", "~a", "-a", "x a" for a tombstone.
class Seen {
 public:
  kube::ChangeHandler Handler() {
    return [this](const ObjectChange& change) {
      const char* what = change.now == nullptr   ? (change.tombstone ? "x" : "-")
                         : change.old == nullptr ? "+"
                                                 : "~";
      const std::lock_guard lock(mutex_);
      changes_.push_back(what + change.key.substr(change.key.find('/') + 1));
    };
  }
  int Count(const std::string& change) {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count(changes_.begin(), changes_.end(), change));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> changes_;
};

kube::InformerOptions ConfigMapsOf(const std::string& ns) {
  return {.resource = kConfigMaps,
          .ns = ns,
          .field_selector = "metadata.name!=kube-root-ca.crt",
          .indexes = {kube::IndexByNamespace(), kube::IndexByLabel("color")},
          .page_size = 2};
}

TEST_F(WatchTest, AWatchGoesOnWhereItsConnectionWasCut) {
  const auto client = NewClient(proxied_);
  std::mutex mutex;
  std::vector<std::string> names;
  const auto watch = kube::Watch::Start(
      *client, {.resource = kConfigMaps, .ns = ns_, .resource_version = Version()},
      [&](const kube::WatchEvent& event) {
        const std::lock_guard lock(mutex);
        if (event.type == kube::WatchEventType::kAdded)
          names.push_back(event.object.at("metadata").at("name"));
      },
      [](const Status& why) { ADD_FAILURE() << why.ToString(); });
  const auto seen = [&](const std::string& name) {
    return Eventually([&] {
      const std::lock_guard lock(mutex);
      return std::count(names.begin(), names.end(), name) == 1;
    });
  };
  Put("before", "1");
  EXPECT_TRUE(seen("before"));
  proxy_->Cut(false);
  Put("during", "1");
  proxy_->Accept();
  EXPECT_TRUE(seen("during"));
  EXPECT_TRUE(seen("before")) << "nothing comes twice";
  EXPECT_GE(proxy_->connections(), 2);
}

TEST_F(WatchTest, AVersionThatIsTooOldEndsTheWatch) {
  InstallThings();
  std::promise<Status> end;
  const auto watch = kube::Watch::Start(
      *client_, {.resource = Things(), .ns = ns_, .resource_version = "1"}, [](const kube::WatchEvent&) {},
      [&end](Status why) { end.set_value(std::move(why)); });
  auto future = end.get_future();
  ASSERT_EQ(future.wait_for(seconds(30)), std::future_status::ready);
  const Status why = future.get();
  EXPECT_TRUE(kube::IsExpired(why)) << why.ToString();
}

TEST_F(WatchTest, AKindThatIsNotThereEndsTheWatch) {
  std::promise<Status> end;
  const auto watch = kube::Watch::Start(
      *client_, {.resource = {"keda.example", "v1", "scaledobjects"}}, [](const kube::WatchEvent&) {},
      [&end](Status why) { end.set_value(std::move(why)); });
  EXPECT_EQ(end.get_future().get().code(), Code::kNotFound);
}

TEST_F(WatchTest, AnInformerFollowsEveryChange) {
  for (const char* name : {"a", "b", "c", "d", "e"}) Put(name, "1");
  Seen seen;
  const auto informer = Informer::Start(*client_, ConfigMapsOf(ns_));
  informer->AddHandler(seen.Handler());
  ASSERT_TRUE(informer->WaitForSync(steady_clock::now() + seconds(30)).ok());
  EXPECT_EQ(informer->Keys(),
            (std::vector<std::string>{ns_ + "/a", ns_ + "/b", ns_ + "/c", ns_ + "/d", ns_ + "/e"}));
  EXPECT_EQ(informer->Get(ns_, "a")->at("kind"), "ConfigMap");
  EXPECT_FALSE(informer->Get(ns_, "a")->at("metadata").contains("managedFields"));
  Put("a", "2");
  ASSERT_TRUE(client_->Delete(Named(kConfigMaps, "b")).ok());
  ASSERT_TRUE(client_
                  ->Patch(Named(kConfigMaps, "c"), kube::PatchType::kMerge,
                          {{"metadata", {{"labels", {{"color", "red"}}}}}})
                  .ok());
  EXPECT_TRUE(Eventually([&] { return seen.Count("~c") == 1; }));
  EXPECT_EQ(informer->Get(ns_, "a")->at("data").at("v"), "2");
  EXPECT_EQ(informer->Get(ns_, "b"), std::nullopt);
  EXPECT_EQ(informer->KeysByIndex("label:color", "red"), (std::vector<std::string>{ns_ + "/c"}));
  EXPECT_EQ(informer->ByIndex("namespace", ns_).size(), 4U);
  EXPECT_EQ(seen.Count("+a") + seen.Count("~a") + seen.Count("-b"), 3);
  Seen late;
  informer->AddHandler(late.Handler());
  EXPECT_TRUE(Eventually([&] { return late.Count("+e") == 1; })) << "a late handler sees what is there";
}

// Expired as HTTP 410: of a list, and of a page whose version etcd dropped. (A watch
// tells it inside its stream: AVersionThatIsTooOldEndsTheWatch.)
TEST_F(WatchTest, WhatEtcdHasCompactedIsExpired) {
  const char* etcd = std::getenv("MILLRACE_TEST_ETCD");
  if (etcd == nullptr) GTEST_SKIP() << "MILLRACE_TEST_ETCD names no etcd to compact";
  InstallThings();
  kube::ClientConfig etcd_config;
  etcd_config.server = etcd;
  const auto store = NewClient(etcd_config);
  kube::Request compact = kube::RawRequest("/v3/kv/compaction");
  compact.method = "POST";
  compact.body = FormatJson({{"revision", Version()}});
  const auto compacted = store->Do(compact);
  ASSERT_TRUE(compacted.ok()) << compacted.status().ToString();

  kube::Request past = kube::ListRequest(Things(), ns_, {.resource_version = "2"});
  past.query.emplace_back("resourceVersionMatch", "Exact");
  const Status gone = client_->Do(past).status();
  EXPECT_TRUE(kube::IsExpired(gone)) << gone.ToString();
  // What the server would have given as the next page of version 2.
  std::string start = "a";
  start += '\0';
  std::string token =
      kube::internal::EncodeBase64(FormatJson({{"v", "meta.k8s.io/v1"}, {"rv", 2}, {"start", start}}));
  while (token.ends_with('=')) token.pop_back();
  const Status page = client_->ListPages(Things(), ns_, {.limit = 1, .continue_token = token},
                                         [](const Json&) { return Ok(); });
  EXPECT_TRUE(kube::IsExpired(page)) << page.ToString();
  EXPECT_TRUE(client_->List(Things(), ns_, {.limit = 1}).ok());
}

TEST_F(WatchTest, WhatVanishesWhileNobodyWatchesIsTold) {
  for (const char* name : {"stays", "goes"}) Put(name, "1");
  const auto client = NewClient(proxied_);
  Seen seen;
  const auto informer = Informer::Start(*client, ConfigMapsOf(ns_));
  informer->AddHandler(seen.Handler());
  ASSERT_TRUE(informer->WaitForSync(steady_clock::now() + seconds(30)).ok());
  proxy_->Cut(false);
  ASSERT_TRUE(client_->Delete(Named(kConfigMaps, "goes")).ok());
  Put("comes", "1");
  Put("stays", "2");
  proxy_->Accept();
  EXPECT_TRUE(Eventually([&] { return seen.Count("+comes") == 1 && seen.Count("~stays") == 1; }));
  EXPECT_TRUE(Eventually([&] { return seen.Count("-goes") + seen.Count("xgoes") == 1; }));
  EXPECT_EQ(informer->size(), 2U);
}

// A server that has just started knows no changes of before: the watch's version is
// expired, and only a list can tell what vanished.
TEST_F(WatchTest, AnApiServerThatStartsAgainIsFoundAgain) {
  const char* restart = std::getenv("MILLRACE_TEST_RESTART_APISERVER");
  if (restart == nullptr) GTEST_SKIP() << "MILLRACE_TEST_RESTART_APISERVER names no command";
  for (const char* name : {"stays", "goes"}) Put(name, "1");
  const auto client = NewClient(proxied_);
  Seen seen;
  const auto informer = Informer::Start(*client, ConfigMapsOf(ns_));
  informer->AddHandler(seen.Handler());
  ASSERT_TRUE(informer->WaitForSync(steady_clock::now() + seconds(30)).ok());
  proxy_->Cut(false);
  ASSERT_TRUE(client_->Delete(Named(kConfigMaps, "goes")).ok());
  Put("stays", "2");
  ASSERT_EQ(std::system(restart), 0);
  const auto answers = [&] {
    return client_->Get(Named(kConfigMaps, "stays"), {.timeout = seconds(5)}).ok();
  };
  ASSERT_TRUE(Eventually(answers, seconds(120)));
  Put("comes", "1");
  proxy_->Accept();
  EXPECT_TRUE(
      Eventually([&] { return seen.Count("~stays") == 1 && seen.Count("+comes") == 1; }, seconds(60)));
  EXPECT_TRUE(Eventually([&] { return seen.Count("xgoes") == 1; })) << "told as a tombstone";
  EXPECT_GE(informer->lists(), 2);
  EXPECT_EQ(seen.Count("+stays"), 1);
  EXPECT_EQ(informer->size(), 2U);
}

TEST_F(WatchTest, AFailureToListIsShownAndMended) {
  kube::ClientConfig stranger = config_;
  stranger.certificate_pem = stranger.key_pem = "";
  stranger.token = TokenOf("stranger", false);
  const auto client = NewClient(stranger);
  const auto informer = Informer::Start(*client, ConfigMapsOf(ns_));
  EXPECT_TRUE(Eventually([&] { return informer->last_error().code() == Code::kPermissionDenied; }));
  EXPECT_FALSE(informer->HasSynced());
  TokenOf("stranger", true);
  EXPECT_TRUE(informer->WaitForSync(steady_clock::now() + seconds(60)).ok());
}

// Counts leaders; never two at once.
struct Throne {
  std::mutex mutex;
  std::string holder;
  std::vector<std::string> history;

  kube::LeaderCallbacks Callbacks(const std::string& name) {
    return {.on_started =
                [this, name] {
                  const std::lock_guard lock(mutex);
                  EXPECT_EQ(holder, "") << name << " began while another led";
                  holder = name;
                  history.push_back(name);
                },
            .on_stopped =
                [this, name](const Status&) {
                  const std::lock_guard lock(mutex);
                  EXPECT_EQ(holder, name);
                  holder = "";
                }};
  }
  bool Is(const std::string& name) {
    const std::lock_guard lock(mutex);
    return holder == name;
  }
};

kube::LeaderOptions Election(const std::string& ns, const std::string& identity) {
  return {.ns = ns,
          .name = "leader",
          .identity = identity,
          .lease_duration = seconds(4),
          .renew_deadline = milliseconds(2500),
          .retry_period = milliseconds(500)};
}

TEST_F(WatchTest, ALeaderThatStopsHandsOver) {
  const auto other = NewClient(config_);
  Throne throne;
  auto first = LeaderElector::Start(*client_, Election(ns_, "one"), throne.Callbacks("one")).value();
  ASSERT_TRUE(Eventually([&] { return throne.Is("one"); }));
  const auto second = LeaderElector::Start(*other, Election(ns_, "two"), throne.Callbacks("two")).value();
  ASSERT_TRUE(Eventually([&] { return second->leader() == "one"; }));
  EXPECT_TRUE(first->IsLeader());
  EXPECT_FALSE(second->IsLeader());
  first.reset();
  EXPECT_TRUE(Eventually([&] { return throne.Is("two"); }));
  EXPECT_TRUE(second->IsLeader());
  const Json lease = client_->Get(Named(kLeases, "leader")).value();
  EXPECT_EQ(lease.at("spec").at("holderIdentity"), "two");
  EXPECT_EQ(lease.at("spec").at("leaseTransitions"), 1);
}

TEST_F(WatchTest, ALeaderThatIsCutOffStopsBeforeAnotherLeads) {
  const auto cut_off = NewClient(proxied_);
  Throne throne;
  const auto first = LeaderElector::Start(*cut_off, Election(ns_, "one"), throne.Callbacks("one")).value();
  ASSERT_TRUE(Eventually([&] { return throne.Is("one"); }));
  const auto second = LeaderElector::Start(*client_, Election(ns_, "two"), throne.Callbacks("two")).value();
  proxy_->Hold(true);
  EXPECT_TRUE(Eventually([&] { return throne.Is("two"); }));
  EXPECT_FALSE(first->IsLeader());
  proxy_->Hold(false);
  EXPECT_TRUE(Eventually([&] { return first->leader() == "two"; }));
  EXPECT_TRUE(second->IsLeader());
}

TEST_F(WatchTest, ALeaseThatIsTakenIsLostAtOnce) {
  Throne throne;
  const auto first = LeaderElector::Start(*client_, Election(ns_, "one"), throne.Callbacks("one")).value();
  ASSERT_TRUE(Eventually([&] { return throne.Is("one"); }));
  const Json taken = {{"spec", {{"holderIdentity", "by-hand"}, {"leaseDurationSeconds", 60}}}};
  ASSERT_TRUE(client_->Patch(Named(kLeases, "leader"), kube::PatchType::kMerge, taken).ok());
  EXPECT_TRUE(Eventually([&] { return throne.Is(""); }));
  EXPECT_EQ(first->leader(), "by-hand");
}

TEST_F(WatchTest, PeriodsThatDoNotFitAreRefused) {
  kube::LeaderOptions options = Election(ns_, "one");
  options.renew_deadline = options.lease_duration;
  EXPECT_EQ(LeaderElector::Start(*client_, options, {}).status().code(), Code::kInvalidArgument);
  options = Election(ns_, "");
  EXPECT_EQ(LeaderElector::Start(*client_, options, {}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::cluster
