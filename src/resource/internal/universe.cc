#include "resource/internal/universe.h"

#include <algorithm>
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

bool IsWithin(std::string_view inner, std::string_view outer) {
  return inner == outer || outer.empty() ||
         (inner.starts_with(outer) && (inner[outer.size()] == '.' || inner[outer.size()] == '['));
}

std::string LabelOf(const Item& item) {
  return item.resource.Key().ToString() + (item.document == nullptr ? " (which exists)" : "");
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

bool Universe::HasProblem(const Item& item, std::string_view field) const {
  const std::string label = LabelOf(item);
  return std::any_of(diagnostics_.items().begin(), diagnostics_.items().end(), [&](const Diagnostic& told) {
    return told.resource == label && (IsWithin(told.field, field) || IsWithin(field, told.field));
  });
}

void Universe::Report(const Item& item, const std::string& field, std::string message) {
  const SourceMark mark = item.document == nullptr ? SourceMark{} : item.document->At(field);
  diagnostics_.Add({mark, LabelOf(item), field, std::move(message)});
}

}  // namespace millrace::resource
