#include "resource/resource.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "resource/kind.h"

namespace millrace::resource {
namespace {

std::string TextOr(const Json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Where `value` isn't of the type that `field` needs.
Status WrongType(std::string_view field, std::string_view expected, const Json& value) {
  return InvalidArgument("{}: expected {}, not {}", field, expected, value.type_name());
}

Result<std::optional<EventTime>> ReadTime(const Json& metadata, const char* field) {
  const std::string text = TextOr(metadata, field);
  if (text.empty()) return std::optional<EventTime>();
  Result<EventTime> time = ParseTime(text);
  if (!time.ok()) return time.status().WithContext(std::string("metadata.") + field);
  return std::optional<EventTime>(*time);
}

Result<Json> ReadTexts(const Json& metadata, const char* field) {
  const auto found = metadata.find(field);
  if (found == metadata.end() || found->is_null()) return Json(Json::object());
  const std::string path = std::string("metadata.") + field;
  if (!found->is_object()) return WrongType(path, "an object", *found);
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) return WrongType(path + "." + key, "a string", value);
  }
  return *found;
}

Result<std::vector<OwnerReference>> ReadOwners(const Json& metadata) {
  std::vector<OwnerReference> owners;
  const auto found = metadata.find("ownerReferences");
  if (found == metadata.end() || found->is_null()) return owners;
  if (!found->is_array()) return WrongType("metadata.ownerReferences", "a list", *found);
  for (const Json& owner : *found) {
    if (!owner.is_object()) return WrongType("metadata.ownerReferences", "a list of objects", owner);
    owners.push_back({TextOr(owner, "kind"), TextOr(owner, "name"), TextOr(owner, "uid")});
  }
  return owners;
}

Result<std::vector<std::string>> ReadFinalizers(const Json& metadata) {
  std::vector<std::string> finalizers;
  const auto found = metadata.find("finalizers");
  if (found == metadata.end() || found->is_null()) return finalizers;
  if (!found->is_array()) return WrongType("metadata.finalizers", "a list", *found);
  for (const Json& finalizer : *found) {
    if (!finalizer.is_string()) return WrongType("metadata.finalizers", "a list of strings", finalizer);
    finalizers.push_back(finalizer.get<std::string>());
  }
  return finalizers;
}

Result<Json> ReadObject(const Json& document, const char* field) {
  const auto found = document.find(field);
  if (found == document.end() || found->is_null()) return Json(Json::object());
  if (!found->is_object()) return WrongType(field, "an object", *found);
  return *found;
}

Result<Metadata> ReadMetadata(const Json& json) {
  Metadata metadata;
  metadata.name = TextOr(json, "name");
  metadata.project = TextOr(json, "namespace");
  metadata.uid = TextOr(json, "uid");
  metadata.resource_version = TextOr(json, "resourceVersion");
  if (const auto found = json.find("generation"); found != json.end() && found->is_number_integer()) {
    metadata.generation = found->get<int64_t>();
  }
  MR_ASSIGN_OR_RETURN(metadata.labels, ReadTexts(json, "labels"));
  MR_ASSIGN_OR_RETURN(metadata.annotations, ReadTexts(json, "annotations"));
  MR_ASSIGN_OR_RETURN(metadata.finalizers, ReadFinalizers(json));
  MR_ASSIGN_OR_RETURN(metadata.owner_references, ReadOwners(json));
  MR_ASSIGN_OR_RETURN(const std::optional<EventTime> created, ReadTime(json, "creationTimestamp"));
  metadata.creation_time = created.value_or(EventTime{});
  MR_ASSIGN_OR_RETURN(metadata.deletion_time, ReadTime(json, "deletionTimestamp"));
  if (const auto found = json.find("managedFields");
      found != json.end() && found->is_array() && !found->empty() && found->front().is_object()) {
    metadata.manager = TextOr(found->front(), "manager");
  }
  return metadata;
}

Json WriteMetadata(const Metadata& metadata) {
  Json json = {{"name", metadata.name}};
  if (!metadata.project.empty()) json["namespace"] = metadata.project;
  if (!metadata.uid.empty()) json["uid"] = metadata.uid;
  if (!metadata.resource_version.empty()) json["resourceVersion"] = metadata.resource_version;
  if (metadata.generation != 0) json["generation"] = metadata.generation;
  if (!metadata.labels.empty()) json["labels"] = metadata.labels;
  if (!metadata.annotations.empty()) json["annotations"] = metadata.annotations;
  if (!metadata.finalizers.empty()) json["finalizers"] = metadata.finalizers;
  for (const OwnerReference& owner : metadata.owner_references) {
    json["ownerReferences"].push_back({{"apiVersion", std::string(kApiVersion)},
                                       {"kind", owner.kind},
                                       {"name", owner.name},
                                       {"uid", owner.uid},
                                       {"controller", true}});
  }
  if (metadata.creation_time != EventTime{}) json["creationTimestamp"] = FormatTime(metadata.creation_time);
  if (metadata.deletion_time) json["deletionTimestamp"] = FormatTime(*metadata.deletion_time);
  if (!metadata.manager.empty()) {
    json["managedFields"] = Json::array(
        {{{"manager", metadata.manager}, {"operation", "Apply"}, {"apiVersion", std::string(kApiVersion)}}});
  }
  return json;
}

}  // namespace

std::string ResourceKey::ToString() const {
  const bool plain = project.empty() || project == kDefaultProject;
  return plain ? fmt::format("{} {}", kind, name) : fmt::format("{} {}/{}", kind, project, name);
}

Json Resource::ToJson() const {
  Json json = {{"apiVersion", std::string(kApiVersion)},
               {"kind", kind},
               {"metadata", WriteMetadata(metadata)},
               {"spec", spec}};
  if (!status.empty()) json["status"] = status;
  return json;
}

Result<Resource> Resource::FromJson(const Json& document) {
  if (!document.is_object()) return InvalidArgument("expected an object, not {}", document.type_name());
  Resource resource;
  resource.kind = TextOr(document, "kind");
  if (resource.kind.empty()) return InvalidArgument("kind is missing");
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object()) return InvalidArgument("metadata is missing");
  MR_ASSIGN_OR_RETURN(resource.metadata, ReadMetadata(*metadata));
  MR_ASSIGN_OR_RETURN(resource.spec, ReadObject(document, "spec"));
  MR_ASSIGN_OR_RETURN(resource.status, ReadObject(document, "status"));
  return resource;
}

namespace {

// "3" → that entry; "Ready" → the entry of that type; null when there is none.
const Json* Entry(const Json& list, const std::string& index) {
  if (!list.is_array() || index.empty()) return nullptr;
  const bool number = index.size() < 9 &&
                      std::all_of(index.begin(), index.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number) {
    const size_t i = std::stoul(index);
    return i < list.size() ? &list[i] : nullptr;
  }
  const auto entry = std::find_if(list.begin(), list.end(), [&](const Json& item) {
    return item.is_object() && TextOr(item, "type") == index;
  });
  return entry == list.end() ? nullptr : &*entry;
}

}  // namespace

Json ValueAt(const Json& document, std::string_view path) {
  const Json* at = &document;
  const std::vector<std::string> parts = Split(path, '.');
  for (const std::string& part : parts) {
    const size_t bracket = part.find('[');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(part.substr(0, bracket));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (bracket == std::string::npos) continue;
    if (part.back() != ']') return nullptr;
    const std::string index = part.substr(bracket + 1, part.size() - bracket - 2);
    at = Entry(*at, index);
    if (at == nullptr) return nullptr;
    // A condition by its type stands for its status.
    const bool by_type = index.find_first_not_of("0123456789") != std::string::npos;
    if (by_type && &part == &parts.back()) return at->value("status", Json());
  }
  return *at;
}

}  // namespace millrace::resource
