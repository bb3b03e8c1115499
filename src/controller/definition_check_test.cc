// What is refused before anything is stored, in which words and where.
#include "controller/definition_check.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "resource/admit.h"
#include "resource/validate.h"

namespace millrace::controller {
namespace {

using resource::Diagnostics;
using resource::Resource;
using resource::Validate;

// Line by line as the messages give places.
constexpr std::string_view kFraud = R"(apiVersion: millrace.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  push: {}
  eventTime: time
  eventId: id
  columns:
  - {name: time, type: timestamp}
  - {name: id, type: int64}
  - {name: customer, type: int64}
  - {name: terminal, type: string}
  - {name: amount, type: double}
  - {name: fraud, type: int64, knownAfter: 7d}
---
apiVersion: millrace.dev/v1alpha1
kind: FeatureView
metadata: {name: spending}
spec:
  source: events
  entities: [customer]
  where: amount > 0
  windows: [1d, 7d]
  features:
  - {name: payments, aggregate: count, where: amount > 10}
  - {name: mean, aggregate: mean, of: amount}
---
apiVersion: millrace.dev/v1alpha1
kind: FeatureService
metadata: {name: input}
spec:
  features:
  - {request: amount}
  - {name: night, expression: hour(time) <= 6}
  - {view: spending}
---
apiVersion: millrace.dev/v1alpha1
kind: Model
metadata: {name: fraud}
spec:
  input: input
  examples: events
  where: amount > 0
  label: fraud
  split: {train: 7d, gap: 7d, test: 7d}
  trainer:
    xgboost: {max_depth: 3, eta: 0.1}
  metrics:
  - {name: precision_at, k: 100, per: customer, every: 1d}
  gates:
  - average_precision >= 0.5
---
apiVersion: millrace.dev/v1alpha1
kind: TrainingJob
metadata: {name: again}
spec:
  model: fraud
  parameters: {max_depth: 4}
)";

std::string Changed(std::string text, const std::vector<std::pair<std::string, std::string>>& changes) {
  for (const auto& [old, now] : changes) {
    const size_t at = text.find(old);
    EXPECT_NE(at, std::string::npos) << old;
    if (at != std::string::npos) text.replace(at, old.size(), now);
  }
  return text;
}

resource::YamlSet Fraud(const std::vector<std::pair<std::string, std::string>>& changes = {}) {
  return resource::ParseYaml(Changed(std::string(kFraud), changes), "f.yaml");
}

std::vector<Resource> Stored(const resource::YamlSet& set) {
  std::vector<Resource> resources;
  for (const resource::Document& document : set.documents) {
    resources.push_back(resource::ToResource(document).value());
  }
  return resources;
}

struct Case {
  std::string name;
  std::vector<std::pair<std::string, std::string>> changes;
  std::string expected;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class BadDefinition : public testing::TestWithParam<Case> {};

TEST_P(BadDefinition, IsRefusedWithThisSentence) {
  EXPECT_EQ(Validate(Fraud(GetParam().changes), {}, CheckDefinitions()).ToString(), GetParam().expected);
}

const std::vector<Case> kOfSourcesAndViews = {
    {"ColumnWithoutType",
     {{"{name: amount, type: double}", "{name: amount}"}},
     "f.yaml:13:5: DataSource events: spec.columns[4]: 'amount' needs a type: a source that is only pushed "
     "to "
     "has no data to take it from\n"},
    {"MisspeltEventTimeAndId",
     {{"eventTime: time", "eventTime: tiem"}, {"eventId: id", "eventId: ids"}},
     "f.yaml:6:3: DataSource events: spec.eventTime: the data has no column 'tiem'; did you mean 'time'?\n"},
    {"MisspeltEntity",
     {{"entities: [customer]", "entities: [custmer]"}},
     "f.yaml:21:14: FeatureView spending: spec.entities[0]: there is no column 'custmer'; did you mean "
     "'customer'?\n"},
    {"MisspeltColumnInOf",
     {{"of: amount", "of: amuont * 2"}},
     "f.yaml:26:35: FeatureView spending: spec.features[1].of: character 1: there is no column amuont; did "
     "you "
     "mean amount?\n"},
    {"ConditionThatIsNone",
     {{"  where: amount > 0\n  windows", "  where: amount + 1\n  windows"}},
     "f.yaml:22:3: FeatureView spending: spec.where: a condition is bool, and this is double\n"},
    {"AggregateOfText",
     {{"of: amount", "of: terminal"}},
     "f.yaml:26:35: FeatureView spending: spec.features[1].of: a mean or stddev needs numbers (bool, int64 "
     "or "
     "double), and this is string\n"},
    {"DefaultOfAnotherType",
     {{"of: amount}", "of: amount, default: none}"}},
     "f.yaml:26:47: FeatureView spending: spec.features[1].default: the default \"none\" is no double\n"},
};

const std::vector<Case> kOfServicesAndModels = {
    {"MisspeltRequestField",
     {{"request: amount", "request: amonut"}},
     "f.yaml:33:6: FeatureService input: spec.features[0].request: events has no column 'amonut'; did you "
     "mean "
     "'amount'?; a field that is none needs a type\n"},
    {"InputThatIsText",
     {{"request: amount", "request: terminal"}},
     "f.yaml:33:6: FeatureService input: spec.features[0].request: terminal is string, and a model's input "
     "is "
     "bool, int64 or double; an expression can make one\n"},
    {"UnknownParameter",
     {{"max_depth: 3", "max_dept: 3"}},
     "f.yaml:47:15: Model fraud: spec.trainer.xgboost.max_dept: is no parameter of XGBoost's tree boosters; "
     "did "
     "you mean 'max_depth'?\n"},
    {"ParameterOutOfBoundsOrOfAnotherType",
     {{"max_depth: 3, eta: 0.1", "max_depth: deep, eta: 1.5"}},
     "f.yaml:47:15: Model fraud: spec.trainer.xgboost.max_depth: is \"deep\"; it must be a whole number in "
     "[0, "
     "64]\n"
     "f.yaml:47:32: Model fraud: spec.trainer.xgboost.eta: is 1.5; it must be a number in [0, 1]\n"},
    {"ObjectiveThatIsNotServed",
     {{"eta: 0.1", "objective: binary:logitraw"}},
     "f.yaml:47:29: Model fraud: spec.trainer.xgboost.objective: is \"binary:logitraw\"; it must be one of "
     "binary:logistic, reg:logistic; did you mean 'binary:logistic'?\n"},
    {"GateOfAnUnknownMetric",
     {{"average_precision >= 0.5", "average_precison >= 0.5"}},
     "f.yaml:51:5: Model fraud: spec.gates[0]: column 1: there is no metric 'average_precison', did you mean "
     "'average_precision'? in the gate 'average_precison >= 0.5'; an example: average_precision >= "
     "champion.average_precision - 0.01\n"},
    {"GateWithoutComparison",
     {{"average_precision >= 0.5", "average_precision = 0.5"}},
     "f.yaml:51:5: Model fraud: spec.gates[0]: column 19: '>=', '<=', '>' or '<' is expected in the gate "
     "'average_precision = 0.5'; an example: average_precision >= champion.average_precision - 0.01\n"},
    {"MetricWithoutK",
     {{"{name: precision_at, k: 100, per: customer, every: 1d}", "{name: precision_at}"}},
     "f.yaml:49:5: Model fraud: spec.metrics[0]: precision_at needs k, such as k: 100\n"},
    {"MetricPerAnUnknownColumn",
     {{"per: customer", "per: custmer"}},
     "f.yaml:49:34: Model fraud: spec.metrics[0].per: there is no column 'custmer'; did you mean "
     "'customer'?\n"},
    {"LabelThatIsNoColumn",
     {{"label: fraud", "label: frauds"}},
     "f.yaml:44:3: Model fraud: spec.label: there is no column 'frauds'; did you mean 'fraud'?\n"},
    {"LabelThatIsText",
     {{"label: fraud", "label: terminal"}},
     "f.yaml:44:3: Model fraud: spec.label: terminal is string, and a label is bool, int64 or double\n"},
    {"ParameterOfAJob",
     {{"parameters: {max_depth: 4}", "parameters: {max_leafs: 4}"}},
     "f.yaml:58:16: TrainingJob again: spec.parameters.max_leafs: is no parameter of XGBoost's tree "
     "boosters; "
     "did you mean 'max_leaves'?\n"},
    {"ParameterOfAJobThatItsModelHasByAnotherName",
     {{"parameters: {max_depth: 4}", "parameters: {learning_rate: 0.2}"}},
     "f.yaml:58:16: TrainingJob again: spec.parameters.learning_rate: is the same as 'eta', which is also "
     "given; leave one out\n"},
};

std::string NameOf(const testing::TestParamInfo<Case>& tested) { return tested.param.name; }
INSTANTIATE_TEST_SUITE_P(SourcesAndViews, BadDefinition, testing::ValuesIn(kOfSourcesAndViews), NameOf);
INSTANTIATE_TEST_SUITE_P(ServicesAndModels, BadDefinition, testing::ValuesIn(kOfServicesAndModels), NameOf);

TEST(CheckDefinitions, AcceptsWhatIsRight) {
  EXPECT_EQ(Validate(Fraud(), {}, CheckDefinitions()).ToString(), "");
}

TEST(CheckDefinitions, TellsEverythingAtOnce) {
  const Diagnostics wrong = Validate(Fraud({{"entities: [customer]", "entities: [custmer]"},
                                            {"of: amount", "of: amuont"},
                                            {"hour(time) <= 6", "hour(amount) <= 6"},
                                            {"max_depth: 3, eta: 0.1", "max_dept: 3, eta: 7"},
                                            {"average_precision >= 0.5", "auc >= 0.5"},
                                            {"label: fraud", "label: frauds"}}),
                                     {}, CheckDefinitions());
  std::vector<std::string> fields;
  for (const resource::Diagnostic& one : wrong.items()) fields.push_back(one.field);
  EXPECT_EQ(fields,
            (std::vector<std::string>{
                "spec.entities[0]", "spec.features[1].of", "spec.features[1].expression", "spec.label",
                "spec.trainer.xgboost.max_dept", "spec.trainer.xgboost.eta", "spec.gates[0]"}))
      << wrong.ToString();
}

TEST(CheckDefinitions, DoesNotTellTwiceWhatARuleHasTold) {
  const Diagnostics wrong = Validate(Fraud({{"of: amount", "of: fraud"}}), {}, CheckDefinitions());
  ASSERT_EQ(wrong.size(), 1U) << wrong.ToString();
  EXPECT_NE(wrong.items()[0].message.find("leakage"), std::string::npos);
}

TEST(CheckDefinitions, RefusesAChangeOfASourceThatAStoredViewCannotFollow) {
  const resource::YamlSet before = Fraud();
  resource::YamlSet after = Fraud({{"  - {name: amount, type: double}\n", ""}});
  after.documents.resize(1);
  const std::string no_amount =
      "character 1: there is no column amount; there are time, id, customer, terminal, fraud (text is "
      "written "
      "in single quotes)\n";
  EXPECT_EQ(Validate(after, Stored(before), CheckDefinitions()).ToString(),
            "FeatureService input (which exists): spec.features[0].request: events has no column 'amount'; a "
            "field that is none needs a type\n"
            "FeatureView spending (which exists): spec.features[0].where: " +
                no_amount + "FeatureView spending (which exists): spec.features[1].of: " + no_amount +
                "FeatureView spending (which exists): spec.where: " + no_amount +
                "Model fraud (which exists): spec.where: " + no_amount);
}

TEST(CheckDefinitions, DoesNotBlameASetForWhatWasStoredBefore) {
  const std::vector<Resource> stored = Stored(Fraud({{"of: amount", "of: amuont"}}));
  resource::YamlSet source = Fraud({{"{name: terminal, type: string}", "{name: shop, type: string}"}});
  source.documents.resize(1);
  EXPECT_EQ(Validate(source, stored, CheckDefinitions()).ToString(), "");
}

TEST(CheckDefinitions, AnUnchangedSetIsNotRefusedForFilesThatChanged) {
  const TempDirectory folder;
  const std::string yaml = folder.path() + "/f.yaml";
  const std::string rows = folder.path() + "/rows.csv";
  ASSERT_TRUE(WriteFileAtomically(rows, "time,customer,amount\n2026-01-01T00:00:00Z,7,1.5\n").ok());
  const std::string text =
      "apiVersion: millrace.dev/v1alpha1\nkind: DataSource\nmetadata: {name: events}\nspec:\n"
      "  files: {path: rows.csv}\n  eventTime: time\n"
      "---\napiVersion: millrace.dev/v1alpha1\nkind: FeatureView\nmetadata: {name: spending}\nspec:\n"
      "  source: events\n  entities: [customer]\n  windows: [1d]\n"
      "  features: [{name: mean, aggregate: mean, of: amount}]\n";
  ASSERT_TRUE(WriteFileAtomically(yaml, text).ok());
  const std::vector<Resource> stored = Stored(resource::LoadYaml(yaml));
  ASSERT_EQ(Validate(resource::LoadYaml(yaml), {}, CheckDefinitions()).ToString(), "");
  // The column of numbers is text by now.
  ASSERT_TRUE(WriteFileAtomically(rows, "time,customer,amount\n2026-01-01T00:00:00Z,7,n/a\n").ok());
  EXPECT_NE(Validate(resource::LoadYaml(yaml), {}, CheckDefinitions()).ToString(), "");
  EXPECT_EQ(Validate(resource::LoadYaml(yaml), stored, CheckDefinitions()).ToString(), "");
  // What says something new is told of what is wrong with it now.
  ASSERT_TRUE(WriteFileAtomically(yaml, Changed(text, {{"windows: [1d]", "windows: [2d]"}})).ok());
  EXPECT_NE(Validate(resource::LoadYaml(yaml), stored, CheckDefinitions())
                .ToString()
                .find("FeatureView spending: spec.features[0].of"),
            std::string::npos);
}

TEST(CheckDefinitions, ARunCanBeCancelledAfterItsModelHasChanged) {
  // As if the Model had had another trainer when the run began.
  const std::vector<Resource> stored =
      Stored(Fraud({{"parameters: {max_depth: 4}", "parameters: {depth: 4}"}}));
  const auto write = [&](const Json& spec) {
    Resource job = stored.back();
    job.spec.update(spec);
    return resource::ValidateWrite(stored, {job}, CheckDefinitions()).ToString();
  };
  EXPECT_EQ(write({{"cancel", true}}), "");
  EXPECT_NE(write({{"parameters", {{"depth", 5}}}}), "");
  EXPECT_EQ(write({{"parameters", {{"max_depth", 5}}}}), "");
}

TEST(CheckDefinitions, LooksAtTheColumnsOfFiles) {
  const TempDirectory folder;
  const std::string yaml = folder.path() + "/f.yaml";
  ASSERT_TRUE(
      WriteFileAtomically(folder.path() + "/rows.csv", "time,customer,amount\n2026-01-01T00:00:00Z,7,1.5\n")
          .ok());
  const std::string text =
      "apiVersion: millrace.dev/v1alpha1\nkind: DataSource\nmetadata: {name: events}\nspec:\n"
      "  files: {path: rows.csv}\n  eventTime: time\n  eventId: ids\n"
      "  columns:\n  - {name: amuont, type: double}\n  - {name: late, knownAfter: 1d}\n"
      "---\napiVersion: millrace.dev/v1alpha1\nkind: FeatureView\nmetadata: {name: spending}\nspec:\n"
      "  source: events\n  entities: [customer]\n  windows: [1d]\n"
      "  features: [{name: mean, aggregate: mean, of: amonut}]\n";
  ASSERT_TRUE(WriteFileAtomically(yaml, text).ok());
  const Diagnostics wrong = Validate(resource::LoadYaml(yaml), {}, CheckDefinitions());
  std::vector<std::string> fields;
  for (const resource::Diagnostic& one : wrong.items()) fields.push_back(one.resource + " " + one.field);
  EXPECT_EQ(fields, (std::vector<std::string>{
                        "DataSource events spec.eventId", "DataSource events spec.columns[0]",
                        "DataSource events spec.columns[1]", "FeatureView spending spec.features[0].of"}))
      << wrong.ToString();
  // What is not there yet can say nothing.
  ASSERT_TRUE(RemoveTree(folder.path() + "/rows.csv").ok());
  EXPECT_EQ(Validate(resource::LoadYaml(yaml), {}, CheckDefinitions()).ToString(), "");
}

TEST(CheckDefinitions, RefusesRowsInTheDataDirectory) {
  const TempDirectory folder;
  ASSERT_TRUE(
      WriteFileAtomically(folder.path() + "/token.csv", "time,secret\n2026-01-01T00:00:00Z,x\n").ok());
  const std::string text = fmt::format(
      "apiVersion: millrace.dev/v1alpha1\nkind: DataSource\nmetadata: {{name: events}}\nspec:\n"
      "  files: {{path: {}/token.csv}}\n  eventTime: time\n",
      folder.path());
  EXPECT_EQ(Validate(resource::ParseYaml(text, "f.yaml"), {}, CheckDefinitions(folder.path())).ToString(),
            fmt::format("f.yaml:5:3: DataSource events: spec.files: {}/token.csv lies in Millrace's own data "
                        "directory; move the rows elsewhere\n",
                        folder.path()));
}

}  // namespace
}  // namespace millrace::controller
