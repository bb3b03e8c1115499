#include "kube/request.h"

#include "base/json.h"
#include "base/percent.h"

namespace millrace::kube {
namespace {

Request Make(std::string_view verb, std::string_view method, const ObjectName& object, CallOptions call) {
  Request request;
  request.verb = verb;
  request.method = method;
  request.what = Describe(object);
  request.call = call;
  Result<std::string> path = PathOf(object);
  if (path.ok()) {
    request.path = *path;
  } else {
    request.problem = path.status().WithContext(fmt::format("{} {}", verb, request.what));
  }
  return request;
}

// A write of `body`; kinds need an object, and only JSON Patch is a list.
Request MakeWrite(std::string_view verb, std::string_view method, const ObjectName& object, const Json& body,
                  bool list, CallOptions call) {
  Request request = Make(verb, method, object, call);
  if (request.problem.ok() && (list ? !body.is_array() : !body.is_object())) {
    request.problem = InvalidArgument("{} {}: the body is a JSON {}, not {}", verb, request.what,
                                      body.type_name(), list ? "a list of operations" : "an object");
  }
  request.body = FormatJson(body);
  return request;
}

void RequireName(Request& request, const ObjectName& object) {
  if (!object.name.empty() || !request.problem.ok()) return;
  request.problem = InvalidArgument("{} {}: a name is missing", request.verb, request.what);
}

void Add(Request& request, const char* key, const std::string& value) {
  if (!value.empty()) request.query.emplace_back(key, value);
}

void AddWrite(Request& request, const std::string& field_manager, bool dry_run) {
  Add(request, "fieldManager", field_manager);
  if (dry_run) Add(request, "dryRun", "All");
}

std::string DeleteBody(const DeleteOptions& options) {
  Json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  switch (options.propagation) {
    case Propagation::kDefault:
      break;
    case Propagation::kBackground:
      body["propagationPolicy"] = "Background";
      break;
    case Propagation::kForeground:
      body["propagationPolicy"] = "Foreground";
      break;
    case Propagation::kOrphan:
      body["propagationPolicy"] = "Orphan";
      break;
  }
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  if (options.dry_run) body["dryRun"] = Json::array({"All"});
  if (options.grace_seconds >= 0) body["gracePeriodSeconds"] = options.grace_seconds;
  return FormatJson(body);
}

}  // namespace

std::string Request::Target() const {
  std::string target = path;
  char separator = path.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [key, value] : query) {
    target += separator;
    target += key + "=" + PercentEncode(value);
    separator = '&';
  }
  return target;
}

Request GetRequest(const ObjectName& object, CallOptions call) {
  Request request = Make("get", "GET", object, call);
  RequireName(request, object);
  return request;
}

Request ListRequest(const GroupVersionResource& resource, const std::string& ns, const ListOptions& options,
                    CallOptions call) {
  Request request = Make("list", "GET", {resource, ns, "", ""}, call);
  Add(request, "labelSelector", options.label_selector);
  Add(request, "fieldSelector", options.field_selector);
  if (options.limit > 0) Add(request, "limit", std::to_string(options.limit));
  Add(request, "continue", options.continue_token);
  // The server refuses a version beside a token, which has its own.
  if (options.continue_token.empty()) Add(request, "resourceVersion", options.resource_version);
  return request;
}

Request CreateRequest(const GroupVersionResource& resource, const std::string& ns, const Json& body,
                      const WriteOptions& options, CallOptions call) {
  Request request = MakeWrite("create", "POST", {resource, ns, "", ""}, body, false, call);
  request.idempotent = false;
  AddWrite(request, options.field_manager, options.dry_run);
  return request;
}

Request CreateSubresourceRequest(const ObjectName& object, const Json& body, CallOptions call) {
  Request request = MakeWrite("create", "POST", object, body, false, call);
  RequireName(request, object);
  request.idempotent = false;
  return request;
}

Request ReplaceRequest(const ObjectName& object, const Json& body, const WriteOptions& options,
                       CallOptions call) {
  Request request = MakeWrite("update", "PUT", object, body, false, call);
  RequireName(request, object);
  AddWrite(request, options.field_manager, options.dry_run);
  return request;
}

Request PatchRequest(const ObjectName& object, PatchType type, const Json& patch, const WriteOptions& options,
                     CallOptions call) {
  const bool json = type == PatchType::kJson;
  Request request = MakeWrite("patch", "PATCH", object, patch, json, call);
  RequireName(request, object);
  request.content_type = json                        ? "application/json-patch+json"
                         : type == PatchType::kMerge ? "application/merge-patch+json"
                                                     : "application/strategic-merge-patch+json";
  // "add" to a list twice is two entries.
  request.idempotent = !json;
  AddWrite(request, options.field_manager, options.dry_run);
  return request;
}

Request ApplyRequest(const ObjectName& object, const Json& body, const ApplyOptions& options,
                     CallOptions call) {
  Request request = MakeWrite("apply", "PATCH", object, body, false, call);
  RequireName(request, object);
  if (options.field_manager.empty() && request.problem.ok()) {
    request.problem = InvalidArgument("apply {}: a field manager is missing", request.what);
  }
  // JSON is YAML; servers before 1.33 know only this name.
  request.content_type = "application/apply-patch+yaml";
  AddWrite(request, options.field_manager, options.dry_run);
  Add(request, "force", options.force ? "true" : "false");
  return request;
}

Request DeleteRequest(const ObjectName& object, const DeleteOptions& options, CallOptions call) {
  Request request = Make("delete", "DELETE", object, call);
  RequireName(request, object);
  request.body = DeleteBody(options);
  return request;
}

Request DeleteCollectionRequest(const GroupVersionResource& resource, const std::string& ns,
                                const ListOptions& which, const DeleteOptions& options, CallOptions call) {
  Request request = Make("deletecollection", "DELETE", {resource, ns, "", ""}, call);
  Add(request, "labelSelector", which.label_selector);
  Add(request, "fieldSelector", which.field_selector);
  request.body = DeleteBody(options);
  return request;
}

Request RawRequest(const std::string& path, CallOptions call) {
  Request request;
  request.path = path;
  request.what = path;
  request.accept = "application/json, */*";
  request.call = call;
  const bool plain = path.starts_with('/') && path.size() <= 4096 && [&] {
    for (const char c : path) {
      if (c <= ' ' || c > '~' || c == '#') return false;
    }
    return true;
  }();
  if (!plain) request.problem = InvalidArgument("'{}' is no path of the API: it begins with '/'", path);
  return request;
}

Request WatchRequest(const GroupVersionResource& resource, const std::string& ns,
                     const WatchParameters& options, CallOptions call) {
  Request request = Make("watch", "GET", {resource, ns, "", ""}, call);
  Add(request, "labelSelector", options.label_selector);
  Add(request, "fieldSelector", options.field_selector);
  Add(request, "watch", "true");
  Add(request, "allowWatchBookmarks", "true");
  Add(request, "resourceVersion", options.resource_version);
  if (options.timeout.count() > 0) Add(request, "timeoutSeconds", std::to_string(options.timeout.count()));
  return request;
}

Request LogRequest(const std::string& ns, const std::string& pod, const LogOptions& options,
                   CallOptions call) {
  const ObjectName name{{"", "v1", "pods"}, ns, pod, "log"};
  Request request = Make("get", "GET", name, call);
  RequireName(request, name);
  request.accept = "*/*";
  Add(request, "container", options.container);
  if (options.follow) Add(request, "follow", "true");
  if (options.previous) Add(request, "previous", "true");
  if (options.timestamps) Add(request, "timestamps", "true");
  if (options.tail_lines >= 0) Add(request, "tailLines", std::to_string(options.tail_lines));
  if (options.since_seconds > 0) Add(request, "sinceSeconds", std::to_string(options.since_seconds));
  if (options.limit_bytes > 0) Add(request, "limitBytes", std::to_string(options.limit_bytes));
  return request;
}

}  // namespace millrace::kube
