#include "resource/explain.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"

namespace millrace::resource {
namespace {

const std::string kReference = std::string(MILLRACE_SOURCE_DIR) + "/docs/reference/";

TEST(Kinds, AreFoundByAnyOfTheirNames) {
  for (const char* name : {"DataSource", "datasource", "datasources", "ds", "DS", "DATASOURCES"}) {
    ASSERT_NE(FindKind(name), nullptr) << name;
    EXPECT_EQ(FindKind(name)->name, "DataSource");
  }
  EXPECT_EQ(FindKind("nothing"), nullptr);
  EXPECT_EQ(FindKind(""), nullptr);
  EXPECT_EQ(NearestKind("modle"), "Model");
  EXPECT_EQ(NearestKind("Datasorces"), "DataSource");
  EXPECT_EQ(NearestKind("spaceship"), "");
}

TEST(Kinds, HaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (const Kind& kind : Kinds()) {
    names.push_back(kind.plural);
    names.push_back(kind.singular);
    names.insert(names.end(), kind.short_names.begin(), kind.short_names.end());
    EXPECT_FALSE(kind.meaning.empty()) << kind.name;
    EXPECT_FALSE(kind.columns.empty()) << kind.name;
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(Kinds, PrintOnlyColumnsThatTheyDescribe) {
  for (const Kind& kind : Kinds()) {
    for (const PrinterColumn& column : kind.columns) {
      EXPECT_NE(kind.Find(column.path), nullptr) << kind.name << " " << column.path;
    }
  }
}

TEST(Kinds, FindFieldsByPath) {
  const Kind* model = FindKind("Model");
  EXPECT_EQ(model->Find("spec.split.gap")->type, FieldType::kDuration);
  EXPECT_EQ(model->Find("spec.metrics[0].name")->type, FieldType::kEnum);
  EXPECT_EQ(model->Find("spec.trainer.xgboost.eta")->type, FieldType::kScalars);
  EXPECT_EQ(model->Find("metadata.labels.team")->type, FieldType::kString);
  EXPECT_EQ(model->Find("spec.split.gap.more"), nullptr);
  EXPECT_EQ(model->Find("spec.nothing"), nullptr);
}

TEST(Explain, SaysWhatAFieldMeans) {
  const char* expected =
      "Model.spec.split.gap <duration>\n"
      "\n"
      "  Left out between the two. At least the label's knownAfter, since nobody could have trained on a\n"
      "  label that had not arrived.\n"
      "\n"
      "  default   0s\n";
  EXPECT_EQ(Explain("Model.spec.split.gap").value(), expected);
  EXPECT_EQ(Explain("models.split.gap").value(), expected);
}

TEST(Explain, ListsTheFieldsOfAnObjectAndItsGroups) {
  const std::string text = Explain("ds.files").value();
  EXPECT_NE(text.find("DataSource.spec.files <object>"), std::string::npos) << text;
  EXPECT_NE(text.find("Exactly one of path, paths is given."), std::string::npos) << text;
  EXPECT_NE(text.find("  format <one of auto, parquet, csv, jsonl>\n"), std::string::npos) << text;
  const std::string features = Explain("FeatureView.features").value();
  EXPECT_NE(features.find("aggregate <one of count"), std::string::npos) << features;
  EXPECT_NE(Explain("Model").value().find("Model (models, model)"), std::string::npos);
  EXPECT_NE(Explain("Model.status").value().find("latestVersion"), std::string::npos);
  EXPECT_NE(ExplainKinds().find("ComputePool"), std::string::npos);
}

TEST(Explain, HelpsWithAMisspeltPath) {
  const std::pair<const char*, const char*> cases[] = {
      {"Modle", "unknown kind 'Modle'; did you mean 'Model'?"},
      {"", "unknown kind ''; `millrace explain` lists them"},
      {"Model.spec.splt", "Model.spec has no field 'splt'; did you mean 'split'?"},
      {"Model.splt", "Model has no field 'splt'; did you mean 'split'?"},
      {"Model.spec.split.zzz", "Model.spec.split has no field 'zzz'; it has start, train, gap, test"},
      {"Model.spec.label.x", "Model.spec.label has no field 'x'; it has none"},
  };
  for (const auto& [path, expected] : cases) {
    EXPECT_EQ(Explain(path).status().code(), Code::kNotFound);
    EXPECT_EQ(Explain(path).status().message(), expected);
  }
}

TEST(JsonSchema, DescribesEachFieldOnce) {
  const Json schema = JsonSchema(*FindKind("DataSource"));
  EXPECT_EQ(schema["required"], (Json{"apiVersion", "kind", "metadata", "spec"}));
  EXPECT_EQ(schema["additionalProperties"], false);
  const Json& spec = schema["properties"]["spec"];
  EXPECT_EQ(spec["required"], Json::array({"eventTime"}));
  EXPECT_EQ(spec["allOf"], Json::parse(R"([{"oneOf": [{"required": ["files"]}, {"required": ["push"]}]}])"));
  EXPECT_EQ(spec["properties"]["timeZone"]["default"], "UTC");
  const Json& column = spec["properties"]["columns"]["items"];
  EXPECT_EQ(column["properties"]["type"]["enum"], (Json{"bool", "int64", "double", "string", "timestamp"}));
  EXPECT_EQ(column["properties"]["knownAfter"]["anyOf"].size(), 2U);
  const Json item =
      JsonSchema(*FindKind("FeatureService"))["properties"]["spec"]["properties"]["features"]["items"];
  EXPECT_EQ(item["dependentRequired"]["expression"], Json::array({"name"}));
  const Json model = JsonSchema(*FindKind("Model"))["properties"]["spec"]["properties"];
  EXPECT_EQ(model["trainer"]["properties"]["xgboost"]["additionalProperties"]["anyOf"][0]["type"][0],
            "string");
  EXPECT_EQ(model["seed"]["minimum"], 0.0);
  EXPECT_EQ(JsonSchema(*FindKind("Model"))["properties"]["status"].count("additionalProperties"), 0U);
}

// MILLRACE_UPDATE=1 writes the pages; they are checked in.
TEST(Reference, PagesAreUpToDate) {
  std::vector<std::pair<std::string, std::string>> pages = {{"README", ReferenceIndex()}};
  for (const Kind& kind : Kinds()) pages.emplace_back(kind.singular, ReferencePage(kind));
  for (const auto& [name, text] : pages) {
    const std::string path = kReference + name + ".md";
    if (std::getenv("MILLRACE_UPDATE") != nullptr) {
      ASSERT_TRUE(MakeDirectories(kReference).ok());
      ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    }
    EXPECT_EQ(ReadFile(path).value_or(""), text)
        << path << " is out of date: MILLRACE_UPDATE=1 resource_test writes it";
  }
}

}  // namespace
}  // namespace millrace::resource
