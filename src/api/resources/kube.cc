#include "api/resources/kube.h"

#include <algorithm>

#include "api/http/status_http.h"
#include "base/json.h"
#include "resource/explain.h"
#include "resource/watch.h"

namespace millrace::api {

using resource::Kind;
using resource::Resource;

std::string_view KubeReason(int http_status, const Status& status) {
  if (status.code() == Code::kAlreadyExists) return "AlreadyExists";
  switch (http_status) {
    case 400:
      return "BadRequest";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 405:
      return "MethodNotAllowed";
    case 406:
      return "NotAcceptable";
    case 408:
    case 504:
      return "Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Expired";
    case 413:
      return "RequestEntityTooLarge";
    case 415:
      return "UnsupportedMediaType";
    case 422:
      return "Invalid";
    case 429:
      return "TooManyRequests";
    case 503:
      return "ServiceUnavailable";
    default:
      return http_status >= 500 ? "InternalError" : "BadRequest";
  }
}

Json KubeStatus(int http_status, const Status& status) {
  if (http_status == 0) {
    http_status = resource::IsExpired(status) ? 410 : http::HttpStatusOf(status.code());
  }
  return Json{{"kind", "Status"},
              {"apiVersion", "v1"},
              {"metadata", Json::object()},
              {"status", "Failure"},
              {"message", status.message()},
              {"reason", std::string(KubeReason(http_status, status))},
              {"code", http_status}};
}

http::Response KubeObject(int http_status, const Json& object) {
  return http::Response::OfJson(http_status, FormatJson(object) + "\n");
}

http::Response KubeError(int http_status, const Status& status) {
  Json object = KubeStatus(http_status, status);
  return KubeObject(object["code"].get<int>(), object);
}

http::Response KubeError(const Status& status) { return KubeError(0, status); }

http::Response KubeInvalid(const resource::Diagnostics& diagnostics) {
  Json object = KubeStatus(422, diagnostics.ToStatus());
  Json causes = Json::array();
  for (const resource::Diagnostic& one : diagnostics.items()) {
    Json cause = {{"reason", "FieldValueInvalid"}, {"message", one.message}, {"field", one.field}};
    if (!one.resource.empty()) cause["resource"] = one.resource;
    if (!one.mark.file.empty()) cause["file"] = one.mark.file;
    if (one.mark.line > 0) cause["line"] = one.mark.line;
    if (one.mark.column > 0) cause["column"] = one.mark.column;
    causes.push_back(std::move(cause));
  }
  object["details"] = {{"causes", std::move(causes)}};
  return KubeObject(422, object);
}

resource::Diagnostics DiagnosticsOf(const Json& status) {
  resource::Diagnostics diagnostics;
  Json causes = resource::ValueAt(status, "details.causes");
  if (!causes.is_array()) return diagnostics;
  for (const Json& cause : causes) {
    auto text = [&](const char* key) {
      return cause.is_object() && cause.contains(key) && cause[key].is_string()
                 ? cause[key].get<std::string>()
                 : std::string();
    };
    auto number = [&](const char* key) {
      return cause.is_object() && cause.contains(key) && cause[key].is_number_integer()
                 ? cause[key].get<int>()
                 : 0;
    };
    diagnostics.Add({.mark = {.file = text("file"), .line = number("line"), .column = number("column")},
                     .resource = text("resource"),
                     .field = text("field"),
                     .message = text("message")});
  }
  return diagnostics;
}

namespace {

Json MetaJson(const ListMeta& meta) {
  Json json = {{"resourceVersion", meta.resource_version}};
  if (!meta.continue_token.empty()) json["continue"] = meta.continue_token;
  return json;
}

Json CellOf(const Json& object, const std::string& path) {
  Json value = resource::ValueAt(object, path);
  if (value.is_null()) return "";
  if (value.is_string() || value.is_number() || value.is_boolean()) return value;
  return FormatJson(value);
}

// kubectl shows the name first by itself, and the age last.
bool ShownAnyway(const resource::PrinterColumn& column) {
  return column.path == "metadata.name" || column.path == "metadata.creationTimestamp";
}

Json ColumnDefinitions(const Kind& kind) {
  auto column = [](const std::string& name, const char* format, int priority) {
    return Json{
        {"name", name}, {"type", "string"}, {"format", format}, {"description", ""}, {"priority", priority}};
  };
  Json columns = Json::array({column("Name", "name", 0)});
  for (const resource::PrinterColumn& one : kind.columns) {
    if (!ShownAnyway(one)) columns.push_back(column(one.name, "", one.wide ? 1 : 0));
  }
  columns.push_back(column("Age", "", 0));
  return columns;
}

}  // namespace

std::string AgeText(Micros age) {
  int64_t seconds = std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
  int64_t minutes = seconds / 60;
  int64_t hours = minutes / 60;
  int64_t days = hours / 24;
  // The thresholds are those of apimachinery's duration.HumanDuration.
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (minutes < 10)
    return seconds % 60 == 0 ? fmt::format("{}m", minutes) : fmt::format("{}m{}s", minutes, seconds % 60);
  if (hours < 3) return fmt::format("{}m", minutes);
  if (hours < 8)
    return minutes % 60 == 0 ? fmt::format("{}h", hours) : fmt::format("{}h{}m", hours, minutes % 60);
  if (hours < 48) return fmt::format("{}h", hours);
  return fmt::format("{}d", days);
}

Json KubeList(const Kind& kind, std::span<const Resource> items, const ListMeta& meta) {
  Json list = Json::array();
  for (const Resource& item : items) list.push_back(item.ToJson());
  return Json{{"kind", kind.name + "List"},
              {"apiVersion", std::string(resource::kApiVersion)},
              {"metadata", MetaJson(meta)},
              {"items", std::move(list)}};
}

Json KubeTable(const Kind& kind, std::span<const Resource> items, const ListMeta& meta, EventTime now,
               bool with_columns) {
  Json rows = Json::array();
  for (const Resource& item : items) {
    Json object = item.ToJson();
    Json cells = Json::array({item.metadata.name});
    for (const resource::PrinterColumn& column : kind.columns) {
      if (!ShownAnyway(column)) cells.push_back(CellOf(object, column.path));
    }
    cells.push_back(AgeText(now - item.metadata.creation_time));
    rows.push_back(Json{{"cells", std::move(cells)},
                        {"object",
                         {{"kind", "PartialObjectMetadata"},
                          {"apiVersion", "meta.k8s.io/v1"},
                          {"metadata", object["metadata"]}}}});
  }
  return Json{{"kind", "Table"},
              {"apiVersion", "meta.k8s.io/v1"},
              {"metadata", MetaJson(meta)},
              {"columnDefinitions", with_columns ? ColumnDefinitions(kind) : Json::array()},
              {"rows", std::move(rows)}};
}

Json ApiVersions() { return Json{{"kind", "APIVersions"}, {"versions", Json::array()}}; }

namespace {

Json GroupBody() {
  Json version = {{"groupVersion", std::string(resource::kApiVersion)},
                  {"version", std::string(resource::kVersion)}};
  return Json{{"name", std::string(resource::kGroup)},
              {"versions", Json::array({version})},
              {"preferredVersion", version}};
}

}  // namespace

Json ApiGroup() {
  Json group = GroupBody();
  group["kind"] = "APIGroup";
  group["apiVersion"] = "v1";
  return group;
}

Json ApiGroupList() {
  return Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", Json::array({GroupBody()})}};
}

Json ApiResourceList() {
  Json resources = Json::array();
  for (const Kind& kind : resource::Kinds()) {
    resources.push_back(Json{{"name", kind.plural},
                             {"singularName", kind.singular},
                             {"namespaced", kind.namespaced},
                             {"kind", kind.name},
                             {"verbs", {"create", "delete", "get", "list", "patch", "update", "watch"}},
                             {"shortNames", kind.short_names},
                             {"categories", {"millrace"}}});
    resources.push_back(Json{{"name", kind.plural + "/status"},
                             {"singularName", ""},
                             {"namespaced", kind.namespaced},
                             {"kind", kind.name},
                             {"verbs", {"get", "patch", "update"}}});
  }
  return Json{{"kind", "APIResourceList"},
              {"apiVersion", "v1"},
              {"groupVersion", std::string(resource::kApiVersion)},
              {"resources", std::move(resources)}};
}

Json OpenApiIndex() {
  std::string root = "apis/" + std::string(resource::kApiVersion);
  return Json{{"paths", {{root, {{"serverRelativeURL", "/openapi/v3/" + root}}}}}};
}

Json OpenApi() {
  Json schemas = Json::object();
  Json paths = Json::object();
  for (const Kind& kind : resource::Kinds()) {
    Json gvk = {{"group", std::string(resource::kGroup)},
                {"version", std::string(resource::kVersion)},
                {"kind", kind.name}};
    std::string schema_name = "dev.millrace." + std::string(resource::kVersion) + "." + kind.name;
    Json schema = resource::JsonSchema(kind);
    schema.erase("$schema");
    schema["x-kubernetes-group-version-kind"] = Json::array({gvk});
    schemas[schema_name] = std::move(schema);
    std::string path = std::string(kApisRoot) + (kind.namespaced ? "/namespaces/{namespace}/" : "/") +
                       kind.plural + "/{name}";
    Json content = {{"application/json", {{"schema", {{"$ref", "#/components/schemas/" + schema_name}}}}}};
    Json answer = {{"200", {{"description", "OK"}, {"content", std::move(content)}}}};
    paths[path]["get"] = {{"responses", std::move(answer)},
                          {"x-kubernetes-action", "get"},
                          {"x-kubernetes-group-version-kind", gvk}};
    // By this parameter kubectl learns that the server checks fields itself, and leaves it to do so.
    Json strict = {{"name", "fieldValidation"}, {"in", "query"}, {"schema", {{"type", "string"}}}};
    paths[path]["patch"] = {{"parameters", Json::array({std::move(strict)})},
                            {"responses", {{"200", {{"description", "OK"}}}}},
                            {"x-kubernetes-action", "patch"},
                            {"x-kubernetes-group-version-kind", gvk}};
  }
  return Json{{"openapi", "3.0.0"},
              {"info", {{"title", "Millrace"}, {"version", std::string(resource::kVersion)}}},
              {"paths", std::move(paths)},
              {"components", {{"schemas", std::move(schemas)}}}};
}

}  // namespace millrace::api
