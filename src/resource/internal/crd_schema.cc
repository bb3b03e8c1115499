#include "resource/internal/crd_schema.h"

#include <utility>

#include "base/json.h"
#include "resource/internal/cel.h"

namespace millrace::resource {
namespace {

// What a user wrote is checked; what controllers wrote only has its shape described.
enum class Strictness : uint8_t { kChecked, kDescribed };

struct Context {
  Strictness strictness = Strictness::kChecked;
  double copies = 1;  // such fields in one resource, at most
};

Json Schema(const Field& field, const Context& context);

// For `kubectl explain`: also what the schema has no word for.
std::string Description(const Field& field) {
  std::string text = field.meaning;
  const auto add = [&](const std::string& sentence) { text += (text.empty() ? "" : " ") + sentence; };
  if (!field.unit.empty()) add(fmt::format("In {}.", field.unit));
  if (!field.default_text.empty()) add(fmt::format("Without it: {}.", field.default_text));
  if (!field.example.empty()) add(fmt::format("Example: {}", field.example));
  return text;
}

Json NumberSchema(const Field& field, const Context& context) {
  Json schema = field.type == FieldType::kInt64 ? Json{{"type", "integer"}, {"format", "int64"}}
                                                : Json{{"type", "number"}};
  if (context.strictness == Strictness::kDescribed) {
    if (field.type == FieldType::kDouble) schema["nullable"] = true;  // a metric that is no number
    return schema;
  }
  if (field.minimum) schema["minimum"] = *field.minimum;
  if (field.above_minimum) schema["exclusiveMinimum"] = true;
  if (field.maximum) schema["maximum"] = *field.maximum;
  return schema;
}

Json TextSchema(const Field& field, const Context& context) {
  Json schema = {{"type", "string"}};
  if (field.type == FieldType::kEnum) schema["enum"] = field.values;
  if (context.strictness == Strictness::kDescribed) return schema;
  if (field.type != FieldType::kEnum) schema["maxLength"] = field.max_length;
  AddTextRules(field, context.copies, schema);
  return schema;
}

Json TextOrNumberSchema(const Field& field, const Context& context) {
  if (context.strictness == Strictness::kChecked && !MayBeNumber(field)) return TextSchema(field, context);
  Json schema = {{"x-kubernetes-int-or-string", true}};
  if (context.strictness == Strictness::kChecked) AddTextOrNumberRules(field, context.copies, schema);
  return schema;
}

// A structural schema has no type for "a text, a number or a boolean": what else
// it may not be is said by bounds that no list and no object fulfils.
Json ScalarSchema(const Field& field) {
  Json schema = {{"x-kubernetes-preserve-unknown-fields", true},
                 {"nullable", true},
                 {"minProperties", 1},
                 {"maxProperties", 0}};
  if (field.type == FieldType::kScalar) {
    schema["minItems"] = 1;
    schema["maxItems"] = 0;
  } else {
    schema["maxItems"] = 1024;
  }
  return schema;
}

Json ObjectSchema(const Field& field, const Context& context) {
  Json schema = {{"type", "object"}};
  for (const Field& child : field.fields) {
    schema["properties"][child.name] = Schema(child, context);
    if (child.required && context.strictness == Strictness::kChecked)
      schema["required"].push_back(child.name);
  }
  if (field.open) schema["x-kubernetes-preserve-unknown-fields"] = true;
  if (context.strictness == Strictness::kChecked) AddGroupRules(field, schema);
  return schema;
}

Json CollectionSchema(const Field& field, Context context) {
  const bool list = field.type == FieldType::kList;
  const bool checked = context.strictness == Strictness::kChecked;
  context.copies *= static_cast<double>(field.max_items);
  Json schema = {{"type", list ? "array" : "object"}};
  schema[list ? "items" : "additionalProperties"] = Schema(field.fields[0], context);
  if (checked) schema[list ? "maxItems" : "maxProperties"] = field.max_items;
  if (checked && field.min_items > 0) schema[list ? "minItems" : "minProperties"] = field.min_items;
  return schema;
}

Json ShapeOf(const Field& field, const Context& context) {
  switch (field.type) {
    case FieldType::kObject:
      return ObjectSchema(field, context);
    case FieldType::kList:
    case FieldType::kMap:
      return CollectionSchema(field, context);
    case FieldType::kInt64:
    case FieldType::kDouble:
      return NumberSchema(field, context);
    case FieldType::kBool:
      return {{"type", "boolean"}};
    case FieldType::kDuration:
    case FieldType::kQuantity:
      return TextOrNumberSchema(field, context);
    case FieldType::kScalar:
    case FieldType::kScalars:
      return ScalarSchema(field);
    case FieldType::kAny:
      return {{"x-kubernetes-preserve-unknown-fields", true}, {"nullable", true}};
    default:
      return TextSchema(field, context);
  }
}

Json Schema(const Field& field, const Context& context) {
  Json schema = ShapeOf(field, context);
  if (const std::string description = Description(field); !description.empty())
    schema["description"] = description;
  // A default that only stands for what happens without it would mislead in the stored resource.
  if (context.strictness == Strictness::kChecked && !field.default_value.is_null() &&
      field.default_text.empty()) {
    schema["default"] = field.default_value;
  }
  return schema;
}

Json StatusSchema(const Kind& kind) {
  Json schema = Schema(kind.status, {.strictness = Strictness::kDescribed});
  // Each condition has one writer, who applies it without touching the others.
  Json& conditions = schema["properties"]["conditions"];
  conditions["x-kubernetes-list-type"] = "map";
  conditions["x-kubernetes-list-map-keys"] = Json::array({"type"});
  conditions["items"]["required"] = Json::array({"type", "status"});
  return schema;
}

}  // namespace

Json StructuralSchema(const Kind& kind) {
  Json schema = {{"type", "object"}, {"description", kind.meaning}, {"required", Json::array({"spec"})}};
  Json& properties = schema["properties"];
  properties["apiVersion"] = {{"type", "string"}, {"description", "The version of the kinds."}};
  properties["kind"] = {{"type", "string"}, {"description", "The kind of the resource."}};
  properties["metadata"] = {{"type", "object"}, {"properties", {{"name", {{"type", "string"}}}}}};
  properties["spec"] = Schema(kind.spec, {});
  properties["status"] = StatusSchema(kind);
  AddNameRule(*kind.Find("metadata.name"), schema);
  AddKindRules(kind, schema);
  return schema;
}

}  // namespace millrace::resource
