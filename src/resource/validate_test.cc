#include "resource/validate.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"

namespace millrace::resource {
namespace {

const std::string kData = std::string(MILLRACE_SOURCE_DIR) + "/src/resource/testdata/";

std::vector<Resource> ResourcesOf(const YamlSet& set) {
  std::vector<Resource> resources;
  for (const Document& document : set.documents) {
    Resource resource = Resource::FromJson(document.value).value();
    const bool project = resource.kind == "Project";
    if (!project && resource.metadata.project.empty()) resource.metadata.project = "default";
    resources.push_back(std::move(resource));
  }
  return resources;
}

// The messages, with the file's name alone in place of its path.
std::string MessagesFor(const std::string& folder, const std::string& name) {
  const Result<std::string> text = ReadFile(kData + folder + name);
  EXPECT_TRUE(text.ok());
  return Validate(ParseYaml(*text, name), {}).ToString();
}

TEST(Validate, AcceptsTheValidDocuments) {
  for (const char* name : {"fraud.yaml", "others.yaml"}) EXPECT_EQ(MessagesFor("valid/", name), "") << name;
}

class InvalidDocuments : public testing::TestWithParam<std::string> {};

TEST_P(InvalidDocuments, GetTheseMessages) {
  const std::string messages = MessagesFor("invalid/", GetParam());
  const std::string expected_path = kData + "invalid/" + GetParam() + ".expected";
  if (std::getenv("MILLRACE_UPDATE") != nullptr) {
    ASSERT_TRUE(WriteFileAtomically(expected_path, messages).ok());
  }
  const Result<std::string> expected = ReadFile(expected_path);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  EXPECT_EQ(messages, *expected);
  EXPECT_FALSE(messages.empty());
}

std::vector<std::string> InvalidFiles() {
  std::vector<std::string> files;
  for (const std::string& name : ListDirectory(kData + "invalid").value_or({})) {
    if (name.ends_with(".yaml")) files.push_back(name);
  }
  return files;
}

INSTANTIATE_TEST_SUITE_P(Testdata, InvalidDocuments, testing::ValuesIn(InvalidFiles()),
                         [](const auto& tested) { return tested.param.substr(0, tested.param.find('.')); });

TEST(Validate, FindsReferencesAmongWhatExists) {
  const YamlSet fraud = LoadYaml(kData + "valid/fraud.yaml");
  const std::vector<Resource> existing = ResourcesOf(fraud);
  const YamlSet endpoint = ParseYaml(
      "apiVersion: millrace.dev/v1alpha1\nkind: ModelEndpoint\nmetadata: {name: second}\nspec: {model: "
      "fraud}\n",
      "second.yaml");
  EXPECT_EQ(Validate(endpoint, existing).ToString(), "");
  EXPECT_EQ(
      Validate(endpoint, {}).ToString(),
      "second.yaml:4:8: ModelEndpoint second: spec.model: Model 'fraud' does not exist in project default\n");
}

TEST(Validate, RefusesAChangeThatBreaksWhatExists) {
  const std::vector<Resource> existing = ResourcesOf(LoadYaml(kData + "valid/fraud.yaml"));
  const YamlSet later = ParseYaml(
      "apiVersion: millrace.dev/v1alpha1\nkind: DataSource\nmetadata: {name: transactions}\n"
      "spec:\n  push: {}\n  eventTime: tx_datetime\n  eventId: transaction_id\n"
      "  columns:\n  - {name: tx_fraud, knownAfter: 10d}\n",
      "later.yaml");
  EXPECT_EQ(Validate(later, existing).ToString(),
            "FeatureView terminal-risk (which exists): spec.features[1].of: leakage: 'tx_fraud' is known "
            "only 10d after "
            "its event, but the view's delay is 7d; set spec.delay to at least 10d\n"
            "Model fraud (which exists): spec.split.gap: leakage: 7d is shorter than the label's delay: "
            "'tx_fraud' is "
            "known only 10d after its event; set it to at least 10d\n");
}

TEST(Validate, DoesNotBlameASetForWhatWasWrongBefore) {
  std::vector<Resource> existing = ResourcesOf(LoadYaml(kData + "valid/fraud.yaml"));
  existing[1].spec["source"] = "gone";
  const YamlSet project = ParseYaml(
      "apiVersion: millrace.dev/v1alpha1\nkind: Project\nmetadata: {name: other}\nspec: {}\n", "p.yaml");
  EXPECT_EQ(Validate(project, existing).ToString(), "");
}

TEST(Validate, RefusesToReferToWhatIsBeingDeleted) {
  std::vector<Resource> existing = ResourcesOf(LoadYaml(kData + "valid/fraud.yaml"));
  for (Resource& resource : existing) {
    if (resource.kind == "Model") resource.metadata.deletion_time = EventTime{1};
  }
  const YamlSet endpoint = ParseYaml(
      "apiVersion: millrace.dev/v1alpha1\nkind: ModelEndpoint\nmetadata: {name: second}\nspec: {model: "
      "fraud}\n",
      "second.yaml");
  EXPECT_EQ(Validate(endpoint, existing).ToString(),
            "second.yaml:4:8: ModelEndpoint second: spec.model: Model 'fraud' is being deleted\n");
}

TEST(References, AreThoseThatTheDescriptionNames) {
  const std::vector<Resource> fraud = ResourcesOf(LoadYaml(kData + "valid/fraud.yaml"));
  std::vector<std::string> of_model;
  for (const ResourceKey& key : References(fraud[4])) of_model.push_back(key.ToString());
  EXPECT_EQ(of_model, (std::vector<std::string>{"Project default", "FeatureService fraud-input",
                                                "DataSource transactions"}));
  std::vector<std::string> of_source;
  for (const ResourceKey& key : Dependents({"DataSource", "default", "transactions"}, fraud)) {
    of_source.push_back(key.ToString());
  }
  EXPECT_EQ(of_source, (std::vector<std::string>{"FeatureView customer-spending", "FeatureView terminal-risk",
                                                 "Model fraud", "ModelEndpoint fraud"}));
}

TEST(MentionedColumns, AreNamesThatAreNoCallsKeywordsOrTexts) {
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"", {}},
      {"tx_amount", {"tx_amount"}},
      {"hour(tx_datetime, 'Europe/Zurich') <= 6 AND NOT a", {"tx_datetime", "a"}},
      {"a + a*b", {"a", "b"}},
      {"1e3 + 1.5e-3 + x2", {"x2"}},
      {"'it''s a' || b", {"b"}},
      {"\"merchant id\" = 3", {"merchant id"}},
      {"\"a \"\"quoted\"\" name\"", {"a \"quoted\" name"}},
      {"case when a then b else null end", {"a", "b"}},
      {"coalesce (a, 0)", {"a"}},
      {"a in (1, 2)", {"a"}},
      {"'never closed", {}},
      {"\"never closed", {"never closed"}},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(MentionedColumns(text), expected) << text;
}

}  // namespace
}  // namespace millrace::resource
