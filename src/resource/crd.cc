#include "resource/crd.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "resource/internal/crd_schema.h"
#include "resource/yaml.h"

namespace millrace::resource {
namespace {

// Names of our own that `kubectl get` takes for something of Kubernetes' own: DaemonSets, Jobs, Endpoints.
constexpr std::array<std::string_view, 3> kTaken = {"ds", "job", "endpoints"};

Json Names(const Kind& kind) {
  Json names = {{"kind", kind.name},
                {"listKind", kind.name + "List"},
                {"plural", kind.plural},
                {"singular", kind.singular},
                {"categories", Json::array({"millrace"})}};
  for (const std::string& name : kind.short_names) {
    if (std::find(kTaken.begin(), kTaken.end(), name) == kTaken.end()) names["shortNames"].push_back(name);
  }
  return names;
}

std::string ColumnType(FieldType type) {
  switch (type) {
    case FieldType::kInt64:
      return "integer";
    case FieldType::kDouble:
      return "number";
    case FieldType::kBool:
      return "boolean";
    default:
      return "string";
  }
}

// "status.conditions[Ready].reason" as the API server's JSONPath.
std::string JsonPath(const std::string& path) {
  const size_t open = path.find('[');
  if (open == std::string::npos) return "." + path;
  const size_t close = path.find(']', open);
  const std::string rest = path.substr(close + 1);
  return fmt::format(".{}[?(@.type==\"{}\")]{}", path.substr(0, open),
                     path.substr(open + 1, close - open - 1), rest.empty() ? ".status" : rest);
}

Json Columns(const Kind& kind) {
  Json columns = Json::array();
  for (const PrinterColumn& column : kind.columns) {
    if (column.path == "metadata.name") continue;  // kubectl prints it first by itself
    const Field& field = *kind.Find(column.path);
    const bool age = column.path == "metadata.creationTimestamp";
    const bool condition = column.path.find('[') != std::string::npos;
    Json printed = {{"name", column.name},
                    {"type", age         ? "date"
                             : condition ? "string"
                                         : ColumnType(field.type)},
                    {"jsonPath", JsonPath(column.path)}};
    if (column.wide) printed["priority"] = 1;
    columns.push_back(std::move(printed));
  }
  return columns;
}

}  // namespace

Json CustomResourceDefinition(const Kind& kind) {
  const Json version = {{"name", std::string(kVersion)},
                        {"served", true},
                        {"storage", true},
                        {"subresources", {{"status", Json::object()}}},
                        {"additionalPrinterColumns", Columns(kind)},
                        {"schema", {{"openAPIV3Schema", StructuralSchema(kind)}}}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata",
           {{"name", fmt::format("{}.{}", kind.plural, kGroup)},
            {"labels", {{"app.kubernetes.io/part-of", "millrace"}}}}},
          {"spec",
           {{"group", std::string(kGroup)},
            {"names", Names(kind)},
            {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
            {"versions", Json::array({version})}}}};
}

std::string CustomResourceDefinitionsYaml() {
  std::string text =
      "# The kinds of Millrace for a Kubernetes cluster, as `millrace crds` prints them. Generated: do not "
      "edit.\n";
  for (const Kind& kind : Kinds()) text += "---\n" + ToYaml(CustomResourceDefinition(kind));
  return text;
}

}  // namespace millrace::resource
