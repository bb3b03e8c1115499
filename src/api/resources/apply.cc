#include "api/resources/apply.h"

#include "api/resources/kube.h"
#include "base/json.h"
#include "base/percent.h"
#include "resource/admit.h"

namespace millrace::api {
namespace {

constexpr size_t kMaxDocuments = 10000;

Json MarksJson(const resource::Document& document) {
  Json marks = Json::object();
  for (const auto& [path, mark] : document.marks) marks[path] = {mark.line, mark.column};
  return marks;
}

Result<resource::Document> DocumentOf(const Json& item, size_t index) {
  if (!item.is_object() || !item.contains("value")) {
    return InvalidArgument("documents[{}] has no 'value'", index);
  }
  resource::Document document = resource::FromJson(item["value"]);
  if (item.contains("file") && item["file"].is_string()) document.file = item["file"].get<std::string>();
  auto marks = item.find("marks");
  if (marks == item.end()) return document;
  if (!marks->is_object()) return InvalidArgument("documents[{}].marks is not an object", index);
  for (const auto& [path, mark] : marks->items()) {
    bool well_formed = mark.is_array() && mark.size() == 2 && mark[0].is_number_unsigned() &&
                       mark[1].is_number_unsigned() && mark[0] < 100'000'000 && mark[1] < 100'000'000;
    if (!well_formed) return InvalidArgument("documents[{}].marks.{} is not [line, column]", index, path);
    document.marks[path] = {.file = document.file, .line = mark[0].get<int>(), .column = mark[1].get<int>()};
  }
  return document;
}

}  // namespace

http::ClientRequest ApplyRequest(std::span<const resource::Document> documents, const ApplyOptions& options) {
  Json items = Json::array();
  for (resource::Document document : documents) {
    resource::ResolvePaths(document);
    items.push_back(Json{{"value", document.value}, {"file", document.file}, {"marks", MarksJson(document)}});
  }
  http::ClientRequest request;
  request.method = http::Method::kPost;
  request.target = std::string(kApisRoot) + "/apply?fieldManager=" + PercentEncode(options.manager);
  if (options.dry_run) request.target += "&dryRun=All";
  if (!options.project.empty()) request.target += "&project=" + PercentEncode(options.project);
  request.body = FormatJson(Json{{"documents", std::move(items)}});
  return request;
}

Result<ApplyAnswer> ParseApplyAnswer(const http::ClientResponse& response) {
  ApplyAnswer answer;
  Result<Json> body = ParseJson(response.body);
  if (body.ok() && response.status == 422) answer.diagnostics = DiagnosticsOf(*body);
  if (!answer.diagnostics.empty()) return answer;
  MR_RETURN_IF_ERROR(http::Failed(response));
  MR_RETURN_IF_ERROR(body.status());
  Json applied = resource::ValueAt(*body, "applied");
  if (!applied.is_array()) return Internal("the answer to apply has no list 'applied'");
  for (const Json& item : applied) {
    auto text = [&](const char* key) {
      return item.is_object() ? item.value(key, std::string()) : std::string();
    };
    answer.applied.push_back(
        {.kind = text("kind"), .project = text("namespace"), .name = text("name"), .action = text("action")});
  }
  return answer;
}

Result<std::vector<resource::Document>> ParseApplyBody(std::string_view body,
                                                       const std::string& content_type) {
  std::vector<resource::Document> documents;
  if (content_type.find("yaml") != std::string::npos) {
    resource::YamlSet set = resource::ParseYaml(body, "");
    if (!set.diagnostics.empty()) return set.diagnostics.ToStatus();
    documents = std::move(set.documents);
  } else {
    MR_ASSIGN_OR_RETURN(Json parsed, ParseJson(body));
    Json items = parsed.is_object() && parsed.contains("documents") ? std::move(parsed["documents"]) : Json();
    if (!items.is_array()) return InvalidArgument("the body is not {{\"documents\": [{{\"value\": …}}, …]}}");
    if (items.size() > kMaxDocuments) {
      return ResourceExhausted("the body has {} documents; {} are the most", items.size(), kMaxDocuments);
    }
    for (size_t i = 0; i < items.size(); ++i) {
      MR_ASSIGN_OR_RETURN(resource::Document document, DocumentOf(items[i], i));
      documents.push_back(std::move(document));
    }
  }
  if (documents.empty()) return InvalidArgument("the body has no documents");
  return documents;
}

}  // namespace millrace::api
