#include "registry/mlmodel.h"

#include "base/json.h"

namespace millrace::registry {
namespace {

// A single-quoted YAML scalar: nothing but the quote itself needs care.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string_view MlflowType(DataType type) {
  switch (type) {
    case DataType::kBool:
      return "boolean";
    case DataType::kInt64:
      return "long";
    case DataType::kDouble:
      return "double";
    case DataType::kString:
      return "string";
    case DataType::kTimestamp:
      return "datetime";
  }
  return "double";
}

// MLflow keeps a schema as JSON text inside the YAML.
std::string SchemaText(const std::vector<TensorField>& fields) {
  Json out = Json::array();
  for (const TensorField& field : fields) {
    out.push_back({{"name", field.name}, {"type", MlflowType(field.type)}, {"required", false}});
  }
  return FormatJson(out);
}

// "2018-07-25 00:00:00.000000", as MLflow writes it.
std::string CreatedText(EventTime time) {
  std::string text = FormatTime(time);
  if (const size_t t = text.find('T'); t != std::string::npos) text[t] = ' ';
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  return text;
}

}  // namespace

std::string MlmodelYaml(const PackageContents& contents, const std::string& model_file) {
  const size_t dot = model_file.rfind('.');
  const std::string format = dot == std::string::npos ? "ubj" : model_file.substr(dot + 1);
  return fmt::format(
      "artifact_path: model\n"
      "flavors:\n"
      "  python_function:\n"
      "    data: {data}\n"
      "    loader_module: mlflow.xgboost\n"
      "  xgboost:\n"
      "    code: null\n"
      "    data: {data}\n"
      "    model_class: xgboost.core.Booster\n"
      "    model_format: {format}\n"
      "    xgb_version: {version}\n"
      "model_name: {name}\n"
      "run_id: {run}\n"
      "signature:\n"
      "  inputs: {inputs}\n"
      "  outputs: {outputs}\n"
      "  params: null\n"
      "utc_time_created: {created}\n",
      fmt::arg("data", Quoted(model_file)), fmt::arg("format", Quoted(format)),
      fmt::arg("version", Quoted(contents.library_version)), fmt::arg("name", Quoted(contents.model_name)),
      fmt::arg("run", Quoted(contents.run_id)),
      fmt::arg("inputs", Quoted(SchemaText(contents.signature.inputs))),
      fmt::arg("outputs", Quoted(SchemaText(contents.signature.outputs))),
      fmt::arg("created", Quoted(CreatedText(contents.created))));
}

}  // namespace millrace::registry
