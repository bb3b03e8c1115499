// All resources as they would be once a set of documents is applied: the
// documents, and what exists beside them. The rules that look across resources
// run over it. Internal to validation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "resource/decode.h"
#include "resource/definition_check.h"
#include "resource/diagnostics.h"
#include "resource/kind.h"
#include "resource/resource.h"
#include "resource/yaml.h"

namespace millrace::resource {

struct Item {
  Resource resource;
  const Document* document = nullptr;  // null: it exists already and isn't in the set
  bool sound = true;                   // its structure is valid: rules may decode it
};

class Universe {
 public:
  // Checks the documents' structure and names on the way.
  Universe(std::span<const Document> documents, std::span<const Resource> existing);

  const Item* Find(const std::string& kind, const std::string& project, const std::string& name) const;
  // Names of that kind in the project, for suggestions.
  std::vector<std::string> Names(const std::string& kind, const std::string& project) const;

  // Every document has a kind and a name: what is not in the universe does not exist.
  bool complete() const { return complete_; }

  void Report(const Item& item, const std::string& field, std::string message);
  // Whether something was reported of this field, of one in it or of one that it is in.
  bool HasProblem(const Item& item, std::string_view field) const;
  const Diagnostics& diagnostics() const { return diagnostics_; }
  Diagnostics TakeDiagnostics() { return std::move(diagnostics_); }

  // Each sound item of Spec's kind, decoded.
  template <typename Spec>
  void ForEach(const std::string& kind, const std::function<void(const Item&, const Spec&)>& visit) {
    for (const auto& [key, item] : items_) {
      if (key.kind != kind || !item.sound) continue;
      const Result<Spec> spec = DecodeSpec<Spec>(item.resource.spec);
      if (spec.ok()) visit(item, *spec);
    }
  }

  // The named resource's spec, if it is there and sound.
  template <typename Spec>
  std::optional<Spec> SpecOf(const std::string& kind, const Item& from, const std::string& name) const {
    const Item* item = Find(kind, from.resource.metadata.project, name);
    if (item == nullptr || !item->sound) return std::nullopt;
    Result<Spec> spec = DecodeSpec<Spec>(item->resource.spec);
    return spec.ok() ? std::optional<Spec>(std::move(*spec)) : std::nullopt;
  }

  const std::map<ResourceKey, Item>& items() const { return items_; }

 private:
  void AddDocument(const Document& document);

  std::map<ResourceKey, Item> items_;
  Diagnostics diagnostics_;
  bool complete_ = true;
};

// A field that names another resource.
struct FoundReference {
  std::string path;
  ResourceKey key;
};
std::vector<FoundReference> FindReferences(const Resource& resource);

// Each resource by itself, and what it refers to.
void CheckReferences(Universe& universe);
void CheckRules(Universe& universe);
// What could see a column before it is known.
void CheckLeakage(Universe& universe);
// What `check` says of those that the documents affect, and did not say of what exists before.
void CheckDefinitions(Universe& universe, std::span<const Resource> existing, const DefinitionCheck& check);

}  // namespace millrace::resource
