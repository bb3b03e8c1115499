// The CustomResourceDefinitions against a real API server: it refuses what
// `millrace validate` refuses, in the same sentence where it is CEL that speaks.
#include "resource/crd.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"
#include "cluster_test.h"
#include "resource/structure.h"
#include "resource/validate.h"

namespace millrace::cluster {
namespace {

using resource::Diagnostic;
using resource::Document;
using resource::FindKind;
using resource::Kind;
using resource::YamlSet;

const std::string kRoot = MILLRACE_SOURCE_DIR;
const std::string kInvalid = kRoot + "/src/resource/testdata/invalid/";

kube::GroupVersionResource ResourceOf(const Kind& kind) {
  return {std::string(resource::kGroup), std::string(resource::kVersion), kind.plural};
}

class CrdTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    if (client_ == nullptr) return;
    InstallKinds(*client_);
  }

  // What the server says of the document as kubectl sends it; nothing is stored.
  Status Judge(const Json& document) {
    const Kind& kind = *FindKind(document.at("kind").get<std::string>());
    Json body = document;
    body["metadata"].erase("namespace");
    kube::Request request =
        kube::CreateRequest(ResourceOf(kind), kind.namespaced ? ns_ : "", body, {.dry_run = true});
    request.query.emplace_back("fieldValidation", "Strict");
    return client_->Do(request).status();
  }
};

bool Holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// What the API server cannot know, and who says it then.
const std::map<std::string, std::string> kExceptions = {
    {"does not exist", "takes other resources"},
    {"leakage: ", "takes other resources"},
    {"has no feature", "takes the view"},
    {"of FeatureView", "takes the view"},
    {"FeatureService input takes", "takes the source"},
    {"which no model can learn", "takes the source"},
    {"stands twice; it is already at", "is about the set of files"},
    {"the key '", "the file's reader: kubectl refuses it"},
    {"there is no time zone", "takes the names of the time zones"},
    {"is empty; expected", "the API server takes a null as left out"},
};

enum class Said : uint8_t { kSameSentence, kOwnWords, kNotReached, kException, kNothing };

Said Compare(const Diagnostic& ours, const std::string& theirs, std::set<std::string>& used) {
  if (Holds(theirs, ours.message)) return Said::kSameSentence;
  const bool unknown =
      Holds(ours.message, "unknown field") && Holds(theirs, fmt::format("unknown field \"{}\"", ours.field));
  const bool duplicate = Holds(ours.message, "stands twice") &&
                         Holds(theirs, ours.field.substr(0, ours.field.rfind('.')) + ": Duplicate value");
  if (unknown || duplicate || Holds(theirs, ours.field + ": ")) return Said::kOwnWords;
  for (const auto& [part, reason] : kExceptions) {
    if (!Holds(ours.message, part)) continue;
    used.insert(part);
    return Said::kException;
  }
  // Unknown fields and wrong types are told before the rest is looked at.
  const bool stopped = Holds(theirs, "some validation rules were not checked") ||
                       Holds(theirs, "strict decoding error") || Holds(theirs, "cannot be handled as");
  return stopped ? Said::kNotReached : Said::kNothing;
}

bool HasKind(const Document& document) {
  return document.value.is_object() && document.value.value("apiVersion", "") == resource::kApiVersion &&
         document.value.contains("kind") && FindKind(document.value["kind"].get<std::string>()) != nullptr &&
         document.value.contains("metadata");
}

// The document's part of what is said of its set: of its lines, until the next one's.
std::vector<Diagnostic> SaidOf(const YamlSet& set, size_t index) {
  const int from = set.documents[index].At("").line;
  const int to = index + 1 < set.documents.size() ? set.documents[index + 1].At("").line : INT32_MAX;
  std::vector<Diagnostic> said;
  const resource::Diagnostics all = resource::Validate(set, {});
  for (const Diagnostic& one : all.items()) {
    if (one.mark.line >= from && one.mark.line < to) said.push_back(one);
  }
  return said;
}

TEST_F(CrdTest, TheServerRefusesWhatValidateRefuses) {
  std::map<Said, int> counts;
  std::set<std::string> used;
  const std::vector<std::string> files = ListDirectory(kInvalid).value();
  for (const std::string& file : files) {
    if (!file.ends_with(".yaml")) continue;
    const YamlSet set = resource::ParseYaml(ReadFile(kInvalid + file).value(), file);
    for (size_t i = 0; i < set.documents.size(); ++i) {
      if (!HasKind(set.documents[i])) continue;  // kubectl knows no such kind
      const std::string theirs = Judge(set.documents[i].value).ToString();
      for (const Diagnostic& ours : SaidOf(set, i)) {
        const Said said = Compare(ours, theirs, used);
        ++counts[said];
        EXPECT_NE(said, Said::kNothing) << ours.ToString() << "\nthe server: " << theirs;
      }
    }
  }
  for (const auto& [part, reason] : kExceptions) EXPECT_TRUE(used.contains(part)) << part << ": " << reason;
  EXPECT_GE(counts[Said::kSameSentence], 20);
  fmt::print("the same sentence {}, the server's own words {}, not reached {}, exceptions {}\n",
             counts[Said::kSameSentence], counts[Said::kOwnWords], counts[Said::kNotReached],
             counts[Said::kException]);
}

struct Case {
  const char* kind;
  const char* spec;
};

// One thing wrong in each: the server and `validate` say it in the same sentence.
const Case kCases[] = {
    {"DataSource", "{eventTime: t}"},
    {"DataSource", "{eventTime: t, push: {}, files: {path: a}}"},
    {"DataSource", "{eventTime: t, files: {format: csv}}"},
    {"DataSource", "{eventTime: t, files: {path: a, paths: [b]}}"},
    {"DataSource", "{eventTime: t, files: {path: ''}}"},
    {"DataSource", "{eventTime: '', push: {}}"},
    {"DataSource", "{eventTime: \"a\\nb\", push: {}}"},
    {"DataSource", "{eventTime: t, push: {}, lateness: 7 days}"},
    {"DataSource", "{eventTime: t, push: {}, lateness: 7}"},
    {"DataSource", "{eventTime: t, push: {}, lateness: -1d}"},
    {"DataSource", "{eventTime: t, push: {}, eventId: t}"},
    {"DataSource", "{eventTime: t, push: {}, columns: [{name: t, type: string}]}"},
    {"DataSource", "{eventTime: t, eventId: id, push: {}, columns: [{name: t, knownAfter: 1d}]}"},
    {"DataSource", "{eventTime: t, eventId: id, push: {}, columns: [{name: id, knownAfter: 1d}]}"},
    {"DataSource", "{eventTime: t, push: {}, columns: [{name: early}, {name: late, knownAfter: 1d}]}"},
    {"FeatureView", "{source: S_1, entities: [k], windows: [1d], features: [{name: n, aggregate: count}]}"},
    {"FeatureView", "{source: s, entities: [k, k], windows: [1d], features: [{name: n, aggregate: count}]}"},
    {"FeatureView", "{source: s, entities: [''], windows: [1d], features: [{name: n, aggregate: count}]}"},
    {"FeatureView",
     "{source: s, entities: [k], windows: [1d, 24h], features: [{name: n, aggregate: count}]}"},
    {"FeatureView",
     "{source: s, entities: [k], windows: [1d, 0h0m], features: [{name: n, aggregate: count}]}"},
    {"FeatureView", "{source: s, entities: [k], windows: [1 d], features: [{name: n, aggregate: count}]}"},
    {"FeatureView",
     "{source: s, entities: [k], windows: [1d], ttl: 0s, features: [{name: n, aggregate: count}]}"},
    {"FeatureView", "{source: s, entities: [k], windows: [1d], features: [{name: 1st, aggregate: count}]}"},
    {"FeatureView",
     "{source: s, entities: [k], windows: [1d], features: [{name: n, aggregate: count, of: a}]}"},
    {"FeatureView", "{source: s, entities: [k], windows: [1d], features: [{name: n, aggregate: sum}]}"},
    {"FeatureView",
     "{source: s, entities: [k], windows: [1d], features: [{name: n, aggregate: count}, {name: n, "
     "aggregate: count, where: a > 1}]}"},
    {"FeatureService", "{features: [{type: double, request: a}, {request: a}]}"},
    {"FeatureService", "{features: [{request: a}, {name: a, expression: b}]}"},
    {"FeatureService", "{features: [{}]}"},
    {"FeatureService", "{features: [{request: a, view: b}]}"},
    {"FeatureService", "{features: [{request: a, view: b, expression: c, name: d}]}"},
    {"FeatureService", "{features: [{expression: a + 1}]}"},
    {"FeatureService", "{features: [{request: a, name: b}]}"},
    {"FeatureService", "{features: [{view: a, type: double}]}"},
    {"FeatureService", "{features: [{request: a, features: [b]}]}"},
    {"FeatureService", "{features: [{view: A}]}"},
    {"TrainingJob", "{model: fraud, start: yesterday}"},
    {"TrainingJob", "{model: fraud, start: 2018-02-30}"},
    {"TrainingJob", "{model: fraud, start: '2018-02-03T24:00:00Z'}"},
    {"TrainingJob", "{model: -fraud}"},
    {"Model", "{input: i, examples: e, label: l, trainer: {xgboost: {}}, split: {train: 0d, test: 1d}}"},
    {"Model",
     "{input: i, examples: e, label: l, trainer: {xgboost: {}}, split: {train: 1d, test: 1d}, limits: "
     "{memory: 2 GB}}"},
    {"ModelEndpoint", "{model: 'fraud:latest'}"},
    {"ModelEndpoint", "{model: fraud, scaling: {minReplicas: 3, maxReplicas: 2}}"},
    {"ModelEndpoint", "{model: fraud, scaling: {minReplicas: 3}}"},
    {"ComputePool", "{memory: 2 GB}"},
    {"ComputePool", "{memory: -1}"},
};

Document DocumentOf(const Case& one) {
  const YamlSet set = resource::ParseYaml(
      fmt::format("apiVersion: millrace.dev/v1alpha1\nkind: {}\nmetadata: {{name: a}}\nspec: {}\n", one.kind,
                  one.spec),
      "case.yaml");
  EXPECT_TRUE(set.diagnostics.empty()) << set.diagnostics.ToString();
  return set.documents.at(0);
}

TEST_F(CrdTest, TheServerAndValidateSayTheSameSentence) {
  for (const Case& one : kCases) {
    const Document document = DocumentOf(one);
    const std::string theirs = Judge(document.value).ToString();
    int told = 0;
    const resource::Diagnostics all = resource::Validate({{document}, {}}, {});
    for (const Diagnostic& ours : all.items()) {
      if (Holds(ours.message, "does not exist")) continue;
      ++told;
      EXPECT_TRUE(Holds(theirs, ours.message)) << one.spec << "\n"
                                               << ours.ToString() << "\nthe server: " << theirs;
    }
    EXPECT_EQ(told, 1) << one.spec;
  }
}

TEST_F(CrdTest, ANameIsJudgedInTheSameSentence) {
  Json document = DocumentOf({"Project", "{}"}).value;
  for (const std::string& name : {std::string("a.b"), std::string(64, 'a')}) {
    document["metadata"]["name"] = name;
    const std::string theirs = Judge(document).ToString();
    EXPECT_TRUE(Holds(theirs, "is no name: lower-case letters, digits and '-', at most 63")) << theirs;
  }
}

TEST_F(CrdTest, TheServerAcceptsWhatValidateAccepts) {
  for (const char* folder : {"/src/resource/testdata/valid", "/examples"}) {
    const YamlSet set = resource::LoadYaml(kRoot + folder);
    ASSERT_FALSE(set.documents.empty());
    for (const Document& document : set.documents) {
      const Status status = Judge(document.value);
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
  }
  const Case more[] = {
      {"DataSource",
       "{eventTime: t, eventId: i, push: {}, lateness: 0, columns: [{name: c, knownAfter: 0}]}"},
      {"FeatureView",
       "{source: s, entities: [k], windows: [1w, 1d12h, 90s, 5ms, 5us], delay: 0, ttl: 1d, features: [{name: "
       "n, aggregate: sum, of: a, default: 0}, {name: m, aggregate: max, of: a, default: text}]}"},
      {"ComputePool", "{memory: 1048576}"},
      {"ComputePool", "{memory: 1.5G}"},
      {"TrainingJob", "{model: m, start: '2018-07-25T13:30:00.5+02:00', parameters: {eta: 0.1, a: [1, x]}}"},
      {"ModelEndpoint", "{model: 'm:007'}"},
  };
  for (const Case& one : more) {
    const Document document = DocumentOf(one);
    EXPECT_TRUE(resource::CheckStructure(document).empty()) << one.spec;
    const Status status = Judge(document.value);
    EXPECT_TRUE(status.ok()) << one.spec << ": " << status.ToString();
  }
}

TEST_F(CrdTest, NoNameIsOneOfKubernetesOwn) {
  std::set<std::string> theirs;
  for (const char* group : {"/api/v1", "/apis/apps/v1", "/apis/batch/v1", "/apis/autoscaling/v2",
                            "/apis/networking.k8s.io/v1", "/apis/policy/v1"}) {
    const Json list = ParseJson(client_->Raw(group).value()).value();
    for (const Json& one : list.at("resources")) {
      theirs.insert(one.at("name").get<std::string>());
      theirs.insert(one.at("singularName").get<std::string>());
      for (const Json& name : one.value("shortNames", Json::array())) theirs.insert(name.get<std::string>());
    }
  }
  for (const Kind& kind : resource::Kinds()) {
    const Json names = resource::CustomResourceDefinition(kind).at("spec").at("names");
    for (const Json& name : names.value("shortNames", Json::array())) {
      EXPECT_FALSE(theirs.contains(name.get<std::string>())) << name;
    }
    EXPECT_FALSE(theirs.contains(kind.plural));
    EXPECT_FALSE(theirs.contains(kind.singular));
  }
}

TEST_F(CrdTest, GetShowsTheColumnsAndTheReadyCondition) {
  const kube::GroupVersionResource views = ResourceOf(*FindKind("FeatureView"));
  const Json view =
      DocumentOf({"FeatureView",
                  "{source: s, entities: [k, m], windows: [1d], features: [{name: n, aggregate: count}]}"})
          .value;
  const auto made = client_->Create(views, ns_, view);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(made->at("spec").at("delay"), "0s");  // the default is the server's too
  kube::ObjectName status = Named(views, "a");
  status.subresource = "status";
  const Json ready = {{"type", "Ready"}, {"status", "True"}, {"reason", "Published"}, {"message", "It is."}};
  const auto written =
      client_->Patch(status, kube::PatchType::kMerge,
                     {{"status", {{"keys", 7}, {"conditions", Json::array({ready})}, {"more", 1}}}});
  ASSERT_TRUE(written.ok()) << written.status().ToString();
  kube::Request request = kube::ListRequest(views, ns_);
  request.accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const Json table = client_->Do(request).value();
  std::vector<std::string> names;
  for (const Json& column : table.at("columnDefinitions")) names.push_back(column.at("name"));
  EXPECT_EQ(names, (std::vector<std::string>{"Name", "READY", "SOURCE", "ENTITIES", "KEYS", "ROWS",
                                             "SNAPSHOT", "AGE", "REASON", "MESSAGE"}));
  const Json& cells = table.at("rows").at(0).at("cells");
  EXPECT_EQ(cells.at(1), "True");
  EXPECT_EQ(cells.at(3), R"(["k","m"])");
  EXPECT_EQ(cells.at(4), 7);
  EXPECT_EQ(cells.at(8), "Published");
}

}  // namespace
}  // namespace millrace::cluster
