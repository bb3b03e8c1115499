#include "resource/internal/universe.h"

#include <utility>

#include "resource/structure.h"

namespace millrace::resource {
namespace {

std::string TextAt(const Json& document, std::string_view path) {
  const Json value = ValueAt(document, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// The key of a document, as far as it has one.
std::optional<ResourceKey> KeyOf(const Json& document) {
  const Kind* kind = FindKind(TextAt(document, "kind"));
  const std::string name = TextAt(document, "metadata.name");
  if (kind == nullptr || name.empty()) return std::nullopt;
  std::string project = TextAt(document, "metadata.namespace");
  if (project.empty()) project = kDefaultProject;
  return ResourceKey{kind->name, kind->namespaced ? project : "", name};
}

}  // namespace

Universe::Universe(std::span<const Document> documents, std::span<const Resource> existing) {
  for (const Document& document : documents) AddDocument(document);
  for (const Resource& resource : existing) items_.try_emplace(resource.Key(), Item{resource, nullptr, true});
}

void Universe::AddDocument(const Document& document) {
  const Diagnostics wrong = CheckStructure(document);
  diagnostics_.Append(wrong);
  const std::optional<ResourceKey> key = KeyOf(document.value);
  if (!key) {
    complete_ = false;
    return;
  }
  Item item;
  item.resource.kind = key->kind;
  item.resource.metadata.name = key->name;
  item.resource.metadata.project = key->project;
  item.resource.spec = ValueAt(document.value, "spec");
  item.document = &document;
  item.sound = wrong.empty();
  const auto [found, fresh] = items_.try_emplace(*key, item);
  if (fresh) return;
  const SourceMark first = found->second.document->At("metadata.name");
  Report(item, "metadata.name",
         first.file.empty()
             ? "stands twice in this set; give one of the two another name"
             : fmt::format("stands twice; it is already at {}:{}:{}", first.file, first.line, first.column));
}

const Item* Universe::Find(const std::string& kind, const std::string& project,
                           const std::string& name) const {
  const auto found = items_.find({kind, project, name});
  return found == items_.end() ? nullptr : &found->second;
}

std::vector<std::string> Universe::Names(const std::string& kind, const std::string& project) const {
  std::vector<std::string> names;
  for (const auto& [key, item] : items_) {
    if (key.kind == kind && key.project == project) names.push_back(key.name);
  }
  return names;
}

void Universe::Report(const Item& item, const std::string& field, std::string message) {
  const std::string label = item.resource.Key().ToString();
  if (item.document == nullptr) {
    diagnostics_.Add({{}, label + " (which exists)", field, std::move(message)});
  } else {
    diagnostics_.Add({item.document->At(field), label, field, std::move(message)});
  }
}

}  // namespace millrace::resource
