#include "resource/in_use.h"

#include <algorithm>

#include "resource/validate.h"

namespace millrace::resource {
namespace {

bool Contains(const std::vector<Resource>& resources, const std::string& uid) {
  return std::any_of(resources.begin(), resources.end(),
                     [&](const Resource& one) { return one.metadata.uid == uid; });
}

// What goes when the first of it goes: the resource and all that it owns, however indirectly.
std::vector<Resource> WithOwned(const Resource& resource, std::span<const Resource> all) {
  std::vector<Resource> going = {resource};
  for (size_t i = 0; i < going.size(); ++i) {
    for (const Resource& other : all) {
      if (Owns(going[i], other) && !Contains(going, other.metadata.uid)) going.push_back(other);
    }
  }
  return going;
}

}  // namespace

bool Owns(const Resource& owner, const Resource& resource) {
  return std::any_of(resource.metadata.owner_references.begin(), resource.metadata.owner_references.end(),
                     [&](const OwnerReference& reference) { return reference.uid == owner.metadata.uid; });
}

std::vector<ResourceKey> NeededBy(const Resource& resource, std::span<const Resource> all) {
  const std::vector<Resource> going = WithOwned(resource, all);
  std::vector<Resource> staying;
  for (const Resource& other : all) {
    if (!other.metadata.deletion_time && !Contains(going, other.metadata.uid)) staying.push_back(other);
  }
  std::vector<ResourceKey> users;
  for (const Resource& gone : going) {
    for (ResourceKey& key : Dependents(gone.Key(), staying)) users.push_back(std::move(key));
  }
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  return users;
}

Status InUse(const ResourceKey& key, const std::vector<ResourceKey>& users) {
  return FailedPrecondition("{} is needed by {}: delete {} first", key.ToString(), Enumerate(users),
                            users.size() == 1 ? "it" : "them");
}

std::string Enumerate(const std::vector<ResourceKey>& keys) {
  constexpr size_t kShown = 10;
  std::string text;
  for (size_t i = 0; i < std::min(keys.size(), kShown); ++i) {
    if (i > 0) text += i + 1 == keys.size() ? " and " : ", ";
    text += keys[i].ToString();
  }
  if (keys.size() > kShown) text += fmt::format(" and {} more", keys.size() - kShown);
  return text;
}

}  // namespace millrace::resource
