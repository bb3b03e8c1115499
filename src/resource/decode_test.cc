#include "resource/decode.h"

#include <gtest/gtest.h>

#include "resource/yaml.h"

namespace millrace::resource {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

const std::string kData = std::string(MILLRACE_SOURCE_DIR) + "/src/resource/testdata/valid/";

Json SpecOf(const std::string& file, const std::string& kind, const std::string& name) {
  const YamlSet set = LoadYaml(kData + file);
  for (const Document& document : set.documents) {
    if (document.value["kind"] == kind && document.value["metadata"]["name"] == name)
      return document.value["spec"];
  }
  ADD_FAILURE() << kind << " " << name << " is not in " << file;
  return Json::object();
}

template <typename Spec>
Spec Decoded(const std::string& file, const std::string& kind, const std::string& name) {
  const Result<Spec> spec = DecodeSpec<Spec>(SpecOf(file, kind, name));
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  return spec.ok() ? *spec : Spec();
}

TEST(Decode, ReadsDataSources) {
  const auto files = Decoded<DataSourceSpec>("fraud.yaml", "DataSource", "transactions");
  ASSERT_TRUE(files.files.has_value());
  EXPECT_EQ(files.files->paths, std::vector<std::string>{"data/*.parquet"});
  EXPECT_EQ(files.files->format, "auto");
  EXPECT_FALSE(files.push.has_value());
  EXPECT_EQ(files.event_time, "tx_datetime");
  EXPECT_EQ(files.event_id, "transaction_id");
  EXPECT_EQ(files.time_zone, "UTC");
  ASSERT_EQ(files.columns.size(), 1U);
  EXPECT_EQ(files.columns[0].known_after, Micros(days(7)));
  EXPECT_FALSE(files.columns[0].type.has_value());
  const auto push = Decoded<DataSourceSpec>("others.yaml", "DataSource", "clicks");
  EXPECT_TRUE(push.push.has_value());
  EXPECT_EQ(push.lateness, Micros(hours(1)));
  EXPECT_EQ(push.columns[0].type, DataType::kDouble);
}

TEST(Decode, ReadsFeatureViews) {
  const auto view = Decoded<FeatureViewSpec>("fraud.yaml", "FeatureView", "terminal-risk");
  EXPECT_EQ(view.source, "transactions");
  EXPECT_EQ(view.entities, std::vector<std::string>{"terminal_id"});
  EXPECT_EQ(view.delay, Micros(days(7)));
  EXPECT_EQ(view.windows, (std::vector<Micros>{days(1), days(7), days(30)}));
  EXPECT_FALSE(view.ttl.has_value());
  ASSERT_EQ(view.features.size(), 2U);
  EXPECT_TRUE(view.features[0].default_value.is_null());
  EXPECT_EQ(view.features[1].of, "tx_fraud");
  EXPECT_EQ(view.features[1].default_value, 0);
  const auto other = Decoded<FeatureViewSpec>("others.yaml", "FeatureView", "by-user");
  EXPECT_EQ(other.ttl, Micros(days(90)));
  EXPECT_EQ(other.windows[1], Micros(hours(36)));
  EXPECT_EQ(other.where, "amount > 0");
}

TEST(Decode, ReadsFeatureServices) {
  const auto service = Decoded<FeatureServiceSpec>("fraud.yaml", "FeatureService", "fraud-input");
  ASSERT_EQ(service.items.size(), 5U);
  EXPECT_EQ(service.items[0].kind, ServiceItem::Kind::kRequest);
  EXPECT_EQ(service.items[0].name, "tx_amount");
  EXPECT_EQ(service.items[1].kind, ServiceItem::Kind::kExpression);
  EXPECT_EQ(service.items[1].expression, "weekday(tx_datetime) >= 5");
  EXPECT_EQ(service.items[3].kind, ServiceItem::Kind::kView);
  EXPECT_TRUE(service.items[3].features.empty());
  const auto other = Decoded<FeatureServiceSpec>("others.yaml", "FeatureService", "clicks-input");
  EXPECT_EQ(other.items[0].type, DataType::kDouble);
  EXPECT_EQ(other.items[1].features, (std::vector<std::string>{"bought_1h", "recent"}));
}

TEST(Decode, ReadsModelsWithTheirDefaults) {
  const auto model = Decoded<ModelSpec>("fraud.yaml", "Model", "fraud");
  EXPECT_EQ(model.trainer, "xgboost");
  EXPECT_EQ(model.parameters["eta"], 0.1);
  EXPECT_EQ(model.split.gap, Micros(days(7)));
  EXPECT_FALSE(model.split.start.has_value());
  ASSERT_EQ(model.metrics.size(), 1U);
  EXPECT_EQ(model.metrics[0].k, 100);
  EXPECT_EQ(model.metrics[0].every, Micros(days(1)));
  EXPECT_TRUE(model.metrics[0].exclude_known);
  EXPECT_EQ(model.gates.size(), 2U);
  EXPECT_EQ(model.promotion.alias, "champion");
  EXPECT_TRUE(model.promotion.automatic);
  EXPECT_EQ(model.limits.memory, 0);
  EXPECT_EQ(model.pool, "");
  const auto other = Decoded<ModelSpec>("others.yaml", "Model", "buyer");
  EXPECT_EQ(FormatTime(*other.split.start), "2018-07-25T00:00:00Z");
  EXPECT_FALSE(other.promotion.automatic);
  EXPECT_EQ(other.promotion.alias, "champion");
  EXPECT_EQ(other.limits.memory, int64_t{512} << 20);
  EXPECT_EQ(other.limits.time, Micros(minutes(10)));
  EXPECT_EQ(other.seed, 7);
}

TEST(Decode, ReadsTheOtherKinds) {
  const auto job = Decoded<TrainingJobSpec>("others.yaml", "TrainingJob", "buyer-1");
  EXPECT_EQ(job.model, "buyer");
  EXPECT_EQ(job.parameters["max_depth"], 5);
  EXPECT_FALSE(job.cancel);
  const auto endpoint = Decoded<ModelEndpointSpec>("fraud.yaml", "ModelEndpoint", "fraud");
  EXPECT_EQ(endpoint.model, "fraud");
  EXPECT_EQ(endpoint.alias, "champion");
  EXPECT_EQ(endpoint.learn, "transactions");
  EXPECT_EQ(endpoint.scaling.max_replicas, 20);
  const auto pinned = Decoded<ModelEndpointSpec>("others.yaml", "ModelEndpoint", "buyer");
  EXPECT_EQ(pinned.version, 3);
  EXPECT_EQ(pinned.alias, "");
  EXPECT_EQ(pinned.scaling.concurrency, 8);
  const auto pool = Decoded<ComputePoolSpec>("others.yaml", "ComputePool", "small");
  EXPECT_EQ(pool.cpu, 1.5);
  EXPECT_EQ(pool.memory, int64_t{2} << 30);
  EXPECT_EQ(pool.slots, 2);
  const auto project = Decoded<ProjectSpec>("others.yaml", "Project", "risk");
  ASSERT_EQ(project.grants.size(), 2U);
  EXPECT_EQ(project.grants[1].role, "editor");
}

TEST(Decode, NamesTheFieldThatIsWrong) {
  Resource resource;
  resource.kind = "ModelEndpoint";
  resource.metadata.name = "e";
  resource.spec = {{"model", 3}};
  const auto spec = DecodeSpec<ModelEndpointSpec>(resource);
  EXPECT_EQ(spec.status().message(),
            "ModelEndpoint e: ModelEndpoint: spec.model: expected a model's version such as fraud@champion, "
            "fraud:3 or "
            "fraud, not the number 3; write it in quotes");
}

TEST(Quantity, IsReadAndWritten) {
  const std::pair<const char*, int64_t> good[] = {
      {"0", 0},       {"4096", 4096},           {"1k", 1000},
      {"1Ki", 1024},  {"1.5Gi", 1610612736},    {"2Gi", 2147483648},
      {"0.5Ki", 512}, {"8T", 8'000'000'000'000}};
  for (const auto& [text, bytes] : good) EXPECT_EQ(ParseQuantity(text).value(), bytes) << text;
  for (const char* bad : {"", "Gi", "2 Gi", "2GB", "1e3", "-1", "nan", "inf", "9000000Ti", "2Gi "}) {
    EXPECT_FALSE(ParseQuantity(bad).ok()) << bad;
  }
  for (const int64_t bytes : {int64_t{0}, int64_t{1000}, int64_t{1536}, int64_t{1} << 31, int64_t{1} << 42}) {
    EXPECT_EQ(ParseQuantity(FormatQuantity(bytes)).value(), bytes);
  }
  EXPECT_EQ(FormatQuantity(int64_t{2} << 30), "2Gi");
}

TEST(ModelReference, IsAnAliasAVersionOrChampion) {
  EXPECT_EQ(ParseModelReference("fraud@canary")->alias, "canary");
  EXPECT_EQ(ParseModelReference("fraud:12")->version, 12);
  EXPECT_EQ(ParseModelReference("fraud")->alias, "champion");
  for (const char* bad : {"", "@a", "fraud@", "fraud:", "fraud:0", "fraud:-1", "fraud:1x", "Fraud", "a@b@c",
                          "a:99999999999999999999"}) {
    EXPECT_FALSE(ParseModelReference(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace millrace::resource
