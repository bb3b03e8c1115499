#include "resource/internal/kube_object.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "resource/kind.h"

namespace millrace::resource {
namespace {

Json OwnerJson(const OwnerReference& owner, bool controller) {
  Json json = {{"apiVersion", std::string(kApiVersion)},
               {"kind", owner.kind},
               {"name", owner.name},
               {"uid", owner.uid}};
  if (controller) json["controller"] = true;  // of one alone
  return json;
}

// Name, project, labels and so on; for what exists they are merged.
Json Identity(const Resource& resource) {
  Json metadata = {{"name", resource.metadata.name}};
  if (!resource.metadata.project.empty()) metadata["namespace"] = resource.metadata.project;
  if (!resource.metadata.labels.empty()) metadata["labels"] = resource.metadata.labels;
  if (!resource.metadata.annotations.empty()) metadata["annotations"] = resource.metadata.annotations;
  if (!resource.metadata.finalizers.empty()) metadata["finalizers"] = resource.metadata.finalizers;
  Json owners = Json::array();
  for (const OwnerReference& owner : resource.metadata.owner_references) {
    owners.push_back(OwnerJson(owner, owners.empty()));
  }
  if (!owners.empty()) metadata["ownerReferences"] = std::move(owners);
  return {{"apiVersion", std::string(kApiVersion)},
          {"kind", resource.kind},
          {"metadata", std::move(metadata)},
          {"spec", resource.spec}};
}

// The wanted owners: those that are there as they stand, with all their fields; new ones after them.
Json OwnersOf(const Resource& after, const Json& object) {
  Json owners = Json::array();
  const Json there = ValueAt(object, "metadata.ownerReferences");
  for (const OwnerReference& wanted : after.metadata.owner_references) {
    const auto same = [&](const Json& owner) {
      return owner.is_object() && owner.value("uid", Json()) == Json(wanted.uid);
    };
    const auto found =
        there.is_array() ? std::find_if(there.begin(), there.end(), same) : Json::const_iterator();
    const bool known = there.is_array() && found != there.end();
    owners.push_back(known ? *found : OwnerJson(wanted, false));
  }
  return owners;
}

bool IsDecimal(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Json WithPreconditions(Json patch, const Resource& before) {
  patch["metadata"]["uid"] = before.metadata.uid;
  patch["metadata"]["resourceVersion"] = before.metadata.resource_version;
  return patch;
}

}  // namespace

kube::GroupVersionResource ObjectsOf(const std::string& kind) {
  const Kind* known = FindKind(kind);
  return {std::string(kGroup), std::string(kVersion), known == nullptr ? "" : known->plural};
}

kube::ObjectName ObjectOf(const ResourceKey& key) { return {ObjectsOf(key.kind), key.project, key.name, ""}; }

Result<Resource> FromObject(const Json& object) {
  MR_ASSIGN_OR_RETURN(Resource resource, Resource::FromJson(object));
  resource.metadata.manager.clear();
  return resource;
}

Json NewObject(const Resource& resource) {
  Json object = Identity(resource);
  object["metadata"].erase("namespace");  // the path has it
  return object;
}

Json AppliedObject(const Resource& resource) {
  Json object = Identity(resource);
  const std::string& version = resource.metadata.resource_version;
  if (!version.empty()) object["metadata"]["resourceVersion"] = version;
  return object;
}

Json ChangeOf(const Resource& before, const Resource& after, const Json& object) {
  const Metadata& was = before.metadata;
  const Metadata& will = after.metadata;
  Json metadata = Json::object();
  if (Json labels = MergeDiff(was.labels, will.labels); !labels.empty()) metadata["labels"] = labels;
  if (Json texts = MergeDiff(was.annotations, will.annotations); !texts.empty())
    metadata["annotations"] = texts;
  if (was.finalizers != will.finalizers) metadata["finalizers"] = will.finalizers;
  if (was.owner_references != will.owner_references) metadata["ownerReferences"] = OwnersOf(after, object);
  Json patch = Json::object();
  if (!metadata.empty()) patch["metadata"] = std::move(metadata);
  if (Json spec = MergeDiff(before.spec, after.spec); !spec.empty()) patch["spec"] = std::move(spec);
  return patch.empty() ? Json() : WithPreconditions(std::move(patch), before);
}

Json StatusChangeOf(const Resource& before, const Json& status) {
  const Json change = MergeDiff(before.status, status);
  return change.empty() ? Json() : WithPreconditions({{"status", change}}, before);
}

bool IsAtLeast(const std::string& seen, const std::string& wanted) {
  if (!IsDecimal(seen) || !IsDecimal(wanted)) return true;
  return seen.size() == wanted.size() ? seen >= wanted : seen.size() > wanted.size();
}

}  // namespace millrace::resource
