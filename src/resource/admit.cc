#include "resource/admit.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "resource/kind.h"
#include "resource/validate.h"

namespace millrace::resource {
namespace {

// Relative paths, wherever the description has one, are put below `folder`.
void Absolute(const Field& field, Json& value, const std::string& folder) {
  if (field.type == FieldType::kPath && value.is_string()) {
    const std::filesystem::path path(value.get<std::string>());
    if (path.is_relative() && !path.empty()) {
      value = (std::filesystem::path(folder) / path).lexically_normal().string();
    }
  } else if (field.type == FieldType::kList && value.is_array()) {
    for (Json& element : value) Absolute(field.fields[0], element, folder);
  } else if (field.type == FieldType::kObject && value.is_object()) {
    for (const Field& child : field.fields) {
      if (const auto found = value.find(child.name); found != value.end()) Absolute(child, *found, folder);
    }
  }
}

}  // namespace

void ResolvePaths(Document& document) {
  if (document.folder.empty() || !document.value.is_object()) return;
  const Json name = ValueAt(document.value, "kind");
  const Kind* kind = name.is_string() ? FindKind(name.get<std::string>()) : nullptr;
  const auto spec = document.value.find("spec");
  if (kind != nullptr && spec != document.value.end()) Absolute(kind->spec, *spec, document.folder);
}

Result<Resource> ToResource(const Document& document) {
  Document resolved = document;
  ResolvePaths(resolved);
  MR_ASSIGN_OR_RETURN(Resource resource, Resource::FromJson(resolved.value));
  const Kind* kind = FindKind(resource.kind);
  if (kind != nullptr && kind->namespaced && resource.metadata.project.empty()) {
    resource.metadata.project = kDefaultProject;
  }
  resource.status = Json::object();
  return resource;
}

Result<Plan> Admit(std::span<const Document> documents, ResourceStore& store, const WriteOptions& options,
                   const DefinitionCheck& check) {
  Plan plan;
  std::vector<Resource> resources;
  Status unreadable;  // has a diagnostic, too
  for (const Document& document : documents) {
    Result<Resource> resource = ToResource(document);
    if (resource.ok()) {
      resources.push_back(std::move(*resource));
    } else {
      unreadable = resource.status();
    }
  }
  WriteOptions checked = options;
  checked.check = [&](const std::vector<Resource>& existing, const std::vector<Resource>& wanted) -> Status {
    plan.diagnostics = Validate(documents, existing, check);
    MR_RETURN_IF_ERROR(plan.diagnostics.ToStatus());
    MR_RETURN_IF_ERROR(unreadable);
    return options.check ? options.check(existing, wanted) : Ok();
  };
  Result<std::vector<Applied>> applied = store.Apply(resources, checked);
  if (!plan.diagnostics.empty()) return plan;
  MR_RETURN_IF_ERROR(applied.status());
  plan.applied = std::move(*applied);
  return plan;
}

Diagnostics ValidateWrite(const std::vector<Resource>& existing, const std::vector<Resource>& wanted,
                          const DefinitionCheck& check) {
  std::vector<Document> documents;
  for (const Resource& resource : wanted) documents.push_back(FromJson(resource.ToJson()));
  return Validate(documents, existing, check);
}

}  // namespace millrace::resource
