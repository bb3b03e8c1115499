#include "api/resources/body.h"

#include <algorithm>
#include <charconv>

#include "api/resources/kube.h"
#include "base/json.h"
#include "base/text.h"
#include "resource/structure.h"
#include "resource/yaml.h"

namespace millrace::api {

using resource::Kind;
using resource::Resource;

Result<Json> ParseBody(const http::Request& request) {
  std::string type = request.ContentType();
  bool yaml = type.find("yaml") != std::string::npos;
  if (!yaml) return ParseJson(request.body);
  resource::YamlSet set = resource::ParseYaml(request.body, "body");
  if (!set.diagnostics.empty()) return set.diagnostics.ToStatus();
  if (set.documents.size() != 1) {
    return InvalidArgument("the body has {} documents; this path takes one", set.documents.size());
  }
  return std::move(set.documents.front().value);
}

namespace {

// Sets metadata[key] where it is missing; a sentence when it is another.
Status Agree(Json& metadata, const char* key, const std::string& wanted, const char* what) {
  auto it = metadata.find(key);
  if (it == metadata.end() || it->is_null() || (it->is_string() && it->get<std::string>().empty())) {
    metadata[key] = wanted;
    return Ok();
  }
  if (it->is_string() && it->get<std::string>() == wanted) return Ok();
  return InvalidArgument("metadata.{} is {}, but the path names the {} '{}'", key, FormatJson(*it), what,
                         wanted);
}

Status FillIn(Json& document, const Kind& kind, const std::string& project, const std::string& name) {
  if (!document.is_object())
    return InvalidArgument("the body is {}, not an object", resource::DescribeValue(document));
  if (!document.contains("apiVersion")) document["apiVersion"] = std::string(resource::kApiVersion);
  if (!document.contains("kind")) document["kind"] = kind.name;
  if (document["kind"] != kind.name) {
    return InvalidArgument("the body's kind is {}, but the path is that of a {}",
                           FormatJson(document["kind"]), kind.name);
  }
  Json& metadata = document["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  if (!metadata.is_object())
    return InvalidArgument("metadata is {}, not an object", resource::DescribeValue(metadata));
  if (!project.empty()) MR_RETURN_IF_ERROR(Agree(metadata, "namespace", project, "namespace"));
  if (!name.empty()) MR_RETURN_IF_ERROR(Agree(metadata, "name", name, kind.singular.c_str()));
  return Ok();
}

}  // namespace

std::variant<Resource, http::Response> ResourceOf(Json document, const Kind& kind, const std::string& project,
                                                  const std::string& name) {
  Status filled = FillIn(document, kind, project, name);
  if (!filled.ok()) return KubeError(filled);
  resource::Document checked = resource::FromJson(std::move(document));
  resource::Diagnostics wrong = resource::CheckStructure(checked);
  if (!wrong.empty()) return KubeInvalid(wrong);
  Result<Resource> made = Resource::FromJson(checked.value);
  if (!made.ok()) return KubeError(422, made.status());
  return std::move(made).value();
}

resource::WriteOptions WriteOptionsOf(const http::Request& request) {
  resource::WriteOptions options;
  options.actor = request.identity->name;
  std::string manager = request.Query("fieldManager").value_or("");
  if (manager.empty()) {
    // kubectl/v1.29 (linux/amd64) … → kubectl
    std::string_view agent = request.Header("user-agent");
    manager = agent.substr(0, agent.find_first_of("/ "));
  }
  constexpr size_t kLongest = 128;  // as in Kubernetes
  if (!manager.empty() && manager.size() <= kLongest) options.manager = manager;
  options.dry_run = request.Query("dryRun").value_or("") == "All";
  return options;
}

Result<FieldSelector> ParseFieldSelector(std::string_view text) {
  FieldSelector selector;
  if (text.empty()) return selector;
  for (const std::string& term : Split(text, ',')) {
    size_t equals = term.find('=');
    std::string field = term.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : term.substr(equals + 1);
    if (value.starts_with('=')) value.erase(0, 1);  // "==" means the same
    if (equals != std::string::npos && field == "metadata.name") {
      selector.name = value;
    } else if (equals != std::string::npos && field == "metadata.namespace") {
      selector.project = value;
    } else {
      return InvalidArgument("fieldSelector takes metadata.name=… and metadata.namespace=…, not '{}'", term);
    }
  }
  return selector;
}

Result<int64_t> QueryNumber(const http::Request& request, std::string_view name, int64_t otherwise) {
  std::optional<std::string> text = request.Query(name);
  if (!text || text->empty()) return otherwise;
  int64_t number = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (ec != std::errc() || end != text->data() + text->size() || number < 0) {
    return InvalidArgument("{} is '{}', not a whole number of at least 0", name, *text);
  }
  return number;
}

bool WantsTable(const http::Request& request) {
  std::string_view accept = request.Header("accept");
  size_t table = accept.find("as=Table");
  if (table == std::string_view::npos || accept.find("g=meta.k8s.io") == std::string_view::npos) return false;
  // Media types are in order of preference where they have no weights, as kubectl sends them.
  for (size_t begin = 0; begin < table;) {
    size_t end = std::min(accept.find(',', begin), accept.size());
    std::string_view one = accept.substr(begin, end - begin);
    if (table < end) return true;
    if (one.find("json") != std::string_view::npos && one.find("as=") == std::string_view::npos) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace millrace::api
