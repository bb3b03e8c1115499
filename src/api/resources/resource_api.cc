#include "api/resources/resource_api.h"

#include <memory>

#include "api/resources/handlers.h"
#include "api/resources/kube.h"
#include "base/json.h"

namespace millrace::api {

using http::Method;
using http::Request;
using http::Response;
using http::RouteOptions;
using http::Router;
using http::Run;
using http::Scope;
using security::Permission;

namespace {

constexpr size_t kMaxResource = 2 << 20;
constexpr size_t kMaxApply = 32 << 20;

const std::vector<std::string> kDocumentTypes = {"application/json", "application/yaml", "application/x-yaml",
                                                 "text/yaml"};
const std::vector<std::string> kPatchTypes = {"application/merge-patch+json", "application/json-patch+json",
                                              "application/apply-patch+yaml"};
const std::vector<std::string> kStatusPatchTypes = {"application/merge-patch+json"};

RouteOptions In(Scope scope, const std::vector<std::string>& types = {}, size_t max_body = kMaxResource) {
  return {.scope = scope, .run = Run::kBlocking, .max_body = max_body, .content_types = types};
}

using Handle = Response (ResourceHandlers::*)(const Request&);
using Handlers = std::shared_ptr<ResourceHandlers>;  // shared by the routes

http::Handler Bind(const Handlers& handlers, Handle handle) {
  return [handlers, handle](const Request& request) { return (*handlers.*handle)(request); };
}

void AddDiscovery(Router& router, const std::string& version) {
  RouteOptions anywhere{.scope = Scope::kAnyProject, .max_body = 0};
  auto fixed = [&](const std::string& path, const Json& body) {
    // What never changes is written once.
    auto text = std::make_shared<const std::string>(FormatJson(body) + "\n");
    router.Add<Permission::kResourcesRead>(
        Method::kGet, path, [text](const Request&) { return Response::OfJson(200, *text); }, anywhere);
  };
  fixed("/version", Json{{"major", "0"},
                         {"minor", "1"},
                         {"gitVersion", "v" + version},
                         {"platform", "linux/amd64"},
                         {"program", "millrace"}});
  fixed("/api", ApiVersions());
  fixed("/apis", ApiGroupList());
  fixed("/apis/millrace.dev", ApiGroup());
  fixed(std::string(kApisRoot), ApiResourceList());
  fixed("/openapi/v3", OpenApiIndex());
  fixed("/openapi/v3" + std::string(kApisRoot), OpenApi());
}

// Projects are in no namespace; a Project's own grants say who may see it and, but for making and deleting
// it, change it.
void AddProjects(Router& router, const Handlers& h) {
  std::string list = std::string(kApisRoot) + "/projects";
  std::string one = list + "/{project}";
  router.Add<Permission::kResourcesRead>(Method::kGet, list, Bind(h, &ResourceHandlers::List),
                                         In(Scope::kAnyProject));
  router.Add<Permission::kAdmin>(Method::kPost, list, Bind(h, &ResourceHandlers::Create),
                                 In(Scope::kPlatform, kDocumentTypes));
  router.Add<Permission::kResourcesRead>(Method::kGet, one, Bind(h, &ResourceHandlers::Get),
                                         In(Scope::kProjectParam));
  router.Add<Permission::kAdmin>(Method::kPut, one, Bind(h, &ResourceHandlers::Update),
                                 In(Scope::kProjectParam, kDocumentTypes));
  router.Add<Permission::kAdmin>(Method::kPatch, one, Bind(h, &ResourceHandlers::Patch),
                                 In(Scope::kProjectParam, kPatchTypes));
  router.Add<Permission::kAdmin>(Method::kDelete, one, Bind(h, &ResourceHandlers::Delete),
                                 In(Scope::kPlatform));
  router.Add<Permission::kResourcesRead>(Method::kGet, one + "/status", Bind(h, &ResourceHandlers::Get),
                                         In(Scope::kProjectParam));
  router.Add<Permission::kAdmin>(Method::kPut, one + "/status", Bind(h, &ResourceHandlers::UpdateStatus),
                                 In(Scope::kPlatform, kDocumentTypes));
  router.Add<Permission::kAdmin>(Method::kPatch, one + "/status", Bind(h, &ResourceHandlers::PatchStatus),
                                 In(Scope::kPlatform, kStatusPatchTypes));
}

void AddNamespaced(Router& router, const Handlers& h) {
  std::string list = std::string(kApisRoot) + "/namespaces/{project}/{plural}";
  std::string one = list + "/{name}";
  router.Add<Permission::kResourcesRead>(Method::kGet, std::string(kApisRoot) + "/{plural}",
                                         Bind(h, &ResourceHandlers::List), In(Scope::kAnyProject));
  router.Add<Permission::kResourcesRead>(Method::kGet, list, Bind(h, &ResourceHandlers::List),
                                         In(Scope::kProjectParam));
  router.Add<Permission::kResourcesWrite>(Method::kPost, list, Bind(h, &ResourceHandlers::Create),
                                          In(Scope::kProjectParam, kDocumentTypes));
  router.Add<Permission::kResourcesRead>(Method::kGet, one, Bind(h, &ResourceHandlers::Get),
                                         In(Scope::kProjectParam));
  router.Add<Permission::kResourcesWrite>(Method::kPut, one, Bind(h, &ResourceHandlers::Update),
                                          In(Scope::kProjectParam, kDocumentTypes));
  router.Add<Permission::kResourcesWrite>(Method::kPatch, one, Bind(h, &ResourceHandlers::Patch),
                                          In(Scope::kProjectParam, kPatchTypes));
  router.Add<Permission::kResourcesWrite>(Method::kDelete, one, Bind(h, &ResourceHandlers::Delete),
                                          In(Scope::kProjectParam));
  router.Add<Permission::kResourcesRead>(Method::kGet, one + "/status", Bind(h, &ResourceHandlers::Get),
                                         In(Scope::kProjectParam));
  router.Add<Permission::kResourcesWrite>(Method::kPut, one + "/status",
                                          Bind(h, &ResourceHandlers::UpdateStatus),
                                          In(Scope::kProjectParam, kDocumentTypes));
  router.Add<Permission::kResourcesWrite>(Method::kPatch, one + "/status",
                                          Bind(h, &ResourceHandlers::PatchStatus),
                                          In(Scope::kProjectParam, kStatusPatchTypes));
}

}  // namespace

void AddResourceRoutes(Router& router, ResourceApiOptions options) {
  std::string version = options.version;
  auto handlers = std::make_shared<ResourceHandlers>(std::move(options));
  AddDiscovery(router, version);
  AddProjects(router, handlers);
  AddNamespaced(router, handlers);
  router.Add<Permission::kResourcesWrite>(Method::kPost, std::string(kApisRoot) + "/apply",
                                          Bind(handlers, &ResourceHandlers::ApplyAll),
                                          In(Scope::kAnyProject, kDocumentTypes, kMaxApply));
  auto format = [](int status, const Status& error) { return KubeError(status, error); };
  for (const char* prefix : {"/apis", "/api", "/openapi", "/version"}) router.ErrorsBelow(prefix, format);
}

}  // namespace millrace::api
