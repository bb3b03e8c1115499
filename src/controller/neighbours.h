// Neighbours: which resources are to be looked at when one has changed: what it
// refers to, what refers to it, and what it owns. An index, so that the cost of a
// change depends on its neighbours and not on how many resources there are.
//
//   neighbours.Put(resource);                      // as the watch has shown it
//   for (const ResourceKey& key : neighbours.Of(changed)) queue.Add(KeyOf(key));
//
// Not thread safe.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "resource/resource.h"

namespace millrace::controller {

class Neighbours {
 public:
  void Put(const resource::Resource& resource);
  void Remove(const resource::ResourceKey& key);

  // Sorted, without `key` itself.
  std::vector<resource::ResourceKey> Of(const resource::ResourceKey& key) const;
  // What refers to `key`, or is owned by it.
  const std::set<resource::ResourceKey>& DependentsOf(const resource::ResourceKey& key) const;

 private:
  struct Links {
    std::vector<resource::ResourceKey> references;
    std::vector<resource::ResourceKey> owners;
  };

  std::map<resource::ResourceKey, Links> links_;
  std::map<resource::ResourceKey, std::set<resource::ResourceKey>> dependents_;
};

}  // namespace millrace::controller
