#include <set>

#include "base/json.h"
#include "registry/package.h"

namespace millrace::registry {
namespace {

constexpr size_t kMaxFields = 100'000;

Json FieldsToJson(const std::vector<TensorField>& fields) {
  Json out = Json::array();
  for (const TensorField& field : fields)
    out.push_back({{"name", field.name}, {"type", DataTypeName(field.type)}});
  return out;
}

Result<std::vector<TensorField>> FieldsFromJson(const Json& json, std::string_view part) {
  const auto found = json.find(part);
  if (found == json.end() || !found->is_array()) {
    return InvalidArgument("signature.json: '{}' must be a list of fields with name and type", part);
  }
  if (found->size() > kMaxFields) {
    return InvalidArgument("signature.json: '{}' has {} fields, more than {}", part, found->size(),
                           kMaxFields);
  }
  std::vector<TensorField> fields;
  std::set<std::string> names;
  for (const Json& entry : *found) {
    const std::string where = fmt::format("signature.json: {}[{}]", part, fields.size());
    const auto text = [&](const char* key) {
      const auto it = entry.is_object() ? entry.find(key) : entry.end();
      return it != entry.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    const std::string name = text("name");
    const std::optional<DataType> type = ParseDataType(text("type"));
    if (name.empty()) return InvalidArgument("{} has no name", where);
    if (!type) {
      return InvalidArgument("{}: the type of '{}' must be bool, int64, double, string or timestamp", where,
                             name);
    }
    if (!names.insert(name).second) return InvalidArgument("{}: the name '{}' occurs twice", where, name);
    fields.push_back({name, *type});
  }
  return fields;
}

}  // namespace

std::string SignatureToJson(const Signature& signature) {
  return FormatJson(
             Json{{"inputs", FieldsToJson(signature.inputs)}, {"outputs", FieldsToJson(signature.outputs)}},
             1) +
         "\n";
}

Result<Signature> ParseSignature(std::string_view json) {
  Result<Json> parsed = ParseJson(json, 8);
  if (!parsed.ok()) return parsed.status().WithContext("signature.json");
  if (!parsed->is_object())
    return InvalidArgument("signature.json: must be an object with inputs and outputs");
  Signature signature;
  MR_ASSIGN_OR_RETURN(signature.inputs, FieldsFromJson(*parsed, "inputs"));
  MR_ASSIGN_OR_RETURN(signature.outputs, FieldsFromJson(*parsed, "outputs"));
  return signature;
}

}  // namespace millrace::registry
