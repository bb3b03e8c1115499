// What holds in every store: whom a resource may call itself, which finalizers
// may come, how lists are cut into pages, what a watch is told of a change.
// Internal to the stores. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "resource/resource.h"
#include "resource/store.h"

namespace millrace::resource {

// A known kind, names that are names, a project where there must be one.
Status CheckIdentity(const Resource& resource);
// To what is being deleted no finalizer can be added.
Status CheckFinalizers(const Resource& before, const Resource& after);
// Conflict unless no version is given, or this is it.
Status CheckVersion(const Resource& resource, const std::string& version);

// The positions in order of the kinds' rank: sources before what reads them, so
// that a watch sees them in this order.
std::vector<size_t> ByRank(const std::vector<Resource>& resources);

// What a patch says of a resource, but for what the store sets itself and its status.
Result<Resource> Patched(const Resource& before, const Json& patch);
// The status that a patch {"status": …} makes.
Result<Json> PatchedStatus(const Resource& before, const Json& patch);
// The version that a patch names; "" for none.
std::string VersionOf(const Json& patch);

// A continue token holds the first page's version and the last key that was listed.
struct PageStart {
  std::string version;  // "" on the first page
  ResourceKey last;
};
Result<PageStart> ReadContinueToken(const std::string& token);
// Of `all`, sorted by key, the page that begins there; `latest` is the store's version now.
Result<ResourceList> CutPage(std::vector<Resource> all, const ListOptions& options, const PageStart& start,
                             const std::string& latest);

// A change as watches see it.
struct StoredEvent {
  EventType type = EventType::kAdded;
  Resource resource;   // as it became, or last was; resource_version is the event's
  Json labels_before;  // null when it was created
};

// What a watch with these options makes of the event: one that begins or stops
// to match the selector is added or deleted for it; none when it is not its business.
std::optional<WatchEvent> ForWatch(const StoredEvent& event, const WatchOptions& options,
                                   const LabelSelector& selector);

}  // namespace millrace::resource
