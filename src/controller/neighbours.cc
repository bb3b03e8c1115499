#include "controller/neighbours.h"

#include "resource/validate.h"

namespace millrace::controller {

using resource::ResourceKey;

void Neighbours::Put(const resource::Resource& resource) {
  const ResourceKey key = resource.Key();
  Links links{.references = resource::References(resource), .owners = {}};
  for (const resource::OwnerReference& owner : resource.metadata.owner_references) {
    links.owners.push_back({owner.kind, key.project, owner.name});
  }
  const auto known = links_.find(key);
  if (known != links_.end() && known->second.references == links.references &&
      known->second.owners == links.owners)
    return;
  Remove(key);
  for (const ResourceKey& other : links.references) dependents_[other].insert(key);
  for (const ResourceKey& other : links.owners) dependents_[other].insert(key);
  links_[key] = std::move(links);
}

void Neighbours::Remove(const ResourceKey& key) {
  const auto known = links_.find(key);
  if (known == links_.end()) return;
  for (const auto* others : {&known->second.references, &known->second.owners}) {
    for (const ResourceKey& other : *others) {
      const auto found = dependents_.find(other);
      if (found == dependents_.end()) continue;
      found->second.erase(key);
      if (found->second.empty()) dependents_.erase(found);
    }
  }
  links_.erase(known);
}

std::vector<ResourceKey> Neighbours::Of(const ResourceKey& key) const {
  std::set<ResourceKey> all = DependentsOf(key);
  if (const auto known = links_.find(key); known != links_.end()) {
    all.insert(known->second.references.begin(), known->second.references.end());
  }
  all.erase(key);
  return {all.begin(), all.end()};
}

const std::set<ResourceKey>& Neighbours::DependentsOf(const ResourceKey& key) const {
  static const std::set<ResourceKey> none;
  const auto found = dependents_.find(key);
  return found == dependents_.end() ? none : found->second;
}

}  // namespace millrace::controller
