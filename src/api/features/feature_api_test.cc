#include "api/features/feature_api.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "api/features/values.h"
#include "api/http/client.h"
#include "api/http/server.h"
#include "base/file.h"
#include "base/json.h"
#include "resource/decode.h"
#include "resource/sqlite_store.h"
#include "source/push.h"

namespace millrace::api {
namespace {

using http::Client;
using http::ClientResponse;
using http::Method;
using security::Role;

constexpr const char* kRoot = "/apis/millrace.dev/v1alpha1/namespaces/default/";

resource::Resource Make(const std::string& kind, const std::string& name, const char* spec) {
  resource::Resource made;
  made.kind = kind;
  made.metadata.name = name;
  made.metadata.project = "default";
  made.spec = ParseJson(spec).value();
  return made;
}

class FeatureApi : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = resource::SqliteStore::Create({.path = ":memory:"}).value();
    resource::Resource source =
        Make("DataSource", "tx", R"({"push": {}, "eventTime": "t", "eventId": "id", "columns": [
        {"name": "t", "type": "timestamp"}, {"name": "id", "type": "int64"}, {"name": "k", "type": "int64"},
        {"name": "x", "type": "double"}, {"name": "fraud", "type": "bool", "knownAfter": "1d"}]})");
    resource::Resource view =
        Make("FeatureView", "v", R"({"source": "tx", "entities": ["k"], "windows": ["1d"],
        "features": [{"name": "n", "aggregate": "count"}, {"name": "s", "aggregate": "sum", "of": "x"}]})");
    resource::Resource service =
        Make("FeatureService", "in", R"({"features": [{"request": "x"}, {"view": "v"}]})");
    for (const resource::Resource& one : {source, view, service}) ASSERT_TRUE(store_->Create(one).ok());
    auto source_spec = resource::DecodeSpec<resource::DataSourceSpec>(source).value();
    Schema schema = source::DeclaredSchema(source_spec).value();
    feature::SourcePlan plan = feature::PlanSource("tx", source_spec, schema).value();
    feature::ViewPlanPtr view_plan =
        feature::CompileView("v", resource::DecodeSpec<resource::FeatureViewSpec>(view).value(), plan)
            .value();
    std::vector<feature::ViewPlanPtr> views = {view_plan};
    service_ = feature::CompileService(
                   "in", resource::DecodeSpec<resource::FeatureServiceSpec>(service).value(), plan, views)
                   .value();
    online_ = feature::OnlineStore::Open({.directory = dir_.path() + "/online"}).value();
    std::vector<Column> none;
    for (const Field& field : schema.fields()) none.push_back(Column::Nulls(field.type, 0));
    Table empty = Table::Create(schema, none).value();
    ASSERT_TRUE(online_->Load("default/tx", plan, views, empty, {.marker = "1"}).ok());
    StartServer();
  }

  void StartServer() {
    http::Router router;
    AddFeatureRoutes(router,
                     {.store = *store_,
                      .online = *online_,
                      .metrics = metrics_,
                      .service_plan = [this](const std::string&,
                                             const std::string& name) -> Result<feature::ServicePlanPtr> {
                        if (name != "in") return NotFound("there is no FeatureService {}", name);
                        return service_;
                      }});
    auto access = std::make_shared<security::Access>(
        security::Access::Options{.tokens = nullptr, .anonymous = Role::kEditor});
    server_ = http::Server::Start({.port = 0}, std::move(router), access, metrics_).value();
  }

  // The JSON of a response with that status.
  Json Post(const std::string& path, const std::string& body, int status = 200) {
    Client client = Client::Create({.url = server_->url()}).value();
    Result<ClientResponse> response =
        client.Send({.method = Method::kPost, .target = kRoot + path, .body = body});
    EXPECT_TRUE(response.ok()) << response.status().ToString();
    if (!response.ok()) return {};
    EXPECT_EQ(response->status, status) << body << "\n" << response->body;
    return ParseJson(response->body).value_or(Json());
  }

  TempDirectory dir_;
  telemetry::Metrics metrics_;
  std::unique_ptr<resource::SqliteStore> store_;
  std::unique_ptr<feature::OnlineStore> online_;
  feature::ServicePlanPtr service_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(FeatureApi, PushedEventsAreCountedOnceAndLookedUp) {
  Json one = Post("datasources/tx/push", R"({"t": "2026-01-01T00:00:00Z", "id": 1, "k": 7, "x": 0.5})");
  EXPECT_EQ(one["accepted"], 1);
  Json many = Post("datasources/tx/push", R"([{"t": "2026-01-01T01:00:00Z", "id": 2, "k": 7, "x": 1.5},
      {"t": "2026-01-01T01:00:00Z", "id": 2, "k": 7, "x": 1.5},
      {"t": "yesterday", "id": 3, "k": 7, "x": 1}, {"id": 1, "fraud": true}])");
  EXPECT_EQ(many["accepted"], 1);
  EXPECT_EQ(many["duplicates"], 1);
  EXPECT_EQ(many["joined"], 1);
  EXPECT_EQ(many["refused"], 1);
  const feature::LogRange log = online_->ReadLog("default/tx", 0).value();
  ASSERT_EQ(log.unused.size(), 1U) << "and on disk";
  EXPECT_EQ(log.unused[0].second.origin, "push");
  EXPECT_EQ(log.unused[0].second.row, 3);
  EXPECT_NE(log.unused[0].second.text.find("yesterday"), std::string::npos);
  EXPECT_NE(many["reasons"][0]["reason"].get<std::string>().find("yesterday"), std::string::npos) << many;
  Json row = Post("featureviews/v/get", R"({"keys": {"k": 7}, "time": "2026-01-01T02:00:00Z"})");
  EXPECT_EQ(row["names"], Json({"n_1d", "s_1d"}));
  EXPECT_EQ(row["rows"][0]["values"], Json({2, 2.0}));
  EXPECT_EQ(row["rows"][0]["statuses"], Json({"PRESENT", "PRESENT"}));
  EXPECT_EQ(row["rows"][0]["newest"], "2026-01-01T01:00:00Z");
  Json unknown = Post("featureviews/v/get", R"({"keys": [{"k": 8}, {"k": null}]})");
  ASSERT_EQ(unknown["rows"].size(), 2U);
  EXPECT_EQ(unknown["rows"][0]["statuses"][1], "NOT_FOUND") << unknown;
}

TEST_F(FeatureApi, WhatTheStateRefusesIsKeptWithItsRowAndText) {
  Post("datasources/tx/push", R"({"t": "2026-01-02T00:00:00Z", "id": 1, "k": 7, "x": 0.5})");
  Json answer = Post("datasources/tx/push", R"([{"id": 99, "fraud": true}, 5,
      {"t": "2001-01-01T00:00:00Z", "id": 2, "k": 8, "x": 1.5}])");
  EXPECT_EQ(answer["refused"], 3);
  const feature::LogRange log = online_->ReadLog("default/tx", 0).value();
  std::map<int64_t, feature::UnusedRow> by_row;
  for (const auto& [position, row] : log.unused) by_row[row.row] = row;
  ASSERT_EQ(by_row.size(), 3U);
  EXPECT_EQ(by_row[1].text, R"({"fraud":true,"id":99})");
  EXPECT_NE(by_row[1].reason.find("no event with id 99"), std::string::npos) << by_row[1].reason;
  EXPECT_EQ(by_row[2].reason, "an event is an object");
  EXPECT_NE(by_row[3].reason.find("is late"), std::string::npos) << by_row[3].reason;
  EXPECT_NE(by_row[3].text.find(R"("k":8)"), std::string::npos) << by_row[3].text;
}

TEST_F(FeatureApi, AtTheLogsLimitAPushIsRefusedAsAWholeWith503) {
  server_.reset();
  online_.reset();
  online_ =
      feature::OnlineStore::Open({.directory = dir_.path() + "/online", .max_unconfirmed_bytes = 1}).value();
  StartServer();
  Json answer =
      Post("datasources/tx/push", R"({"t": "2026-01-01T00:00:00Z", "id": 1, "k": 7, "x": 0.5})", 503);
  EXPECT_NE(answer["message"].get<std::string>().find("offline tables"), std::string::npos) << answer;
  EXPECT_EQ(online_->Stats().front().events, 0);
}

TEST_F(FeatureApi, AServicesVectorCountsTheRequestsOwnEvent) {
  Post("datasources/tx/push", R"({"t": "2026-01-01T00:00:00Z", "id": 1, "k": 7, "x": 0.5})");
  Json row =
      Post("featureservices/in/get", R"({"rows": [{"t": "2026-01-01T00:30:00Z", "id": 9, "k": 7, "x": 2}]})");
  EXPECT_EQ(row["names"], Json({"x", "n_1d", "s_1d"}));
  EXPECT_EQ(row["rows"][0]["values"], Json({2.0, 2, 2.5})) << row;
}

TEST_F(FeatureApi, BadBodiesAreRefusedWithASentence) {
  struct Case {
    const char* path;
    std::string body;
    int status;
    const char* says;
  } cases[] = {
      {"datasources/tx/push", "{", 400, ""},
      {"datasources/tx/push", "7", 400, ""},
      {"datasources/ty/push", "[]", 404, "ty"},
      {"featureviews/v/get", "{}", 400, "the body is not {\"keys\": …}"},
      {"featureviews/v/get", R"({"keys": 7})", 400, "neither an object nor a list"},
      {"featureviews/v/get", R"({"keys": [7]})", 400, "keys[0] is not an object"},
      {"featureviews/v/get", R"({"keys": {"kk": 7}})", 400, "'kk' is not an entity"},
      {"featureviews/v/get", R"({"keys": {}})", 400, "the key 'k' is missing"},
      {"featureviews/v/get", R"({"keys": {"k": 1.5}})", 400, "k is 1.5, not of type int64"},
      {"featureviews/v/get", R"({"keys": {"k": 99999999999999999999}})", 400, "not of type int64"},
      {"featureviews/v/get", R"({"keys": {"k": "7"}})", 400, "k is \"7\", not of type int64"},
      {"featureviews/v/get", R"({"keys": {"k": 7}, "time": 5})", 400, "time is 5"},
      {"featureviews/w/get", R"({"keys": {"k": 7}})", 404, "w"},
      {"featureservices/out/get", R"({"rows": []})", 404, "there is no FeatureService out"},
      {"featureservices/in/get", R"({"rows": {"xx": 1}})", 400, "'xx' is not a field"},
      {"featureservices/in/get", R"({"rows": {"x": "a"}})", 400, "x is \"a\", not of type double"},
  };
  for (const Case& c : cases) {
    Json answer = Post(c.path, c.body, c.status);
    EXPECT_NE(answer["message"].get<std::string>().find(c.says), std::string::npos)
        << c.body << " " << answer;
  }
}

TEST_F(FeatureApi, ASourceThatIsNotLoadedSaysSo) {
  ASSERT_TRUE(online_->Drop("default/tx").ok());
  Json answer = Post("datasources/tx/push", "[]", 503);
  EXPECT_NE(answer["message"].get<std::string>().find("not loaded yet"), std::string::npos);
}

TEST(Values, KeepTheirTypeExactly) {
  int64_t large = (int64_t{1} << 53) + 1;
  EXPECT_EQ(std::get<int64_t>(ValueOf(large, DataType::kInt64, "f").value()), large);
  EXPECT_EQ(FormatJson(JsonOf(Value(large))), "9007199254740993");
  EXPECT_EQ(std::get<double>(ValueOf(3, DataType::kDouble, "f").value()), 3.0);
  EXPECT_TRUE(std::isnan(std::get<double>(ValueOf("NaN", DataType::kDouble, "f").value())));
  EXPECT_EQ(JsonOf(Value(-std::numeric_limits<double>::infinity())), "-Infinity");
  EXPECT_TRUE(IsNull(ValueOf(nullptr, DataType::kBool, "f").value()));
  EXPECT_FALSE(ValueOf(1, DataType::kBool, "f").ok());
  EXPECT_FALSE(ValueOf(true, DataType::kInt64, "f").ok());
  EXPECT_FALSE(ValueOf(5, DataType::kString, "f").ok());
  EXPECT_EQ(JsonOf(ValueOf("2026-01-01", DataType::kTimestamp, "f").value()), "2026-01-01T00:00:00Z");
}

}  // namespace
}  // namespace millrace::api
