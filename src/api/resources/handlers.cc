#include "api/resources/handlers.h"

#include <algorithm>

#include "api/resources/apply.h"
#include "api/resources/body.h"
#include "api/resources/json_patch.h"
#include "api/resources/kube.h"
#include "api/resources/watch_stream.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "resource/admit.h"

namespace millrace::api {

using http::Request;
using http::Response;
using resource::Kind;
using resource::Resource;
using security::Permission;

namespace {

constexpr int64_t kMaxList = 5000;  // resources a page, also without a limit
constexpr int64_t kLongestWatch = 3600;

bool Has(const Request& request, std::string_view param) {
  return std::any_of(request.params.begin(), request.params.end(),
                     [&](const http::PathParam& p) { return p.name == param; });
}

Result<const Kind*> KindOf(std::string_view plural) {
  std::vector<std::string> plurals;
  for (const Kind& kind : resource::Kinds()) {
    if (kind.plural == plural) return &kind;
    plurals.push_back(kind.plural);
  }
  std::string nearest = Nearest(plural, plurals);
  if (nearest.empty()) nearest = Join(plurals, ", ");
  return NotFound("there is no resource type '{}'; did you mean {}?", plural, nearest);
}

// A Project's permission is asked for in the Project itself.
const std::string& ProjectOf(const Resource& resource) {
  return resource.kind == "Project" ? resource.metadata.name : resource.metadata.project;
}

}  // namespace

// The routes of Projects have the literal "projects" and the name as {project};
// all others have {plural}, with {project} unless it is a list of all.
Result<ResourceHandlers::Place> ResourceHandlers::PlaceOf(const Request& request) {
  Place place;
  if (!Has(request, "plural")) {
    place.kind = resource::FindKind("Project");
    if (Has(request, "project")) place.name = request.Param("project");
    return place;
  }
  MR_ASSIGN_OR_RETURN(place.kind, KindOf(request.Param("plural")));
  bool in_project = Has(request, "project");
  if (in_project && !place.kind->namespaced) {
    return NotFound("{} are in no namespace: their path is {}/{}", place.kind->plural, kApisRoot,
                    place.kind->plural);
  }
  if (in_project) place.project = request.Param("project");
  if (Has(request, "name")) place.name = request.Param("name");
  return place;
}

Response ResourceHandlers::One(const Request& request, const Place& place, int status,
                               const Resource& resource) {
  if (!WantsTable(request)) return KubeObject(status, resource.ToJson());
  ListMeta meta{.resource_version = resource.metadata.resource_version, .continue_token = {}};
  return KubeObject(status, KubeTable(*place.kind, {&resource, 1}, meta, SystemClock().Now()));
}

Response ResourceHandlers::List(const Request& request) {
  Result<Place> place = PlaceOf(request);
  if (!place.ok()) return KubeError(place.status());
  if (request.QueryFlag("watch")) return WatchList(request, *place);
  Result<int64_t> limit = QueryNumber(request, "limit", kMaxList);
  if (!limit.ok()) return KubeError(limit.status());
  Result<FieldSelector> fields = ParseFieldSelector(request.Query("fieldSelector").value_or(""));
  if (!fields.ok()) return KubeError(fields.status());
  bool paged = *limit > 0 && *limit < kMaxList;
  // Before paging: a page that is not the last one is full.
  auto selected = [&](const Resource& item) {
    return (fields->name.empty() || item.metadata.name == fields->name) &&
           (fields->project.empty() || item.metadata.project == fields->project) &&
           request.Allows(Permission::kResourcesRead, ProjectOf(item));
  };
  resource::ListOptions options{.kind = place->kind->name,
                                .project = place->project,
                                .label_selector = request.Query("labelSelector").value_or(""),
                                .filter = selected,
                                .limit = static_cast<size_t>(paged ? *limit : kMaxList),
                                .continue_token = request.Query("continue").value_or("")};
  Result<resource::ResourceList> list = options_.store.List(options);
  if (!list.ok()) return KubeError(list.status());
  ListMeta meta{.resource_version = list->resource_version, .continue_token = list->continue_token};
  if (WantsTable(request)) {
    return KubeObject(200, KubeTable(*place->kind, list->items, meta, SystemClock().Now()));
  }
  return KubeObject(200, KubeList(*place->kind, list->items, meta));
}

Response ResourceHandlers::WatchList(const Request& request, const Place& place) {
  Result<int64_t> timeout = QueryNumber(request, "timeoutSeconds", kLongestWatch);
  if (!timeout.ok()) return KubeError(timeout.status());
  Result<FieldSelector> fields = ParseFieldSelector(request.Query("fieldSelector").value_or(""));
  if (!fields.ok()) return KubeError(fields.status());
  resource::WatchOptions options{.kind = place.kind->name,
                                 .project = place.project.empty() ? fields->project : place.project,
                                 .label_selector = request.Query("labelSelector").value_or(""),
                                 .name = fields->name,
                                 .resource_version = request.Query("resourceVersion").value_or("")};
  Result<std::shared_ptr<resource::Watch>> watch = options_.store.StartWatch(options);
  if (!watch.ok()) return KubeError(watch.status());
  WatchStream::Options stream{.watch = std::move(watch).value(),
                              .kind = place.kind,
                              .project = place.project,
                              .bookmarks = request.QueryFlag("allowWatchBookmarks"),
                              .table = WantsTable(request),
                              .timeout = std::chrono::seconds(std::min(*timeout, kLongestWatch))};
  LiveCaller caller(options_.access, request.Header("authorization"));
  return Response::OfStream(
      "application/json", std::make_unique<WatchStream>(std::move(stream), std::move(caller), SystemClock()));
}

Response ResourceHandlers::Get(const Request& request) {
  Result<Place> place = PlaceOf(request);
  if (!place.ok()) return KubeError(place.status());
  Result<Resource> found = options_.store.Get(place->Key());
  if (!found.ok()) return KubeError(found.status());
  return One(request, *place, 200, *found);
}

std::variant<ResourceHandlers::Wanted, Response> ResourceHandlers::WantedOf(const Request& request) {
  Result<Place> place = PlaceOf(request);
  if (!place.ok()) return KubeError(place.status());
  Result<Json> body = ParseBody(request);
  if (!body.ok()) return KubeError(400, body.status());
  auto made = ResourceOf(std::move(body).value(), *place->kind, place->project, place->name);
  if (auto* refused = std::get_if<Response>(&made)) return std::move(*refused);
  return Wanted{std::move(*place), std::get<Resource>(std::move(made))};
}

std::variant<ResourceHandlers::WantedPatch, Response> ResourceHandlers::WantedPatchOf(
    const Request& request) {
  Result<Place> place = PlaceOf(request);
  if (!place.ok()) return KubeError(place.status());
  Result<Json> body = ParseBody(request);
  if (!body.ok()) return KubeError(400, body.status());
  if (!body->is_object()) return KubeError(InvalidArgument("the patch is not an object"));
  return WantedPatch{std::move(*place), std::move(*body)};
}

Response ResourceHandlers::Write(const Request& request, const Place& place, const WriteToStore& write) {
  resource::Diagnostics wrong;
  resource::WriteOptions options = WriteOptionsOf(request);
  options.check = [&](const std::vector<Resource>& existing, const std::vector<Resource>& wanted) {
    wrong = resource::ValidateWrite(existing, wanted, options_.check);
    return wrong.ToStatus();
  };
  const Result<resource::Applied> written = write(options);
  if (!wrong.empty()) return KubeInvalid(wrong);
  if (written.status().code() == Code::kInvalidArgument) return KubeError(422, written.status());
  if (!written.ok()) return KubeError(written.status());
  const bool created = written->action == resource::ApplyAction::kCreated;
  return One(request, place, created ? 201 : 200, written->resource);
}

namespace {

Result<resource::Applied> As(resource::ApplyAction action, Result<Resource> written) {
  if (!written.ok()) return written.status();
  return resource::Applied{std::move(*written), action};
}

}  // namespace

Response ResourceHandlers::Create(const Request& request) {
  auto read = WantedOf(request);
  if (auto* refused = std::get_if<Response>(&read)) return std::move(*refused);
  const auto& wanted = std::get<Wanted>(read);
  return Write(request, wanted.place, [&](const resource::WriteOptions& options) {
    return As(resource::ApplyAction::kCreated, options_.store.Create(wanted.resource, options));
  });
}

Response ResourceHandlers::Update(const Request& request) {
  auto read = WantedOf(request);
  if (auto* refused = std::get_if<Response>(&read)) return std::move(*refused);
  const auto& wanted = std::get<Wanted>(read);
  return Write(request, wanted.place, [&](const resource::WriteOptions& options) {
    return As(resource::ApplyAction::kConfigured, options_.store.Update(wanted.resource, options));
  });
}

Response ResourceHandlers::UpdateStatus(const Request& request) {
  auto read = WantedOf(request);
  if (auto* refused = std::get_if<Response>(&read)) return std::move(*refused);
  const auto& wanted = std::get<Wanted>(read);
  // Unchecked: the spec stays as it is.
  Result<Resource> updated = options_.store.UpdateStatus(wanted.resource, WriteOptionsOf(request));
  if (!updated.ok()) return KubeError(updated.status());
  return One(request, wanted.place, 200, *updated);
}

Response ResourceHandlers::Patch(const Request& request) {
  if (request.ContentType().find("apply-patch") != std::string::npos) return ApplyOne(request);
  if (request.ContentType().find("json-patch") != std::string::npos) return PatchByOperations(request);
  auto read = WantedPatchOf(request);
  if (auto* refused = std::get_if<Response>(&read)) return std::move(*refused);
  const auto& wanted = std::get<WantedPatch>(read);
  return Write(request, wanted.place, [&](const resource::WriteOptions& options) {
    return As(resource::ApplyAction::kConfigured,
              options_.store.Patch(wanted.place.Key(), wanted.patch, options));
  });
}

// What the operations act on is read here, so the write is one of that version, tried again when another came
// between.
Response ResourceHandlers::PatchByOperations(const Request& request) {
  constexpr int kMostTries = 5;
  Result<Place> place = PlaceOf(request);
  if (!place.ok()) return KubeError(place.status());
  Result<Json> operations = ParseBody(request);
  if (!operations.ok()) return KubeError(400, operations.status());
  for (int tries = 1;; ++tries) {
    Result<Resource> current = options_.store.Get(place->Key());
    if (!current.ok()) return KubeError(current.status());
    Result<Json> patched = ApplyJsonPatch(current->ToJson(), *operations);
    if (!patched.ok()) return KubeError(patched.status());
    auto made = ResourceOf(std::move(*patched), *place->kind, place->project, place->name);
    if (auto* refused = std::get_if<Response>(&made)) return std::move(*refused);
    const auto& wanted = std::get<Resource>(made);
    const bool own_version = wanted.metadata.resource_version != current->metadata.resource_version;
    Status outcome;
    Response response = Write(request, *place, [&](const resource::WriteOptions& options) {
      Result<Resource> updated = options_.store.Update(wanted, options);
      outcome = updated.status();
      return As(resource::ApplyAction::kConfigured, std::move(updated));
    });
    const bool again = outcome.code() == Code::kConflict && !own_version && tries < kMostTries;
    if (!again) return response;
  }
}

Response ResourceHandlers::ApplyOne(const Request& request) {
  auto read = WantedOf(request);
  if (auto* refused = std::get_if<Response>(&read)) return std::move(*refused);
  const auto& wanted = std::get<Wanted>(read);
  return Write(request, wanted.place,
               [&](const resource::WriteOptions& options) -> Result<resource::Applied> {
                 MR_ASSIGN_OR_RETURN(std::vector<resource::Applied> applied,
                                     options_.store.Apply({wanted.resource}, options));
                 return std::move(applied.front());
               });
}

Response ResourceHandlers::PatchStatus(const Request& request) {
  auto read = WantedPatchOf(request);
  if (auto* refused = std::get_if<Response>(&read)) return std::move(*refused);
  const auto& wanted = std::get<WantedPatch>(read);
  Result<Resource> patched =
      options_.store.PatchStatus(wanted.place.Key(), wanted.patch, WriteOptionsOf(request));
  if (!patched.ok()) return KubeError(patched.status());
  return One(request, wanted.place, 200, *patched);
}

Response ResourceHandlers::Delete(const Request& request) {
  Result<Place> place = PlaceOf(request);
  if (!place.ok()) return KubeError(place.status());
  resource::DeleteOptions conditions;
  if (!request.body.empty()) {
    Result<Json> body = ParseBody(request);
    if (!body.ok()) return KubeError(400, body.status());
    Json version = resource::ValueAt(*body, "preconditions.resourceVersion");
    Json uid = resource::ValueAt(*body, "preconditions.uid");
    if (version.is_string()) conditions.resource_version = version.get<std::string>();
    if (uid.is_string()) conditions.uid = uid.get<std::string>();
  }
  Result<Resource> deleted = options_.store.Delete(place->Key(), WriteOptionsOf(request), conditions);
  if (!deleted.ok()) return KubeError(deleted.status());
  if (deleted->metadata.deletion_time && !deleted->metadata.finalizers.empty()) {
    return KubeObject(200, deleted->ToJson());  // it goes with the last finalizer
  }
  return KubeObject(
      200, Json{{"kind", "Status"},
                {"apiVersion", "v1"},
                {"metadata", Json::object()},
                {"status", "Success"},
                {"details",
                 {{"name", place->name}, {"kind", place->kind->plural}, {"uid", deleted->metadata.uid}}}});
}

namespace {

// Where each document is going, and whether the caller may put it there.
Status MayApply(const Request& request, std::span<const resource::Document> documents) {
  for (const resource::Document& document : documents) {
    Json kind = resource::ValueAt(document.value, "kind");
    Json name = resource::ValueAt(document.value, "metadata.name");
    Json space = resource::ValueAt(document.value, "metadata.namespace");
    bool is_project = kind == "Project";
    std::string project = std::string(resource::kDefaultProject);
    if (space.is_string()) project = space.get<std::string>();
    if (is_project) project = name.is_string() ? name.get<std::string>() : "";
    Permission needed = is_project ? Permission::kAdmin : Permission::kResourcesWrite;
    security::Decision decision = security::Authorize(*request.identity, needed, project, *request.grants);
    if (!decision.allowed) return PermissionDenied("{}", decision.reason);
  }
  return Ok();
}

}  // namespace

Response ResourceHandlers::ApplyAll(const Request& request) {
  Result<std::vector<resource::Document>> documents = ParseApplyBody(request.body, request.ContentType());
  if (!documents.ok()) return KubeError(documents.status());
  std::string project = request.Query("project").value_or("");
  if (!project.empty()) {
    for (resource::Document& document : *documents) {
      const Kind* kind = resource::FindKind(resource::ValueAt(document.value, "kind").is_string()
                                                ? document.value["kind"].get<std::string>()
                                                : "");
      bool takes = kind != nullptr && kind->namespaced && document.value.contains("metadata") &&
                   document.value["metadata"].is_object();
      if (takes && !document.value["metadata"].contains("namespace"))
        document.value["metadata"]["namespace"] = project;
    }
  }
  Status allowed = MayApply(request, *documents);
  if (!allowed.ok()) return KubeError(allowed);
  Result<resource::Plan> plan =
      resource::Admit(*documents, options_.store, WriteOptionsOf(request), options_.check);
  if (!plan.ok()) return KubeError(plan.status());
  if (!plan->diagnostics.empty()) return KubeInvalid(plan->diagnostics);
  Json applied = Json::array();
  for (const resource::Applied& one : plan->applied) {
    applied.push_back(Json{{"kind", one.resource.kind},
                           {"namespace", one.resource.metadata.project},
                           {"name", one.resource.metadata.name},
                           {"action", std::string(resource::ApplyActionName(one.action))}});
  }
  return KubeObject(200, Json{{"kind", "ApplyResult"},
                              {"apiVersion", std::string(resource::kApiVersion)},
                              {"applied", std::move(applied)}});
}

}  // namespace millrace::api
