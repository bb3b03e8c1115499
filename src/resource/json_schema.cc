#include <string>
#include <utility>

#include "resource/explain.h"
#include "resource/internal/patterns.h"

namespace millrace::resource {
namespace {

Json Text(const Field& field) { return {{"type", "string"}, {"maxLength", field.max_length}}; }

Json Pattern(const Field& field, std::string_view pattern) {
  Json schema = Text(field);
  schema["pattern"] = std::string(pattern);
  return schema;
}

// A text by a pattern, or a number.
Json TextOrInteger(std::string_view pattern) {
  return {{"anyOf",
           Json::array({{{"type", "string"}, {"pattern", std::string(pattern)}}, {{"type", "integer"}}})}};
}

Json Scalar() { return {{"type", Json::array({"string", "number", "boolean", "null"})}}; }

Json Numeric(const Field& field, const char* type) {
  Json schema = {{"type", type}};
  if (field.minimum) schema[field.above_minimum ? "exclusiveMinimum" : "minimum"] = *field.minimum;
  if (field.maximum) schema["maximum"] = *field.maximum;
  return schema;
}

Json Schema(const Field& field);

Json ObjectSchema(const Field& field) {
  Json schema = {{"type", "object"}, {"properties", Json::object()}};
  Json required = Json::array();
  for (const Field& child : field.fields) {
    schema["properties"][child.name] = Schema(child);
    if (child.required) required.push_back(child.name);
  }
  if (!required.empty()) schema["required"] = std::move(required);
  if (!field.open) schema["additionalProperties"] = false;
  for (const auto& group : field.one_of) {
    Json alternatives = Json::array();
    for (const std::string& name : group) alternatives.push_back({{"required", Json::array({name})}});
    schema["allOf"].push_back({{"oneOf", std::move(alternatives)}});
  }
  for (const auto& rule : field.needs) {
    schema["dependentRequired"][rule[0]] = Json(std::vector<std::string>(rule.begin() + 1, rule.end()));
  }
  return schema;
}

Json ListSchema(const Field& field) {
  Json schema = {{"type", "array"}, {"items", Schema(field.fields[0])}, {"maxItems", field.max_items}};
  if (field.min_items > 0) schema["minItems"] = field.min_items;
  return schema;
}

Json ShapeOf(const Field& field) {
  switch (field.type) {
    case FieldType::kObject:
      return ObjectSchema(field);
    case FieldType::kList:
      return ListSchema(field);
    case FieldType::kMap:
      return {{"type", "object"},
              {"additionalProperties", Schema(field.fields[0])},
              {"maxProperties", field.max_items}};
    case FieldType::kInt64:
      return Numeric(field, "integer");
    case FieldType::kDouble:
      return Numeric(field, "number");
    case FieldType::kBool:
      return {{"type", "boolean"}};
    case FieldType::kEnum:
      return {{"type", "string"}, {"enum", field.values}};
    case FieldType::kDuration:
      return TextOrInteger(kDurationPattern);
    case FieldType::kQuantity:
      return TextOrInteger(kQuantityPattern);
    case FieldType::kTimestamp:
      return Pattern(field, kTimestampPattern);
    case FieldType::kDnsLabel:
    case FieldType::kReference:
      return Pattern(field, kDnsPattern);
    case FieldType::kModelReference:
      return Pattern(field, kModelPattern);
    case FieldType::kIdentifier:
      return Pattern(field, kIdentifierPattern);
    case FieldType::kScalar:
      return Scalar();
    case FieldType::kScalars:
      return {{"anyOf", Json::array({Scalar(), {{"type", "array"}, {"items", Scalar()}}})}};
    case FieldType::kAny:
      return Json::object();
    case FieldType::kString:
    case FieldType::kExpression:
    case FieldType::kColumn:
    case FieldType::kPath:
    case FieldType::kTimeZone:
      return Text(field);
  }
  return Json::object();
}

Json Schema(const Field& field) {
  Json schema = ShapeOf(field);
  if (!field.meaning.empty()) schema["description"] = field.meaning;
  if (!field.default_value.is_null()) schema["default"] = field.default_value;
  return schema;
}

}  // namespace

Json JsonSchema(const Kind& kind) {
  Json schema = Schema(kind.Document());
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["$id"] = fmt::format("https://{}/schemas/{}/{}.json", kGroup, kVersion, kind.singular);
  schema["title"] = kind.name;
  return schema;
}

}  // namespace millrace::resource
