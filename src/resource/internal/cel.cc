#include "resource/internal/cel.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "resource/internal/patterns.h"
#include "resource/structure.h"

namespace millrace::resource {
namespace {

// The API server's limit of what one rule may cost by its estimate, and its
// weights: a tenth a character read, a quarter a character of a pattern.
constexpr double kMostCost = 10'000'000;
constexpr double kPerCharacter = 0.1;
constexpr double kPerPatternCharacter = 0.25;
// A field that takes texts and numbers counts as a text as long as a whole request.
constexpr double kUnboundedLength = 3 * 1024 * 1024;

constexpr const char* kPlaceholder = "?";  // wrong for every type, and in no sentence otherwise

// A string literal of CEL.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\\' || c == '\'') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// The sentence as an expression, with `expression` in place of `placeholder`.
std::string SentenceWith(const std::string& sentence, const std::string& placeholder,
                         const std::string& expression) {
  const size_t at = sentence.find(placeholder);
  if (placeholder.empty() || at == std::string::npos) return "";
  return fmt::format("{} + {} + {}", Quoted(sentence.substr(0, at)), expression,
                     Quoted(sentence.substr(at + placeholder.size())));
}

// What validation says of the value itself.
std::string SentenceOf(const Field& field, const Json& wrong) {
  const Diagnostics found = CheckValue({}, field, wrong, "");
  for (const Diagnostic& told : found.items()) {
    if (told.field.empty()) return told.message;
  }
  MR_CHECK(false, "{} is right for {}, a field of {}", FormatJson(wrong), field.name, field.TypeText());
  return "";
}

// The pattern of a type that has one, or "".
std::string_view PatternOf(FieldType type) {
  switch (type) {
    case FieldType::kDuration:
      return kDurationPattern;
    case FieldType::kQuantity:
      return kQuantityPattern;
    case FieldType::kTimestamp:
      return kTimestampPattern;
    case FieldType::kModelReference:
      return kModelPattern;
    case FieldType::kDnsLabel:
    case FieldType::kReference:
      return kDnsPattern;
    case FieldType::kIdentifier:
      return kIdentifierPattern;
    default:
      return "";
  }
}

bool TooCostly(std::string_view pattern, double length, double copies) {
  // Half of what is allowed: the condition asks more than the pattern alone.
  return copies * length * kPerCharacter * static_cast<double>(pattern.size()) * kPerPatternCharacter >
         kMostCost / 2;
}

// As validation shows it in a sentence.
constexpr const char* kShortened = "(size(self) > 60 ? self.substring(0, 60) + '…' : self)";

void AddAbovePositive(const Field& field, Json& schema) {
  MR_CHECK(!field.maximum && (!field.minimum || (field.above_minimum && *field.minimum == 0)),
           "{}: the only bound of a length of time that a rule can hold is to be above 0", field.name);
  if (!field.minimum) return;
  const std::string message = SentenceOf(field, "0s");
  AddRule(schema, {fmt::format("!self.matches({}) || self.matches('[1-9]')", Quoted(kDurationPattern)),
                   message, "", ""});
}

void AddLineRules(const Field& field, Json& schema) {
  AddRule(schema, {"self != ''", SentenceOf(field, ""), "", ""});
  AddRule(schema, {"!self.contains('\\n') && !self.contains('\\u0000')", SentenceOf(field, "\n"), "", ""});
}

// Which of the group's too many are given, case by case: what a rule puts together itself counts as endless.
std::string SentencesOfSeveral(const Field& object, const std::vector<std::string>& group) {
  MR_CHECK(group.size() <= 4, "{}: a group of {} has too many cases for a rule", object.name, group.size());
  const auto is_in = [](size_t i, size_t chosen) { return (chosen >> i & 1) != 0; };
  std::string cases = "''";
  // More names have the higher number among those that hold both: asked first.
  for (size_t chosen = 0; chosen < size_t{1} << group.size(); ++chosen) {
    std::vector<std::string> has;
    Json value = Json::object();
    for (size_t i = 0; i < group.size(); ++i) {
      if (!is_in(i, chosen)) continue;
      has.push_back(fmt::format("has(self.{})", group[i]));
      value[group[i]] = 0;
    }
    if (has.size() < 2) continue;
    cases = fmt::format("{} ? {} : {}", Join(has, " && "), Quoted(SentenceOf(object, value)), cases);
  }
  return cases;
}

}  // namespace

void AddRule(Json& schema, const CelRule& rule) {
  Json added = {{"rule", rule.condition}, {"message", rule.message}};
  if (!rule.expression.empty()) added["messageExpression"] = rule.expression;
  if (!rule.field.empty()) added["fieldPath"] = rule.field;
  schema["x-kubernetes-validations"].push_back(std::move(added));
}

void AddNameRule(const Field& name, Json& document) {
  const std::string sentence = SentenceOf(name, kPlaceholder);
  AddRule(document, {fmt::format("self.metadata.name.matches({})", Quoted(kDnsPattern)), sentence,
                     SentenceWith(sentence, kPlaceholder, "self.metadata.name"), ".metadata.name"});
}

bool MayBeNumber(const Field& field) {
  return field.type == FieldType::kQuantity || (field.type == FieldType::kDuration && !field.minimum);
}

void AddTextRules(const Field& field, double copies, Json& schema) {
  const auto length = static_cast<double>(field.max_length);
  if (const std::string_view pattern = PatternOf(field.type); !pattern.empty()) {
    if (TooCostly(pattern, length, copies)) {
      schema["pattern"] = std::string(pattern);
      return;
    }
    const std::string sentence = SentenceOf(field, kPlaceholder);
    AddRule(schema, {fmt::format("self.matches({})", Quoted(pattern)), sentence,
                     SentenceWith(sentence, kPlaceholder, kShortened), ""});
    if (field.type == FieldType::kDuration) AddAbovePositive(field, schema);
    return;
  }
  if (field.type == FieldType::kEnum) return;
  const bool line = field.type == FieldType::kColumn || field.type == FieldType::kPath;
  const std::string_view pattern = line ? "^[^\\n\\x00]+$" : "^[^\\x00]*$";
  if (TooCostly(pattern, length, copies)) {
    schema["pattern"] = std::string(pattern);
  } else if (line) {
    AddLineRules(field, schema);
  } else if (field.type != FieldType::kTimeZone) {
    AddRule(schema, {"!self.contains('\\u0000')", SentenceOf(field, std::string(1, '\0')), "", ""});
  }
}

void AddTextOrNumberRules(const Field& field, double copies, Json& schema) {
  const std::string_view pattern = PatternOf(field.type);
  if (TooCostly(pattern, kUnboundedLength, copies)) {
    schema["pattern"] = std::string(pattern);
    schema["minimum"] = 0;
    if (field.type == FieldType::kDuration) schema["maximum"] = 0;
    return;
  }
  const std::string sentence = SentenceOf(field, kPlaceholder);
  AddRule(schema, {fmt::format("type(self) != string || self.matches({})", Quoted(pattern)), sentence,
                   SentenceWith(sentence, kPlaceholder, "string(self)"), ""});
  if (field.type == FieldType::kDuration) {
    const std::string of_number = SentenceOf(field, 123456);
    AddRule(schema, {"type(self) != int || self == 0", of_number.substr(0, of_number.find(", not")),
                     SentenceWith(of_number, "123456", "string(self)"), ""});
  } else if (field.minimum) {
    MR_CHECK(*field.minimum == 0 && !field.maximum, "{}: the bounds have no rule", field.name);
    AddRule(schema, {"type(self) != int || self >= 0", SentenceOf(field, -1), "", ""});
  }
}

void AddGroupRules(const Field& field, Json& schema) {
  // The groups by themselves: an object without other demands.
  Field bare = field;
  bare.type = FieldType::kObject;
  bare.one_of.clear();
  bare.needs.clear();
  for (Field& child : bare.fields) {
    child = OfType(FieldType::kAny, child.name, "");
  }
  for (const auto& group : field.one_of) {
    if (group.size() == 1) {
      schema["required"].push_back(group[0]);
      continue;
    }
    bare.one_of = {group};
    std::vector<std::string> given;
    for (const std::string& name : group) given.push_back(fmt::format("has(self.{})", name));
    AddRule(schema, {Join(given, " || "), SentenceOf(bare, Json::object()), "", ""});
    const std::string sentences = SentencesOfSeveral(bare, group);
    AddRule(schema, {fmt::format("[{}].filter(given, given).size() <= 1", Join(given, ", ")),
                     fmt::format("give exactly one of {}", Join(group, ", ")), sentences, ""});
  }
  bare.one_of.clear();
  for (const auto& rule : field.needs) {
    for (size_t i = 1; i < rule.size(); ++i) {
      bare.needs = {{rule[0], rule[i]}};
      AddRule(schema, {fmt::format("!has(self.{}) || has(self.{})", rule[0], rule[i]),
                       SentenceOf(bare, {{rule[0], 0}}), "", ""});
    }
  }
}

}  // namespace millrace::resource
