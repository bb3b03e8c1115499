#include "resource/internal/store_rules.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "resource/kind.h"
#include "resource/structure.h"

namespace millrace::resource {

Status CheckIdentity(const Resource& resource) {
  const Kind* kind = FindKind(resource.kind);
  if (kind == nullptr || kind->name != resource.kind) {
    return InvalidArgument("kind: unknown kind '{}'", resource.kind);
  }
  if (!IsDnsLabel(resource.metadata.name)) {
    return InvalidArgument("metadata.name: '{}' is no name: lower-case letters, digits and '-', at most 63",
                           resource.metadata.name);
  }
  if (kind->namespaced && !IsDnsLabel(resource.metadata.project)) {
    return InvalidArgument("metadata.namespace: '{}' is no name of a project", resource.metadata.project);
  }
  if (!kind->namespaced && !resource.metadata.project.empty()) {
    return InvalidArgument("metadata.namespace: a {} belongs to no project", kind->name);
  }
  return Ok();
}

Status CheckFinalizers(const Resource& before, const Resource& after) {
  if (!before.metadata.deletion_time) return Ok();
  const std::vector<std::string>& had = before.metadata.finalizers;
  for (const std::string& finalizer : after.metadata.finalizers) {
    if (std::find(had.begin(), had.end(), finalizer) == had.end()) {
      return FailedPrecondition("{} is being deleted: no finalizer can be added", before.Key().ToString());
    }
  }
  return Ok();
}

Status CheckVersion(const Resource& resource, const std::string& version) {
  if (version.empty() || version == resource.metadata.resource_version) return Ok();
  return Conflict("{} was changed by another writer (version {} now, {} given): read it again and retry",
                  resource.Key().ToString(), resource.metadata.resource_version, version);
}

std::vector<size_t> ByRank(const std::vector<Resource>& resources) {
  std::vector<size_t> order(resources.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto rank = [&](size_t i) {
    const Kind* kind = FindKind(resources[i].kind);
    return kind == nullptr ? 0 : kind->rank;
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  return order;
}

Result<Resource> Patched(const Resource& before, const Json& patch) {
  Json json = before.ToJson();
  MergePatch(json, patch);
  MR_ASSIGN_OR_RETURN(Resource patched, Resource::FromJson(json));
  patched.kind = before.kind;
  patched.metadata.name = before.metadata.name;
  patched.metadata.project = before.metadata.project;
  patched.status = before.status;
  return patched;
}

Result<Json> PatchedStatus(const Resource& before, const Json& patch) {
  Json status = before.status;
  if (const auto found = patch.find("status"); found != patch.end()) MergePatch(status, *found);
  return status.is_object() ? status : Json(Json::object());
}

std::string VersionOf(const Json& patch) {
  const Json version = ValueAt(patch, "metadata.resourceVersion");
  return version.is_string() ? version.get<std::string>() : std::string();
}

Result<PageStart> ReadContinueToken(const std::string& token) {
  if (token.empty()) return PageStart();
  const Result<Json> json = ParseJson(token, 2);
  const bool valid =
      json.ok() && json->is_array() && json->size() == 4 &&
      std::all_of(json->begin(), json->end(), [](const Json& part) { return part.is_string(); });
  if (!valid) return InvalidArgument("the continue token is none that this server has given out");
  return PageStart{
      (*json)[0].get<std::string>(),
      {(*json)[1].get<std::string>(), (*json)[2].get<std::string>(), (*json)[3].get<std::string>()}};
}

Result<ResourceList> CutPage(std::vector<Resource> all, const ListOptions& options, const PageStart& start,
                             const std::string& latest) {
  MR_ASSIGN_OR_RETURN(const LabelSelector selector, LabelSelector::Parse(options.label_selector));
  ResourceList list;
  list.resource_version = start.version.empty() ? latest : start.version;
  for (Resource& resource : all) {
    if (!start.version.empty() && resource.Key() <= start.last) continue;
    if (!selector.Matches(resource.metadata.labels)) continue;
    if (options.filter && !options.filter(resource)) continue;
    if (options.limit > 0 && list.items.size() == options.limit) {
      const ResourceKey last = list.items.back().Key();
      list.continue_token = FormatJson(Json{list.resource_version, last.kind, last.project, last.name});
      break;
    }
    list.items.push_back(std::move(resource));
  }
  return list;
}

std::optional<WatchEvent> ForWatch(const StoredEvent& event, const WatchOptions& options,
                                   const LabelSelector& selector) {
  const Resource& resource = event.resource;
  if (!options.kind.empty() && options.kind != resource.kind) return std::nullopt;
  if (!options.project.empty() && options.project != resource.metadata.project) return std::nullopt;
  if (!options.name.empty() && options.name != resource.metadata.name) return std::nullopt;
  const bool before = !event.labels_before.is_null() && selector.Matches(event.labels_before);
  const bool after = event.type != EventType::kDeleted && selector.Matches(resource.metadata.labels);
  if (!before && !after) return std::nullopt;
  const EventType type = !before ? EventType::kAdded : after ? EventType::kModified : EventType::kDeleted;
  return WatchEvent{type, resource};
}

}  // namespace millrace::resource
