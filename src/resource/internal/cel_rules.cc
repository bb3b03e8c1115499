// What internal/rules.cc says of one resource by itself, once more in CEL.
// tests/cluster holds the two to the same cases and sentences.
#include <vector>

#include "base/text.h"
#include "resource/internal/cel.h"

namespace millrace::resource {
namespace {

struct KindRule {
  const char* kind;
  const char* path;  // of the object or list that `self` is; list elements by []
  std::string rule;
  std::string message;     // where `expression` is given: what is shown if that fails
  std::string expression;  // ""
  std::string field;       // ""
};

// A length of time, a text in itself, in microseconds.
constexpr const char* kMicros =
    "findAll('[0-9]+(w|d|h|ms|us|m|s)').map(part, int(part.find('^[0-9]+')) * (part.endsWith('w') ? "
    "604800000000 : part.endsWith('d') ? 86400000000 : part.endsWith('h') ? 3600000000 : "
    "part.endsWith('ms') ? 1000 : part.endsWith('us') ? 1 : part.endsWith('m') ? 60000000 : 1000000)).sum()";

// No two of `all`, a list of one list made of `self`, are the same. The sentence
// names the first of `shown` whose `key` is there more than once.
KindRule Distinct(const char* kind, const char* path, const std::string& all, const std::string& shown,
                  const std::string& key) {
  return {kind,
          path,
          fmt::format("[{}].all(all, all.all(one, all.exists_one(other, other == one)))", all),
          "a value stands twice",
          fmt::format("'\\'' + [{}].map(all, {}.filter(one, !all.exists_one(other, other == {}))[0])[0] + "
                      "'\\' stands twice'",
                      all, shown, key),
          ""};
}

std::vector<KindRule> DataSourceRules() {
  return {{"DataSource", "spec",
           "!has(self.columns) || !self.columns.exists(c, c.name == self.eventTime && has(c.knownAfter))",
           "the source's eventTime must be known at once; leave knownAfter out",
           "self.eventTime + ' is the source\\'s eventTime: it must be known at once; leave knownAfter out'",
           ".columns"},
          {"DataSource", "spec",
           "!has(self.columns) || !has(self.eventId) || self.eventId == self.eventTime || "
           "!self.columns.exists(c, c.name == self.eventId && has(c.knownAfter))",
           "the source's eventId must be known at once; leave knownAfter out",
           "self.eventId + ' is the source\\'s eventId: it must be known at once; leave knownAfter out'",
           ".columns"},
          {"DataSource", "spec",
           "!has(self.columns) || !has(self.push) || has(self.eventId) || "
           "!self.columns.exists(c, has(c.knownAfter))",
           "a column can only be joined to its event by an id; set spec.eventId",
           "'%s can only be joined to its event by an id; set spec.eventId'.format([self.columns.filter(c, "
           "has(c.knownAfter))[0].name])",
           ".columns"},
          {"DataSource", "spec",
           "!has(self.columns) || !self.columns.exists(c, c.name == self.eventTime && has(c.type) && c.type "
           "!= 'timestamp')",
           "the type of the source's eventTime is timestamp",
           "self.eventTime + ' is the source\\'s eventTime: its type is timestamp'", ".columns"},
          {"DataSource", "spec", "!has(self.eventId) || self.eventId != self.eventTime",
           "is the same column as spec.eventTime; events at one instant would be one", "", ".eventId"}};
}

std::vector<KindRule> FeatureViewRules() {
  const std::string length = fmt::format("one.{}", kMicros);
  return {Distinct("FeatureView", "spec.entities", "self", "all", "one"),
          Distinct("FeatureView", "spec.windows", fmt::format("self.map(one, {})", length), "self", length),
          Distinct("FeatureView", "spec.features", "self.map(one, one.name)", "all", "one"),
          {"FeatureView", "spec.features[]",
           "!(self.aggregate in ['count', 'time_since_last']) || !has(self.of) || self.of == ''",
           "the aggregate is of the events, not of a value; leave 'of' out, or choose events with 'where'",
           "self.aggregate + ' is of the events, not of a value; leave \\'of\\' out, or choose events with "
           "\\'where\\''",
           ".of"},
          {"FeatureView", "spec.features[]",
           "self.aggregate in ['count', 'time_since_last'] || (has(self.of) && self.of != '')",
           "is missing; the aggregate needs a column or an expression",
           "'is missing; ' + self.aggregate + ' needs a column or an expression'", ".of"}};
}

std::vector<KindRule> OtherRules() {
  const std::string inputs =
      "self.filter(i, has(i.request) || has(i.name)).map(i, has(i.request) ? i.request : i.name)";
  return {{"FeatureService", "spec.features",
           fmt::format("[{}].all(all, all.all(one, all.indexOf(one) == all.lastIndexOf(one)))", inputs),
           "an input stands twice; leave one out",
           fmt::format("'the input \\'' + [{}].map(all, all.filter(one, all.indexOf(one) != "
                       "all.lastIndexOf(one))[0])[0] + '\\' stands twice; leave one out'",
                       inputs),
           ""},
          {"ModelEndpoint", "spec.scaling",
           "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
           "minReplicas is more than maxReplicas",
           "'%d is more than maxReplicas, %d'.format([self.minReplicas, self.maxReplicas])", ".minReplicas"}};
}

// The schema of "spec.features[]" in that of the document.
Json& SchemaAt(Json& document, std::string_view path) {
  Json* schema = &document;
  for (std::string part : Split(path, '.')) {
    const bool elements = part.ends_with("[]");
    if (elements) part.resize(part.size() - 2);
    schema = &schema->at("properties").at(part);
    if (elements) schema = &schema->at("items");
  }
  return *schema;
}

}  // namespace

void AddKindRules(const Kind& kind, Json& document) {
  for (const auto& rules : {DataSourceRules(), FeatureViewRules(), OtherRules()}) {
    for (const KindRule& rule : rules) {
      if (rule.kind == kind.name)
        AddRule(SchemaAt(document, rule.path), {rule.rule, rule.message, rule.expression, rule.field});
    }
  }
  // Pairs of 1,024 columns would cost too much in CEL: their names are keys instead.
  if (kind.name == "DataSource") {
    Json& columns = SchemaAt(document, "spec.columns");
    columns["x-kubernetes-list-type"] = "map";
    columns["x-kubernetes-list-map-keys"] = Json::array({"name"});
  }
}

}  // namespace millrace::resource
