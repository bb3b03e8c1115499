// The client against a real API server: verbs, errors, paging, identities.
#include <atomic>
#include <future>

#include "base/file.h"
#include "cluster_test.h"
#include "kube/api_error.h"
#include "kube/discovery.h"
#include "kube/events.h"
#include "kube/internal/server_url.h"

namespace millrace::cluster {
namespace {

using kube::ClientConfig;

TEST_F(ClusterTest, AnObjectIsMadeReadChangedAndDeleted) {
  const auto made = client_->Create(kConfigMaps, ns_, ConfigMap("a", {{"x", "1"}}));
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(client_->Create(kConfigMaps, ns_, ConfigMap("a")).status().code(), Code::kAlreadyExists);

  Json object = client_->Get(Named(kConfigMaps, "a")).value();
  object["data"]["x"] = "2";
  const auto replaced = client_->Replace(Named(kConfigMaps, "a"), object);
  ASSERT_TRUE(replaced.ok()) << replaced.status().ToString();
  // The version in `object` is no longer the newest: another writer was first.
  EXPECT_EQ(client_->Replace(Named(kConfigMaps, "a"), object).status().code(), Code::kConflict);

  ASSERT_TRUE(
      client_->Patch(Named(kConfigMaps, "a"), kube::PatchType::kMerge, {{"data", {{"y", "3"}}}}).ok());
  const Json operations = {{{"op", "test"}, {"path", "/data/x"}, {"value", "2"}},
                           {{"op", "remove"}, {"path", "/data/x"}}};
  const auto patched = client_->Patch(Named(kConfigMaps, "a"), kube::PatchType::kJson, operations);
  ASSERT_TRUE(patched.ok()) << patched.status().ToString();
  EXPECT_EQ(patched->at("data"), (Json{{"y", "3"}}));

  EXPECT_EQ(client_->Delete(Named(kConfigMaps, "a"), {.uid = "another"}).status().code(), Code::kConflict);
  EXPECT_TRUE(client_->Delete(Named(kConfigMaps, "a")).ok());
  EXPECT_EQ(client_->Get(Named(kConfigMaps, "a")).status().code(), Code::kNotFound);
}

TEST_F(ClusterTest, AnInvalidObjectIsRefusedWithEveryCause) {
  Json deployment = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "web"}}},
      {"spec",
       {{"replicas", -1},
        {"selector", {{"matchLabels", {{"app", "web"}}}}},
        {"template",
         {{"metadata", {{"labels", {{"app", "other"}}}}}, {"spec", {{"containers", Json::array()}}}}}}}};
  const Status status = client_->Create(kDeployments, ns_, deployment).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  for (const char* field :
       {"spec.replicas", "spec.template.metadata.labels", "spec.template.spec.containers"}) {
    EXPECT_NE(status.message().find(field), std::string::npos) << status.message();
  }
}

TEST_F(ClusterTest, TwelveHundredObjectsAreListedInPages) {
  constexpr int kObjects = 1200;
  const auto all = std::make_shared<std::promise<void>>();  // outlives set_value
  std::atomic<int> left = kObjects;
  std::atomic<int> failed = 0;
  for (int i = 0; i < kObjects; ++i) {
    client_->DoAsync(kube::CreateRequest(kConfigMaps, ns_, ConfigMap(fmt::format("c-{:04}", i)), {},
                                         {.timeout = std::chrono::minutes(3)}),
                     [&, all](const Result<Json>& made) {
                       if (!made.ok()) ++failed;
                       if (--left == 0) all->set_value();
                     });
  }
  all->get_future().wait();
  EXPECT_EQ(failed, 0);
  std::vector<std::string> names;
  int pages = 0;
  const auto collect = [&](const Json& page) {
    ++pages;
    EXPECT_LE(page.at("items").size(), 250U);
    for (const Json& item : page.at("items")) names.push_back(item.at("metadata").at("name"));
    return Ok();
  };
  const auto options = kube::ListOptions{.field_selector = "metadata.name!=kube-root-ca.crt", .limit = 250};
  ASSERT_TRUE(client_->ListPages(kConfigMaps, ns_, options, collect).ok());
  EXPECT_EQ(names.size(), kObjects);
  EXPECT_EQ(pages, 5);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  const auto deleted = client_->Do(kube::DeleteCollectionRequest(kConfigMaps, ns_, {}));
  EXPECT_TRUE(deleted.ok()) << deleted.status().ToString();
}

TEST_F(ClusterTest, AnApplyConflictNamesTheOtherManagerAndItsField) {
  const Json mine = ConfigMap("shared", {{"a", "1"}, {"b", "1"}});
  ASSERT_TRUE(client_->Apply(Named(kConfigMaps, "shared"), mine, {.field_manager = "alice"}).ok());
  const Json theirs = ConfigMap("shared", {{"a", "2"}});
  const Status status =
      client_->Apply(Named(kConfigMaps, "shared"), theirs, {.field_manager = "bob"}).status();
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_NE(status.message().find(".data.a is managed by \"alice\""), std::string::npos) << status.message();
  const auto forced =
      client_->Apply(Named(kConfigMaps, "shared"), theirs, {.field_manager = "bob", .force = true});
  ASSERT_TRUE(forced.ok()) << forced.status().ToString();
  EXPECT_EQ(forced->at("data"), (Json{{"a", "2"}, {"b", "1"}}));
}

TEST_F(ClusterTest, StatusAndScaleAreSubresources) {
  const Json deployment = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "web"}}},
      {"spec",
       {{"replicas", 0},
        {"selector", {{"matchLabels", {{"app", "web"}}}}},
        {"template",
         {{"metadata", {{"labels", {{"app", "web"}}}}},
          {"spec", {{"containers", {{{"name", "main"}, {"image", "localhost/none:1"}}}}}}}}}}};
  ASSERT_TRUE(client_->Create(kDeployments, ns_, deployment).ok());
  EXPECT_EQ(client_->GetScale(Named(kDeployments, "web")).value(), 0);
  ASSERT_TRUE(client_->SetScale(Named(kDeployments, "web"), 2).ok());
  EXPECT_EQ(client_->GetScale(Named(kDeployments, "web")).value(), 2);

  kube::ObjectName pod = Named(kPods, "p");
  ASSERT_TRUE(Eventually([&] { return client_->Get(Named(kServiceAccounts, "default")).ok(); }));
  const Json spec = {{"containers", {{{"name", "main"}, {"image", "localhost/none:1"}}}},
                     {"schedulerName", "none"}};
  const auto made = client_->Create(kPods, ns_, {{"metadata", {{"name", "p"}}}, {"spec", spec}});
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  pod.subresource = "status";
  const auto patched = client_->Patch(pod, kube::PatchType::kMerge, {{"status", {{"reason", "Tried"}}}});
  ASSERT_TRUE(patched.ok()) << patched.status().ToString();
  EXPECT_EQ(client_->Get(Named(kPods, "p"))->at("status").at("reason"), "Tried");
}

TEST_F(ClusterTest, ARotatedTokenFileIsFollowed) {
  const std::string reader = TokenOf("reader", true);
  const std::string stranger = TokenOf("stranger", false);
  TempDirectory directory;
  ClientConfig config = config_;
  config.certificate_pem = config.key_pem = "";
  config.token_file = directory.path() + "/token";
  ASSERT_TRUE(WriteFileAtomically(config.token_file, reader + "\n").ok());
  const auto client = NewClient(config);
  // The API server's own cache of roles takes a moment.
  EXPECT_TRUE(Eventually([&] { return client->List(kConfigMaps, ns_).ok(); }));
  ASSERT_TRUE(WriteFileAtomically(config.token_file, stranger).ok());
  const Status forbidden = client->List(kConfigMaps, ns_).status();
  EXPECT_EQ(forbidden.code(), Code::kPermissionDenied);
  EXPECT_NE(forbidden.message().find("list configmaps in namespace"), std::string::npos)
      << forbidden.message();
  ASSERT_TRUE(WriteFileAtomically(config.token_file, "no-token-at-all").ok());
  EXPECT_EQ(client->List(kConfigMaps, ns_).status().code(), Code::kUnauthenticated);
  ASSERT_TRUE(WriteFileAtomically(config.token_file, reader).ok());
  EXPECT_TRUE(client->List(kConfigMaps, ns_).ok());
}

TEST_F(ClusterTest, APodsOwnIdentityIsUsed) {
  TempDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory.path() + "/token", TokenOf("reader", true)).ok());
  ASSERT_TRUE(WriteFileAtomically(directory.path() + "/ca.crt", config_.ca_pem).ok());
  ASSERT_TRUE(WriteFileAtomically(directory.path() + "/namespace", ns_).ok());
  const auto url = kube::internal::ParseServerUrl(config_.server).value();
  const auto config =
      kube::LoadInCluster({.directory = directory.path(), .host = url.host, .port = url.port});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  const auto client = NewClient(*config);
  EXPECT_TRUE(Eventually([&] { return client->List(kConfigMaps, config->ns).ok(); }));
}

TEST_F(ClusterTest, ACredentialPluginIsRunAndRunAgainAfterItsTokenWasRefused) {
  TempDirectory directory;
  const std::string token_file = directory.path() + "/token";
  ASSERT_TRUE(WriteFileAtomically(token_file, "stale").ok());
  ClientConfig config = config_;
  config.certificate_pem = config.key_pem = "";
  config.exec = kube::ExecPlugin{
      .command = "sh",
      .args = {"-c",
               "echo run >> $RUNS; printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\","
               "\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s\"}}' \"$(cat $FILE)\""},
      .env = {{"FILE", token_file}, {"RUNS", directory.path() + "/runs"}},
      .api_version = "client.authentication.k8s.io/v1",
      .provide_cluster_info = false,
      .install_hint = ""};
  const auto client = NewClient(config);
  EXPECT_EQ(client->List(kConfigMaps, ns_).status().code(), Code::kUnauthenticated);
  ASSERT_TRUE(WriteFileAtomically(token_file, TokenOf("reader", true)).ok());
  EXPECT_TRUE(Eventually([&] { return client->List(kConfigMaps, ns_).ok(); }));
  const std::string runs = ReadFile(directory.path() + "/runs").value();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(client->List(kConfigMaps, ns_).ok());
  EXPECT_EQ(ReadFile(directory.path() + "/runs").value(), runs) << "a good credential is kept";
}

TEST_F(ClusterTest, CertificatesInFilesAreFollowed) {
  TempDirectory directory;
  ClientConfig config = config_;
  config.ca_file = directory.path() + "/ca.crt";
  config.certificate_file = directory.path() + "/client.crt";
  config.key_file = directory.path() + "/client.key";
  config.ca_pem = config.certificate_pem = config.key_pem = "";
  const auto write = [&](const std::string& path, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(path, text, 0600).ok());
  };
  const auto client = NewClient(config);
  const kube::ObjectName any{kNamespaces, "", "default", ""};
  EXPECT_EQ(client->Get(any).status().code(), Code::kNotFound) << "the files are not there yet";
  write(config.ca_file, config_.ca_pem);
  write(config.key_file, config_.key_pem);
  write(config.certificate_file, "no certificate");
  const Status wrong = client->Get(any).status();
  EXPECT_EQ(wrong.code(), Code::kInvalidArgument);
  EXPECT_NE(wrong.message().find("the client certificate cannot be used"), std::string::npos)
      << wrong.message();
  write(config.certificate_file, config_.certificate_pem);
  EXPECT_TRUE(client->Get(any).ok());
  write(config.certificate_file, config_.certificate_pem + "\n");  // renewed: connections begin anew
  EXPECT_TRUE(client->Get(any).ok());
  write(config.ca_file, config_.certificate_pem);  // an authority that did not sign the server's
  EXPECT_EQ(client->Get(any).status().code(), Code::kFailedPrecondition);
}

TEST_F(ClusterTest, AServerThatCannotProveItselfIsNotTalkedTo) {
  ClientConfig other_name = config_;
  other_name.server_name = "another.example";
  const Status name = NewClient(other_name)->Get({kNamespaces, "", "default", ""}).status();
  EXPECT_EQ(name.code(), Code::kFailedPrecondition) << name.ToString();
  ClientConfig system = config_;
  system.ca_pem = system.ca_file = "";
  const Status authority = NewClient(system)->Get({kNamespaces, "", "default", ""}).status();
  EXPECT_EQ(authority.code(), Code::kFailedPrecondition) << authority.ToString();
  ClientConfig insecure = system;
  insecure.insecure = true;
  EXPECT_TRUE(NewClient(insecure)->Get({kNamespaces, "", "default", ""}).ok());
}

TEST_F(ClusterTest, NobodyListensIsUnavailableAtTheDeadline) {
  ClientConfig nowhere = config_;
  nowhere.server = "https://127.0.0.1:1";
  const Status status =
      NewClient(nowhere)->Get({kNamespaces, "", "default", ""}, {.timeout = milliseconds(500)}).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("nothing listens at 127.0.0.1:1"), std::string::npos) << status.message();
}

TEST_F(ClusterTest, AnImpersonatedUserHasItsOwnRights) {
  ClientConfig config = config_;
  config.impersonate_user = "bob";
  config.impersonate_groups = {"team-a", "team-b"};
  const Status status = NewClient(config)->List(kConfigMaps, ns_).status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_NE(status.message().find("\"bob\""), std::string::npos) << status.message();
}

// The server's own fairness has one seat for a user, and turns the user's other calls
// away with 429 and Retry-After.
TEST_F(ClusterTest, CallsThatAreTurnedAwayAreSentAgain) {
  const kube::GroupVersionResource levels{"flowcontrol.apiserver.k8s.io", "v1",
                                          "prioritylevelconfigurations"};
  const kube::GroupVersionResource schemas{"flowcontrol.apiserver.k8s.io", "v1", "flowschemas"};
  const Json limited = {
      {"nominalConcurrencyShares", 0}, {"borrowingLimitPercent", 0}, {"limitResponse", {{"type", "Reject"}}}};
  const Json level = {{"metadata", {{"name", ns_}}}, {"spec", {{"type", "Limited"}, {"limited", limited}}}};
  const Json rule = {
      {"subjects", {{{"kind", "User"}, {"user", {{"name", ns_}}}}}},
      {"resourceRules",
       {{{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}, {"namespaces", {"*"}}}}}};
  const Json schema = {{"metadata", {{"name", ns_}}},
                       {"spec",
                        {{"matchingPrecedence", 2},
                         {"priorityLevelConfiguration", {{"name", ns_}}},
                         {"rules", Json::array({rule})}}}};
  const auto level_made = client_->Create(levels, "", level);
  ASSERT_TRUE(level_made.ok()) << level_made.status().ToString();
  const auto schema_made = client_->Create(schemas, "", schema);
  ASSERT_TRUE(schema_made.ok()) << schema_made.status().ToString();

  ClientConfig config = config_;
  config.impersonate_user = ns_;  // may do nothing: what is not turned away is forbidden
  const auto client = NewClient(config);
  const auto turned_away = [&] {
    const std::string metrics = client_->Raw("/metrics").value_or("");
    return metrics.find("apiserver_flowcontrol_rejected_requests_total{flow_schema=\"" + ns_) !=
           std::string::npos;
  };
  std::atomic<int> others = 0;
  const auto burst = [&] {
    std::atomic<int> left = 60;
    const auto all = std::make_shared<std::promise<void>>();  // outlives set_value
    for (int i = 0; i < 60; ++i) {
      client->DoAsync(kube::GetRequest(Named(kConfigMaps, "a"), {.timeout = seconds(60)}),
                      [&, all](const Result<Json>& answer) {
                        if (answer.status().code() != Code::kPermissionDenied) ++others;
                        if (--left == 0) all->set_value();
                      });
    }
    all->get_future().wait();
  };
  EXPECT_TRUE(Eventually([&] {
    burst();
    return turned_away();
  }));
  EXPECT_EQ(others, 0) << "each got through in the end";
  EXPECT_TRUE(client_->Delete({schemas, "", ns_, ""}).ok());
  EXPECT_TRUE(client_->Delete({levels, "", ns_, ""}).ok());
}

TEST_F(ClusterTest, TokensAndRightsAreReviewed) {
  const Json review = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", {{"token", TokenOf("reader", true)}}}};
  const auto identity = client_->Create({"authentication.k8s.io", "v1", "tokenreviews"}, "", review);
  ASSERT_TRUE(identity.ok()) << identity.status().ToString();
  const std::string user = identity->at("status").at("user").at("username");
  EXPECT_EQ(user, "system:serviceaccount:" + ns_ + ":reader");
  const auto allowed = [&](const std::string& verb) {
    const Json access = {
        {"apiVersion", "authorization.k8s.io/v1"},
        {"kind", "SubjectAccessReview"},
        {"spec",
         {{"user", user},
          {"resourceAttributes", {{"namespace", ns_}, {"verb", verb}, {"resource", "configmaps"}}}}}};
    const auto answer = client_->Create({"authorization.k8s.io", "v1", "subjectaccessreviews"}, "", access);
    return answer.ok() && answer->at("status").at("allowed") == true;
  };
  EXPECT_TRUE(Eventually([&] { return allowed("list"); }));
  EXPECT_FALSE(allowed("delete"));
}

TEST_F(ClusterTest, DiscoveryTellsWhatIsThereAndFindsWhatIsInstalledLater) {
  kube::Discovery discovery(*client_, {.miss_interval = milliseconds(0)});
  const auto jobs = discovery.Find({"batch", "v1", "Job"});
  ASSERT_TRUE(jobs.ok()) << jobs.status().ToString();
  EXPECT_EQ(jobs->resource, (kube::GroupVersionResource{"batch", "v1", "jobs"}));
  EXPECT_TRUE(jobs->namespaced && jobs->has_status && jobs->Can("deletecollection"));
  EXPECT_EQ(discovery.Versions("autoscaling").value().front(), "v2");
  EXPECT_NE(discovery.Find({"apps", "v1", "Deploymnet"}).status().message().find("Deployment"),
            std::string::npos);

  const kube::GroupVersionKind thing{Things().group, "v1", "Thing"};
  EXPECT_FALSE(discovery.Has(thing).value());
  InstallThings();
  EXPECT_TRUE(Eventually([&] { return discovery.Has(thing).value_or(false); }));
}

TEST_F(ClusterTest, RemarksBecomeEventsWithASeries) {
  const Json object = client_->Create(kConfigMaps, ns_, ConfigMap("watched")).value();
  Json subject = object;
  subject["apiVersion"] = "v1";
  subject["kind"] = "ConfigMap";
  const auto recorder = kube::EventRecorder::Create(*client_, {.controller = "millrace.dev/test"});
  ASSERT_TRUE(recorder.ok());
  for (int i = 0; i < 5; ++i) {
    (*recorder)->Record(subject, kube::EventType::kWarning, "Tried", "Try", "it was tried");
  }
  ASSERT_TRUE((*recorder)->Flush(steady_clock::now() + seconds(20)).ok());
  EXPECT_EQ((*recorder)->dropped(), 0);
  const auto events =
      client_->List({"events.k8s.io", "v1", "events"}, ns_, {.field_selector = "reason=Tried"});
  ASSERT_TRUE(events.ok()) << events.status().ToString();
  ASSERT_EQ(events->at("items").size(), 1U);
  const Json& event = events->at("items")[0];
  EXPECT_EQ(event.at("note"), "it was tried");
  EXPECT_EQ(event.at("regarding").at("uid"), object.at("metadata").at("uid"));
  EXPECT_EQ(event.at("series").at("count"), 5);
}

TEST_F(ClusterTest, PathsOfTheServerAreRead) {
  const auto version = client_->Raw("/version");
  ASSERT_TRUE(version.ok()) << version.status().ToString();
  EXPECT_TRUE(ParseJson(*version)->contains("gitVersion"));
  EXPECT_TRUE(client_->Raw("/openapi/v3").ok());
}

TEST_F(ClusterTest, AnAnswerOverTheLimitIsRefused) {
  const auto small = kube::Client::Create({.config = config_, .max_response = 1000}).value();
  EXPECT_EQ(small->Raw("/openapi/v2").status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(small->Raw("/version").ok());
}

TEST_F(ClusterTest, CallsInFlightAreCalledOffWhenTheClientEnds) {
  std::atomic<int> called = 0;
  {
    const auto client = NewClient(config_);
    for (int i = 0; i < 200; ++i) {
      client->DoAsync(kube::GetRequest(Named(kConfigMaps, "none")),
                      [&called](const Result<Json>&) { ++called; });
    }
  }
  EXPECT_EQ(called, 200);
}

TEST_F(ClusterTest, ALogIsFollowed) {
  if (std::getenv("MILLRACE_TEST_LOG_IMAGE") == nullptr)
    GTEST_SKIP() << "MILLRACE_TEST_LOG_IMAGE names no image: no real node";
  ASSERT_TRUE(Eventually([&] { return client_->Get(Named(kServiceAccounts, "default")).ok(); }));
  const Json container = {
      {"name", "main"},
      {"image", std::getenv("MILLRACE_TEST_LOG_IMAGE")},
      {"imagePullPolicy", "Never"},
      {"command",
       {"/bin/sh", "-c", "i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); sleep 0.2; done"}}};
  const Json pod = {{"metadata", {{"name", "talker"}}},
                    {"spec", {{"restartPolicy", "Never"}, {"containers", {container}}}}};
  const auto made = client_->Create(kPods, ns_, pod);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  std::string log;
  const auto take = [&log](std::string_view piece) {
    log += piece;
    return true;
  };
  ASSERT_TRUE(Eventually(
      [&] {
        log.clear();
        return client_->Logs(ns_, "talker", {.follow = true}, take).ok();
      },
      seconds(60)));
  EXPECT_EQ(log, "line 0\nline 1\nline 2\nline 3\nline 4\n");
  EXPECT_EQ(client_->Logs(ns_, "nobody", {}, take).code(), Code::kNotFound);
}

}  // namespace
}  // namespace millrace::cluster
