#include "api/resources/resource_api.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/http/testing/raw_socket.h"
#include "api/resources/apply.h"
#include "api/resources/kube.h"
#include "api/system/system_api.h"
#include "base/file.h"
#include "base/json.h"
#include "base/percent.h"
#include "resource/sqlite_store.h"

namespace millrace::api {
namespace {

using http::Client;
using http::ClientRequest;
using http::ClientResponse;
using http::Method;
using security::Role;

constexpr const char* kRoot = "/apis/millrace.dev/v1alpha1";

Json SourceDocument(const std::string& name) {
  return Json{{"apiVersion", "millrace.dev/v1alpha1"},
              {"kind", "DataSource"},
              {"metadata", {{"name", name}}},
              {"spec",
               {{"push", Json::object()},
                {"eventTime", "t"},
                {"columns", {{{"name", "t"}, {"type", "timestamp"}}, {{"name", "k"}, {"type", "int64"}}}}}}};
}

class ResourceApi : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened =
        resource::SqliteStore::Create({.path = ":memory:", .auditor = [this](const resource::Change& change) {
                                         actors_.push_back(change.actor);
                                         return audit_;
                                       }});
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    store_ = std::move(opened).value();
    tokens_ = security::TokenStore::Open(dir_.path() + "/tokens").value();
    admin_ = tokens_->Create("root", Role::kAdmin).value();
    viewer_ = tokens_->Create("guest", Role::kViewer).value();
    ann_ = tokens_->Create("ann", std::nullopt).value();
    access_ =
        std::make_shared<security::Access>(security::Access::Options{.tokens = tokens_, .anonymous = {}});
    access_->SetProjectGrants("risk", {{"ann", Role::kEditor}});
    http::Router router;
    AddResourceRoutes(router, {.store = *store_, .access = *access_, .version = "0.1.0"});
    readiness_.Expect("serve", "loading fraud");
    AddSystemRoutes(router, {.readiness = readiness_, .metrics = metrics_});
    auto started = http::Server::Start({.port = 0}, std::move(router), access_, metrics_);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    server_ = std::move(started).value();
    for (const char* project : {"default", "risk"}) {
      Json body = {{"metadata", {{"name", project}}}, {"spec", Json::object()}};
      ClientResponse made = Do(Method::kPost, "/projects", FormatJson(body));
      ASSERT_EQ(made.status, 201) << made.body;
    }
  }

  Client MakeClient(const std::string& token) {
    return Client::Create({.url = server_->url(), .token = token}).value();
  }

  ClientResponse Do(Method method, const std::string& path, const std::string& body = "",
                    const std::string& token = "-", const std::string& type = "application/json",
                    const std::string& accept = "") {
    Client client = MakeClient(token == "-" ? admin_ : token);
    ClientRequest request{.method = method, .target = kRoot + path, .body = body, .content_type = type};
    if (!accept.empty()) request.headers.push_back({"accept", accept});
    Result<ClientResponse> response = client.Send(request);
    EXPECT_TRUE(response.ok()) << response.status().ToString();
    return response.ok() ? *response : ClientResponse{};
  }
  static Json Parsed(const ClientResponse& response) {
    Result<Json> body = ParseJson(response.body);
    EXPECT_TRUE(body.ok()) << response.body;
    return body.ok() ? *body : Json();
  }
  // Makes a DataSource; its JSON.
  Json Make(const std::string& project, const std::string& name) {
    ClientResponse response =
        Do(Method::kPost, "/namespaces/" + project + "/datasources", FormatJson(SourceDocument(name)));
    EXPECT_EQ(response.status, 201) << response.body;
    return Parsed(response);
  }

  TempDirectory dir_;
  Status audit_;
  std::vector<std::string> actors_;
  std::unique_ptr<resource::SqliteStore> store_;
  std::shared_ptr<security::TokenStore> tokens_;
  std::shared_ptr<security::Access> access_;
  std::string admin_, viewer_, ann_;
  telemetry::Metrics metrics_;
  Readiness readiness_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(ResourceApi, DiscoveryNamesEveryKind) {
  Json list = Parsed(Do(Method::kGet, ""));
  EXPECT_EQ(list["kind"], "APIResourceList");
  EXPECT_EQ(list["resources"].size(), 2 * resource::Kinds().size());
  Client client = MakeClient(admin_);
  for (const char* path : {"/api", "/apis", "/apis/millrace.dev", "/version", "/openapi/v3",
                           "/openapi/v3/apis/millrace.dev/v1alpha1"}) {
    ClientResponse response = client.Send({.target = path}).value();
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_TRUE(ParseJson(response.body).ok()) << path;
  }
}

TEST_F(ResourceApi, AResourceIsMadeReadChangedAndDeleted) {
  Json made = Make("risk", "transactions");
  EXPECT_EQ(made["metadata"]["namespace"], "risk");
  EXPECT_EQ(made["metadata"]["generation"], 1);
  std::string path = "/namespaces/risk/datasources/transactions";
  EXPECT_EQ(Parsed(Do(Method::kGet, path)), made);
  made["spec"]["lateness"] = "1h";
  Json updated = Parsed(Do(Method::kPut, path, FormatJson(made)));
  EXPECT_EQ(updated["metadata"]["generation"], 2);
  // The old version again: somebody else was first.
  ClientResponse conflict = Do(Method::kPut, path, FormatJson(made));
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(Parsed(conflict)["reason"], "Conflict");
  Json patched =
      Parsed(Do(Method::kPatch, path, R"({"spec":{"lateness":null},"metadata":{"labels":{"a":"b"}}})", "-",
                "application/merge-patch+json"));
  EXPECT_FALSE(patched["spec"].contains("lateness")) << patched;
  EXPECT_EQ(patched["metadata"]["labels"]["a"], "b");
  Json with_status = Parsed(
      Do(Method::kPatch, path + "/status", R"({"status":{"rows":7}})", "-", "application/merge-patch+json"));
  EXPECT_EQ(with_status["status"]["rows"], 7);
  Json gone = Parsed(Do(Method::kDelete, path));
  EXPECT_EQ(gone["status"], "Success");
  ClientResponse missing = Do(Method::kGet, path);
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(Parsed(missing)["kind"], "Status");
  EXPECT_EQ(Parsed(missing)["reason"], "NotFound");
  EXPECT_EQ(actors_.back(), "root");
}

TEST_F(ResourceApi, WhatIsBeingDeletedStaysUntilItsControllerLetsGo) {
  Json made = Make("risk", "transactions");
  const std::string path = "/namespaces/risk/datasources/transactions";
  const resource::ResourceKey key = {"DataSource", "risk", "transactions"};
  ASSERT_TRUE(resource::AddFinalizer(*store_, key, "millrace.dev/data").ok());
  EXPECT_TRUE(Parsed(Do(Method::kDelete, path))["metadata"].contains("deletionTimestamp"));
  // As programs write it that read it before, or know nothing of finalizers.
  made["metadata"].erase("resourceVersion");
  const ClientResponse put = Do(Method::kPut, path, FormatJson(made));
  EXPECT_EQ(put.status, 200) << put.body;
  const ClientResponse patched =
      Do(Method::kPatch, path, R"({"metadata":{"finalizers":[]}})", "-", "application/merge-patch+json");
  EXPECT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(Parsed(Do(Method::kGet, path))["metadata"]["finalizers"], (Json{"millrace.dev/data"}));
  made["spec"]["lateness"] = "1h";
  const ClientResponse refused = Do(Method::kPut, path, FormatJson(made));
  EXPECT_EQ(refused.status, 409) << refused.body;
  ASSERT_TRUE(resource::RemoveFinalizer(*store_, key, "millrace.dev/data").ok());
  EXPECT_EQ(Do(Method::kGet, path).status, 404);
}

TEST_F(ResourceApi, YamlIsTakenAndApplyMakesOrChanges) {
  std::string yaml =
      "kind: DataSource\nmetadata: {name: tx}\nspec:\n  push: {}\n  eventTime: t\n"
      "  columns: [{name: t, type: timestamp}]\n";
  std::string path = "/namespaces/risk/datasources/tx?fieldManager=me";
  ClientResponse created = Do(Method::kPatch, path, yaml, "-", "application/apply-patch+yaml");
  EXPECT_EQ(created.status, 201) << created.body;
  ClientResponse again = Do(Method::kPatch, path, yaml, "-", "application/apply-patch+yaml");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(Parsed(again)["metadata"]["resourceVersion"], Parsed(created)["metadata"]["resourceVersion"]);
  ClientResponse dry = Do(Method::kPatch, "/namespaces/risk/datasources/other?dryRun=All",
                          "spec: {push: {}, eventTime: t, columns: [{name: t, type: timestamp}]}", "-",
                          "application/apply-patch+yaml");
  EXPECT_EQ(dry.status, 201) << dry.body;
  EXPECT_EQ(Do(Method::kGet, "/namespaces/risk/datasources/other").status, 404);
}

TEST_F(ResourceApi, BadBodiesAreRefusedWithASentence) {
  std::string list = "/namespaces/risk/datasources";
  Json other_kind = SourceDocument("x");
  other_kind["kind"] = "Model";
  Json other_space = SourceDocument("x");
  other_space["metadata"]["namespace"] = "lab";
  Json unknown_field = SourceDocument("x");
  unknown_field["spec"]["eventTimes"] = "t";
  Json no_name = SourceDocument("x");
  no_name["metadata"].erase("name");
  struct Case {
    const char* name;
    std::string body, type;
    int status;
    const char* says;
  } cases[] = {
      {"broken JSON", "{\"kind\":", "application/json", 400, ""},
      {"a number", "7", "application/json", 400, "not an object"},
      {"deep", std::string(1000, '[') + std::string(1000, ']'), "application/json", 400, ""},
      {"broken YAML", "a: [", "application/yaml", 400, ""},
      {"two documents", "a: 1\n---\nb: 2\n", "application/yaml", 400, "takes one"},
      {"other kind", FormatJson(other_kind), "application/json", 400, "the path is that of a DataSource"},
      {"other namespace", FormatJson(other_space), "application/json", 400,
       "the path names the namespace 'risk'"},
      {"unknown field", FormatJson(unknown_field), "application/json", 422, "did you mean 'eventTime'"},
      {"no name", FormatJson(no_name), "application/json", 422, "name"},
      {"metadata of another type", R"({"metadata": 3})", "application/json", 400, "metadata is"},
      {"media type", "{}", "application/json-patch+json", 415, "takes a body of"},
  };
  for (const Case& c : cases) {
    ClientResponse response = Do(Method::kPost, list, c.body, "-", c.type);
    EXPECT_EQ(response.status, c.status) << c.name << ": " << response.body;
    EXPECT_NE(response.body.find(c.says), std::string::npos) << c.name << ": " << response.body;
    EXPECT_EQ(Parsed(response)["kind"], "Status") << c.name;
  }
  EXPECT_EQ(Parsed(Do(Method::kGet, list))["items"].size(), 0U);
  Json causes = Parsed(Do(Method::kPost, list, FormatJson(unknown_field)))["details"]["causes"];
  ASSERT_EQ(causes.size(), 1U);
  EXPECT_EQ(causes[0]["field"], "spec.eventTimes");
  EXPECT_EQ(Do(Method::kGet, "/namespaces/risk/datasorces").status, 404);
  EXPECT_NE(Do(Method::kGet, "/namespaces/risk/datasorces").body.find("did you mean datasources"),
            std::string::npos);
  EXPECT_EQ(Do(Method::kGet, "/namespaces/risk/projects").status, 404);
  EXPECT_EQ(Do(Method::kGet, list + "?limit=-1").status, 400);
  EXPECT_EQ(Do(Method::kGet, list + "?labelSelector=%28").status, 400);
  EXPECT_EQ(Do(Method::kGet, list + "?fieldSelector=spec.x%3Dy").status, 400);
}

TEST_F(ResourceApi, AnAuditLogThatRefusesStopsTheChange) {
  audit_ = Unavailable("the audit log takes no more records");
  EXPECT_EQ(Do(Method::kPost, "/namespaces/risk/datasources", FormatJson(SourceDocument("x"))).status, 503);
  audit_ = Ok();
  EXPECT_EQ(Do(Method::kGet, "/namespaces/risk/datasources/x").status, 404);
}

TEST_F(ResourceApi, ListsArePagedSelectedAndFiltered) {
  for (const char* name : {"a", "b", "c"}) Make("risk", name);
  Make("default", "d");
  Json page = Parsed(Do(Method::kGet, "/namespaces/risk/datasources?limit=2"));
  EXPECT_EQ(page["kind"], "DataSourceList");
  EXPECT_EQ(page["items"].size(), 2U);
  std::string next = page["metadata"]["continue"];
  Json rest =
      Parsed(Do(Method::kGet, "/namespaces/risk/datasources?limit=2&continue=" + PercentEncode(next)));
  ASSERT_EQ(rest["items"].size(), 1U);
  EXPECT_EQ(rest["items"][0]["metadata"]["name"], "c");
  EXPECT_EQ(Parsed(Do(Method::kGet, "/namespaces/risk/datasources?fieldSelector=metadata.name%3Db"))["items"]
                .size(),
            1U);
  EXPECT_EQ(Parsed(Do(Method::kGet, "/datasources"))["items"].size(), 4U);
  // Who has a grant in one Project sees that alone.
  Json seen = Parsed(Do(Method::kGet, "/datasources", "", ann_));
  ASSERT_EQ(seen["items"].size(), 3U);
  for (const Json& item : seen["items"]) EXPECT_EQ(item["metadata"]["namespace"], "risk");
  Json projects = Parsed(Do(Method::kGet, "/projects", "", ann_));
  ASSERT_EQ(projects["items"].size(), 1U);
  EXPECT_EQ(projects["items"][0]["metadata"]["name"], "risk");
  EXPECT_EQ(Do(Method::kGet, "/projects/default", "", ann_).status, 403);
  EXPECT_EQ(Do(Method::kGet, "/namespaces/default/datasources/d", "", ann_).status, 403);
  EXPECT_EQ(Do(Method::kDelete, "/namespaces/risk/datasources/a", "", ann_).status, 200);
  EXPECT_EQ(Do(Method::kDelete, "/namespaces/risk/datasources/b", "", viewer_).status, 403);
  EXPECT_EQ(Do(Method::kDelete, "/projects/risk", "", ann_).status, 403);
}

TEST_F(ResourceApi, TablesHaveTheKindsColumns) {
  Make("risk", "a");
  const char* kTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  Json table = Parsed(Do(Method::kGet, "/namespaces/risk/datasources", "", "-", "application/json", kTable));
  EXPECT_EQ(table["kind"], "Table");
  const resource::Kind* kind = resource::FindKind("DataSource");
  EXPECT_EQ(table["columnDefinitions"].size(), kind->columns.size());
  std::vector<std::string> names;
  for (const Json& column : table["columnDefinitions"]) names.push_back(column["name"]);
  EXPECT_EQ(names.front(), "Name");
  EXPECT_EQ(names.back(), "Age");
  EXPECT_EQ(std::count(names.begin(), names.end(), "NAME") + std::count(names.begin(), names.end(), "AGE"),
            0);
  ASSERT_EQ(table["rows"].size(), 1U);
  EXPECT_EQ(table["rows"][0]["cells"].size(), kind->columns.size());
  EXPECT_EQ(table["rows"][0]["cells"][0], "a");
  EXPECT_EQ(table["rows"][0]["object"]["metadata"]["name"], "a");
  Json plain = Parsed(Do(Method::kGet, "/namespaces/risk/datasources", "", "-", "application/json",
                         "application/json,application/json;as=Table;v=v1;g=meta.k8s.io"));
  EXPECT_EQ(plain["kind"], "DataSourceList");
}

TEST_F(ResourceApi, AJsonPatchActsOnWhatIsThere) {
  Make("risk", "a");
  const std::string path = "/namespaces/risk/datasources/a";
  const auto patch = [&](const std::string& operations) {
    return Do(Method::kPatch, path, operations, "-", "application/json-patch+json");
  };
  ClientResponse patched = patch(R"([{"op":"test","path":"/metadata/name","value":"a"},
                                     {"op":"add","path":"/spec/lateness","value":"2h"}])");
  EXPECT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(Parsed(patched)["spec"]["lateness"], "2h");
  EXPECT_EQ(Parsed(patched)["metadata"]["generation"], 2);
  EXPECT_EQ(patch(R"([{"op":"remove","path":"/spec/nothing"}])").status, 400);
  EXPECT_EQ(patch(R"([{"op":"add","path":"/spec/latenes","value":"2h"}])").status, 422);
  EXPECT_EQ(patch(R"([{"op":"replace","path":"/metadata/resourceVersion","value":"1"}])").status, 409);
  EXPECT_EQ(Parsed(Do(Method::kGet, path))["metadata"]["generation"], 2);
}

TEST_F(ResourceApi, AWatchTellsChangesAndResumes) {
  Json first = Make("risk", "a");
  std::string version =
      Parsed(Do(Method::kGet, "/namespaces/risk/datasources"))["metadata"]["resourceVersion"];
  std::vector<std::string> seen;
  std::string last;
  auto read = [&](const std::string& from, size_t count, const std::function<void()>& at_start) {
    seen.clear();
    std::atomic<bool> started{false};
    std::thread changing([&] {
      at_start();
      started = true;
    });
    Client client = MakeClient(ann_);
    Status status = client.Stream(
        {.target = std::string(kRoot) + "/namespaces/risk/datasources?watch=true&resourceVersion=" + from},
        [&](std::string_view line) {
          Json event = ParseJson(line).value();
          seen.push_back(event["type"].get<std::string>() + " " +
                         event["object"]["metadata"]["name"].get<std::string>());
          last = event["object"]["metadata"]["resourceVersion"];
          return seen.size() < count;
        });
    changing.join();
    EXPECT_TRUE(status.ok()) << status.ToString();
  };
  read(version, 2, [&] {
    Make("default", "elsewhere");
    Make("risk", "b");
    EXPECT_EQ(Do(Method::kDelete, "/namespaces/risk/datasources/b").status, 200);
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"ADDED b", "DELETED b"}));
  Make("risk", "c");
  read(last, 1, [] {});
  EXPECT_EQ(seen, std::vector<std::string>{"ADDED c"});
  read("0", 2, [] {});
  EXPECT_EQ(seen, (std::vector<std::string>{"ADDED a", "ADDED c"}));
}

TEST_F(ResourceApi, AWatchOfTooOldAVersionIsGone) {
  auto small = resource::SqliteStore::Create({.path = ":memory:", .history = 2}).value();
  http::Router router;
  AddResourceRoutes(router, {.store = *small, .access = *access_, .version = "0.1.0"});
  server_ = http::Server::Start({.port = 0}, std::move(router), access_, metrics_).value();
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    EXPECT_EQ(Do(Method::kPost, "/projects",
                 FormatJson(Json{{"metadata", {{"name", name}}}, {"spec", Json::object()}}))
                  .status,
              201);
  }
  ClientResponse gone = Do(Method::kGet, "/projects?watch=true&resourceVersion=1");
  EXPECT_EQ(gone.status, 410) << gone.body;
  EXPECT_EQ(Parsed(gone)["reason"], "Expired");
}

TEST_F(ResourceApi, AWatchEndsWithItsCallersPermission) {
  Client client = MakeClient(ann_);
  std::vector<std::string> lines;
  std::thread withdrawing;
  Status status = client.Stream(
      {.target = std::string(kRoot) + "/namespaces/risk/datasources?watch=true"},
      [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      },
      [&] {
        // Asked once the watch is open and silent.
        access_->SetProjectGrants("risk", {});
        return false;
      });
  EXPECT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("\"type\":\"ERROR\""), std::string::npos) << lines[0];
}

TEST_F(ResourceApi, AFolderIsAppliedWholeOrNotAtAll) {
  resource::YamlSet set = resource::ParseYaml(
      "apiVersion: millrace.dev/v1alpha1\nkind: DataSource\nmetadata: {name: tx}\n"
      "spec: {push: {}, eventTime: t, columns: [{name: t, type: timestamp}, {name: k, type: int64}]}\n---\n"
      "apiVersion: millrace.dev/v1alpha1\nkind: FeatureView\nmetadata: {name: v}\n"
      "spec:\n  source: tx\n  entities: [k]\n  windows: [1d]\n  features:\n  - {name: n, agregate: count}\n",
      "folder/all.yaml");
  ASSERT_TRUE(set.diagnostics.empty()) << set.diagnostics.ToString();
  Client client = MakeClient(ann_);
  ApplyOptions options{.project = "risk"};
  Result<ApplyAnswer> refused = ParseApplyAnswer(client.Send(ApplyRequest(set.documents, options)).value());
  ASSERT_TRUE(refused.ok()) << refused.status().ToString();
  ASSERT_FALSE(refused->diagnostics.empty());
  EXPECT_NE(refused->diagnostics.ToString().find("folder/all.yaml:14:"), std::string::npos)
      << refused->diagnostics.ToString();
  EXPECT_EQ(Do(Method::kGet, "/namespaces/risk/datasources/tx").status, 404);
  set.documents[1].value["spec"]["features"][0] = {{"name", "n"}, {"aggregate", "count"}};
  Result<ApplyAnswer> applied = ParseApplyAnswer(client.Send(ApplyRequest(set.documents, options)).value());
  ASSERT_TRUE(applied.ok()) << applied.status().ToString();
  ASSERT_TRUE(applied->diagnostics.empty()) << applied->diagnostics.ToString();
  ASSERT_EQ(applied->applied.size(), 2U);
  EXPECT_EQ(applied->applied[1].kind, "FeatureView");
  EXPECT_EQ(applied->applied[1].project, "risk");
  EXPECT_EQ(applied->applied[1].action, "created");
  EXPECT_EQ(ParseApplyAnswer(client.Send(ApplyRequest(set.documents, options)).value())->applied[0].action,
            "unchanged");
  // Where the caller may not write, nothing is.
  options.project = "default";
  Result<ApplyAnswer> denied = ParseApplyAnswer(client.Send(ApplyRequest(set.documents, options)).value());
  EXPECT_EQ(denied.status().code(), Code::kPermissionDenied);
  EXPECT_EQ(Do(Method::kGet, "/namespaces/default/datasources/tx").status, 404);
}

TEST_F(ResourceApi, BadApplyBodiesAreRefused) {
  for (const char* body : {"", "{}", "[]", "{\"documents\":[]}", "{\"documents\":[1]}",
                           "{\"documents\":[{}]}", "{\"documents\":[{\"value\":{},\"marks\":[]}]}",
                           "{\"documents\":[{\"value\":{},\"marks\":{\"a\":[1]}}]}",
                           "{\"documents\":[{\"value\":{},\"marks\":{\"a\":[99999999999,1]}}]}"}) {
    EXPECT_EQ(Do(Method::kPost, "/apply", body).status, 400) << body;
  }
  for (const char* body : {"{\"documents\":[{\"value\":7}]}", "{\"documents\":[{\"value\":{\"kind\":5}}]}",
                           "{\"documents\":[{\"value\":{\"kind\":\"Modle\",\"metadata\":7}}]}"}) {
    EXPECT_EQ(Do(Method::kPost, "/apply?project=risk", body).status, 422) << body;
  }
}

TEST_F(ResourceApi, EveryRouteRefusesWhomItShould) {
  std::map<std::string, std::optional<Role>> callers = {
      {"", {}}, {viewer_, Role::kViewer}, {admin_, Role::kAdmin}};
  for (const auto& route : server_->router().routes()) {
    for (const auto& [token, role] : callers) {
      std::string target = route->pattern;
      for (size_t at; (at = target.find('{')) != std::string::npos;)
        target.replace(at, target.find('}') - at + 1, "x");
      Client client = MakeClient(token);
      Result<ClientResponse> response = client.Send({.method = route->method, .target = target});
      ASSERT_TRUE(response.ok()) << target;
      bool open = route->permission == security::Permission::kPublic;
      bool may = open || (role && security::RoleHas(*role, route->permission));
      if (!role && !open) {
        EXPECT_EQ(response->status, 401) << target;
      } else if (!may) {
        EXPECT_EQ(response->status, 403) << http::MethodName(route->method) << " " << target;
      } else {
        EXPECT_TRUE(response->status != 401 && response->status != 403) << target << " " << response->body;
      }
    }
  }
}

TEST_F(ResourceApi, ReadinessTellsWhyNot) {
  Client client = MakeClient("");
  ClientResponse waiting = client.Send({.target = "/readyz"}).value();
  EXPECT_EQ(waiting.status, 503);
  EXPECT_EQ(waiting.body, "serve: loading fraud\n");
  readiness_.SetReady("serve");
  EXPECT_EQ(client.Send({.target = "/readyz"}).value().status, 200);
  EXPECT_EQ(client.Send({.target = "/healthz"}).value().body, "ok\n");
  EXPECT_EQ(client.Send({.target = "/metrics"}).value().status, 401);
  ClientResponse metrics = MakeClient(viewer_).Send({.target = "/metrics"}).value();
  EXPECT_NE(
      metrics.body.find("millrace_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"2xx\"} 1\n"),
      std::string::npos);
}

TEST(KubeAges, AreAsKubectlWritesThem) {
  struct Case {
    int64_t seconds;
    const char* text;
  } cases[] = {{0, "0s"},      {119, "119s"}, {120, "2m"},          {150, "2m30s"}, {600, "10m"},
               {7199, "119m"}, {10800, "3h"}, {13200, "3h40m"},     {28800, "8h"},  {172799, "47h"},
               {172800, "2d"}, {-5, "0s"},    {86400 * 400, "400d"}};
  for (const Case& c : cases) EXPECT_EQ(AgeText(std::chrono::seconds(c.seconds)), c.text) << c.seconds;
}

}  // namespace
}  // namespace millrace::api
