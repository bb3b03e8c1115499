// What keeps a resource from being deleted: others that refer to it, or to what
// would go with it, and stay themselves.
//
//   const std::vector<ResourceKey> users = NeededBy(source, all);
//   if (!users.empty()) return InUse(source.Key(), users);
//
// Pure; thread safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "resource/resource.h"

namespace millrace::resource {

// Sorted; those that are being deleted themselves don't count, nor does what the
// resource owns, however indirectly, for it goes along.
std::vector<ResourceKey> NeededBy(const Resource& resource, std::span<const Resource> all);

// "DataSource a is needed by FeatureView b: delete it first" (FailedPrecondition).
Status InUse(const ResourceKey& key, const std::vector<ResourceKey>& users);

// "A, B and C"; of many the first ten.
std::string Enumerate(const std::vector<ResourceKey>& keys);

// Whether `resource` names `owner` among its owners.
bool Owns(const Resource& owner, const Resource& resource);

}  // namespace millrace::resource
