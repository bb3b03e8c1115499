#include "kube/discovery.h"

#include <algorithm>
#include <optional>

#include "base/json.h"
#include "base/percent.h"
#include "base/text.h"

namespace millrace::kube {
namespace {

constexpr size_t kMaxResources = 10'000;

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> TextsAt(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return texts;
  for (const Json& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

const Json* ListAt(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() && found->size() <= kMaxResources ? &*found : nullptr;
}

// The parts of "batch/v1", or of "v1".
std::pair<std::string, std::string> SplitVersion(const std::string& group_version) {
  const size_t slash = group_version.find('/');
  if (slash == std::string::npos) return {"", group_version};
  return {group_version.substr(0, slash), group_version.substr(slash + 1)};
}

}  // namespace

bool ApiResource::Can(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

Result<std::vector<ApiResource>> ParseResourceList(const Json& list) {
  const Json* const entries = ListAt(list, "resources");
  if (entries == nullptr) return DataLoss("the answer is no APIResourceList");
  const auto [group, version] = SplitVersion(TextAt(list, "groupVersion"));
  std::vector<ApiResource> resources;
  std::map<std::string, std::pair<bool, bool>> subresources;  // status, scale
  for (const Json& entry : *entries) {
    if (!entry.is_object()) continue;
    const std::string name = TextAt(entry, "name");
    const size_t slash = name.find('/');
    if (slash != std::string::npos) {
      auto& [status, scale] = subresources[name.substr(0, slash)];
      status = status || name.substr(slash) == "/status";
      scale = scale || name.substr(slash) == "/scale";
      continue;
    }
    ApiResource resource;
    resource.resource = {group, version, name};
    resource.kind = TextAt(entry, "kind");
    resource.namespaced = entry.contains("namespaced") && entry["namespaced"] == true;
    resource.verbs = TextsAt(entry, "verbs");
    resource.short_names = TextsAt(entry, "shortNames");
    if (!name.empty() && !resource.kind.empty()) resources.push_back(std::move(resource));
  }
  for (ApiResource& resource : resources) {
    const auto found = subresources.find(resource.resource.resource);
    if (found == subresources.end()) continue;
    resource.has_status = found->second.first;
    resource.has_scale = found->second.second;
  }
  return resources;
}

Result<std::map<std::string, std::vector<std::string>>> ParseGroups(const Json& list) {
  std::map<std::string, std::vector<std::string>> groups;
  if (list.is_object() && list.contains("versions")) {
    groups[""] = TextsAt(list, "versions");  // of the core group
    return groups;
  }
  const Json* const entries = ListAt(list, "groups");
  if (entries == nullptr) return DataLoss("the answer is no APIGroupList");
  for (const Json& entry : *entries) {
    const Json* const versions = ListAt(entry, "versions");
    if (versions == nullptr) continue;
    std::vector<std::string>& names = groups[TextAt(entry, "name")];
    for (const Json& version : *versions) {
      if (version.is_object()) names.push_back(TextAt(version, "version"));
    }
    if (!entry.contains("preferredVersion") || !entry["preferredVersion"].is_object()) continue;
    const auto preferred =
        std::find(names.begin(), names.end(), TextAt(entry["preferredVersion"], "version"));
    if (preferred != names.end()) std::rotate(names.begin(), preferred, preferred + 1);
  }
  return groups;
}

Status Discovery::Refresh(const std::string& api_version, const std::string& group,
                          const std::string& version) {
  MR_RETURN_IF_ERROR(PathOf({{group, version, "x"}, "", "", ""}).status());
  const std::string path =
      (group.empty() ? "/api/" : "/apis/" + PercentEncode(group) + "/") + PercentEncode(version);
  Result<Json> answer = client_.Do(RawRequest(path));
  Known known;
  known.asked = clock_.Steady();
  if (answer.ok()) {
    MR_ASSIGN_OR_RETURN(known.resources, ParseResourceList(*answer));
    known.present = true;
  } else if (answer.status().code() != Code::kNotFound) {
    return answer.status();
  }
  known_[api_version] = std::move(known);
  return Ok();
}

Result<ApiResource> Discovery::Find(const GroupVersionKind& kind) {
  const std::lock_guard lock(mutex_);
  const std::string api_version = kind.ApiVersion();
  const auto look = [&]() -> std::optional<ApiResource> {
    const auto known = known_.find(api_version);
    if (known == known_.end()) return std::nullopt;
    for (const ApiResource& resource : known->second.resources) {
      if (resource.kind == kind.kind) return resource;
    }
    return std::nullopt;
  };
  const auto age = [&] {
    const auto known = known_.find(api_version);
    return known == known_.end() ? TimePoint::duration::max() : clock_.Steady() - known->second.asked;
  };
  std::optional<ApiResource> found = look();
  if (age() > (found ? options_.lifetime : options_.miss_interval)) {
    const Status refreshed = Refresh(api_version, kind.group, kind.version);
    // What was known goes on to count while the server cannot be asked.
    if (!refreshed.ok() && !found) return refreshed;
    if (refreshed.ok()) found = look();
  }
  if (found) return *found;
  const Known& known = known_[api_version];
  if (!known.present) {
    return NotFound("the cluster has no {}: {} is not installed", kind.ToString(), api_version);
  }
  std::vector<std::string> kinds;
  for (const ApiResource& resource : known.resources) kinds.push_back(resource.kind);
  const std::string near = Nearest(kind.kind, kinds);
  return NotFound("the cluster has no {}{}", kind.ToString(),
                  near.empty() ? "" : "; did you mean " + near + "?");
}

Result<bool> Discovery::Has(const GroupVersionKind& kind) {
  const Result<ApiResource> found = Find(kind);
  if (found.ok()) return true;
  if (found.status().code() == Code::kNotFound) return false;
  return found.status();
}

Result<std::vector<std::string>> Discovery::Versions(const std::string& group) {
  MR_ASSIGN_OR_RETURN(const Json answer, client_.Do(RawRequest(group.empty() ? "/api" : "/apis")));
  MR_ASSIGN_OR_RETURN(const auto groups, ParseGroups(answer));
  const auto found = groups.find(group);
  return found == groups.end() ? std::vector<std::string>() : found->second;
}

}  // namespace millrace::kube
