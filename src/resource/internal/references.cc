#include <algorithm>
#include <utility>

#include "base/text.h"
#include "resource/internal/universe.h"
#include "resource/validate.h"

namespace millrace::resource {
namespace {

// Walks the spec along its description and gathers what its fields name.
class Gatherer {
 public:
  Gatherer(const std::string& project, std::vector<FoundReference>& found)
      : project_(project), found_(found) {}

  void Gather(const Field& field, const Json& value, const std::string& path) {
    if (field.type == FieldType::kObject && value.is_object()) {
      for (const Field& child : field.fields) {
        const auto at = value.find(child.name);
        if (at != value.end()) Gather(child, *at, path + "." + child.name);
      }
    } else if (field.type == FieldType::kList && value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i)
        Gather(field.fields[0], value[i], fmt::format("{}[{}]", path, i));
    } else if (field.type == FieldType::kReference && value.is_string()) {
      found_.push_back({path, {field.reference, project_, value.get<std::string>()}});
    } else if (field.type == FieldType::kModelReference && value.is_string()) {
      const Result<ModelReference> reference = ParseModelReference(value.get<std::string>());
      if (reference.ok()) found_.push_back({path, {"Model", project_, reference->model}});
    }
  }

 private:
  const std::string& project_;
  std::vector<FoundReference>& found_;
};

void CheckReference(Universe& universe, const Item& item, const FoundReference& reference) {
  const ResourceKey& key = reference.key;
  if (key.kind == "Project" && key.name == kDefaultProject) return;  // is always there
  const Item* target = universe.Find(key.kind, key.project, key.name);
  if (target == nullptr && !universe.complete()) return;  // it may be the document that has no name
  if (target == nullptr) {
    const std::string nearest = Nearest(key.name, universe.Names(key.kind, key.project));
    const std::string where = key.project.empty() ? "" : fmt::format(" in project {}", key.project);
    return universe.Report(item, reference.path,
                           fmt::format("{} '{}' does not exist{}{}", key.kind, key.name, where,
                                       nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
  }
  const bool leaving = target->document == nullptr && target->resource.metadata.deletion_time.has_value();
  if (leaving && item.document != nullptr) {
    universe.Report(item, reference.path, fmt::format("{} '{}' is being deleted", key.kind, key.name));
  }
}

}  // namespace

std::vector<FoundReference> FindReferences(const Resource& resource) {
  std::vector<FoundReference> found;
  const Kind* kind = FindKind(resource.kind);
  if (kind == nullptr) return found;
  if (kind->namespaced) found.push_back({"metadata.namespace", {"Project", "", resource.metadata.project}});
  Gatherer(resource.metadata.project, found).Gather(kind->spec, resource.spec, "spec");
  return found;
}

std::vector<ResourceKey> References(const Resource& resource) {
  std::vector<ResourceKey> keys;
  for (FoundReference& reference : FindReferences(resource)) {
    if (std::find(keys.begin(), keys.end(), reference.key) == keys.end())
      keys.push_back(std::move(reference.key));
  }
  return keys;
}

std::vector<ResourceKey> Dependents(const ResourceKey& key, std::span<const Resource> all) {
  std::vector<ResourceKey> dependents;
  for (const Resource& resource : all) {
    const std::vector<ResourceKey> references = References(resource);
    if (std::find(references.begin(), references.end(), key) != references.end())
      dependents.push_back(resource.Key());
  }
  return dependents;
}

void CheckReferences(Universe& universe) {
  for (const auto& [key, item] : universe.items()) {
    if (!item.sound) continue;
    for (const FoundReference& reference : FindReferences(item.resource))
      CheckReference(universe, item, reference);
  }
}

}  // namespace millrace::resource
