// What the code that will run the definitions says of them.
#include <algorithm>

#include "resource/admit.h"
#include "resource/internal/universe.h"

namespace millrace::resource {
namespace {

using Told = std::tuple<ResourceKey, std::string, std::string>;

Resource WithAbsolutePaths(const Item& item) {
  Resource resource = item.resource;
  Document resolved = *item.document;
  ResolvePaths(resolved);
  resource.spec = ValueAt(resolved.value, "spec");
  return resource;
}

// References lead to kinds of a lower rank: in their order each comes after what it refers to.
std::vector<std::pair<ResourceKey, const Item*>> ByRank(const Universe& universe) {
  std::vector<std::pair<ResourceKey, const Item*>> items;
  for (const auto& [key, item] : universe.items()) {
    if (item.sound && FindKind(key.kind) != nullptr) items.emplace_back(key, &item);
  }
  std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) {
    return FindKind(a.first.kind)->rank < FindKind(b.first.kind)->rank;
  });
  return items;
}

// A document that says what exists already gives nothing: what is wrong with it was so before, as with
// files that have changed since, and is told by its conditions.
Definitions DefinitionsOf(const Universe& universe, std::span<const Resource> existing) {
  std::map<ResourceKey, const Json*> stored;
  for (const Resource& resource : existing) stored.emplace(resource.Key(), &resource.spec);
  Definitions definitions;
  for (const auto& [key, item] : ByRank(universe)) {
    Definition made;
    const bool in_set = item->document != nullptr;
    made.resource = in_set ? WithAbsolutePaths(*item) : item->resource;
    if (const auto found = stored.find(key); found != stored.end()) made.stored = *found->second;
    made.given = in_set && made.resource.spec != made.stored;
    made.affected = in_set;
    for (const FoundReference& reference : FindReferences(item->resource)) {
      const auto target = definitions.find(reference.key);
      // (What may be done in a project is no part of what its resources mean.)
      const bool counts =
          target != definitions.end() && target->second.affected && reference.key.kind != "Project";
      made.affected = made.affected || counts;
    }
    definitions.emplace(key, std::move(made));
  }
  return definitions;
}

// What was wrong with the same resources before.
std::set<Told> ToldBefore(const Definitions& now, std::span<const Resource> existing,
                          const DefinitionCheck& check) {
  Definitions before;
  for (const Resource& resource : existing) {
    const auto found = now.find(resource.Key());
    const bool affected = found != now.end() && found->second.affected;
    before.emplace(resource.Key(), Definition{resource, false, affected, resource.spec});
  }
  std::set<Told> told;
  for (const DefinitionProblem& one : check(before)) {
    told.emplace(one.key, one.problem.field, one.problem.message);
  }
  return told;
}

}  // namespace

void CheckDefinitions(Universe& universe, std::span<const Resource> existing, const DefinitionCheck& check) {
  const Definitions definitions = DefinitionsOf(universe, existing);
  const std::vector<DefinitionProblem> found = check(definitions);
  const auto given = [&](const ResourceKey& key) {
    const auto definition = definitions.find(key);
    return definition != definitions.end() && definition->second.given;
  };
  std::set<Told> before;
  if (std::any_of(found.begin(), found.end(), [&](const auto& one) { return !given(one.key); })) {
    before = ToldBefore(definitions, existing, check);
  }
  // A rule that needs no types may have told the same, better.
  std::vector<DefinitionProblem> fresh;
  for (const DefinitionProblem& one : found) {
    if (!given(one.key) && before.contains({one.key, one.problem.field, one.problem.message})) continue;
    const auto item = universe.items().find(one.key);
    if (item != universe.items().end() && !universe.HasProblem(item->second, one.problem.field)) {
      fresh.push_back(one);
    }
  }
  for (DefinitionProblem& one : fresh) {
    universe.Report(universe.items().at(one.key), one.problem.field, std::move(one.problem.message));
  }
}

}  // namespace millrace::resource
