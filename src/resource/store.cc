#include "resource/store.h"

#include <algorithm>

namespace millrace::resource {
namespace {

// Conflicts come from controllers that write at the same moment; each round one of them gets through.
constexpr int kAttempts = 16;

template <typename Change>
Result<Resource> Retry(ResourceStore& store, const ResourceKey& key, Change change) {
  for (int attempt = 1;; ++attempt) {
    MR_ASSIGN_OR_RETURN(Resource resource, store.Get(key));
    if (!change(resource.metadata.finalizers)) return resource;
    Result<Resource> updated = store.Update(resource, {.owns_finalizers = true});
    if (updated.ok() || updated.status().code() != Code::kConflict || attempt == kAttempts) return updated;
  }
}

}  // namespace

std::string_view VerbName(Verb verb) {
  switch (verb) {
    case Verb::kCreate:
      return "create";
    case Verb::kUpdate:
      return "update";
    case Verb::kUpdateStatus:
      return "update status";
    case Verb::kDelete:
      return "delete";
  }
  return "unknown";
}

std::string_view ApplyActionName(ApplyAction action) {
  switch (action) {
    case ApplyAction::kCreated:
      return "created";
    case ApplyAction::kConfigured:
      return "configured";
    case ApplyAction::kUnchanged:
      return "unchanged";
  }
  return "unknown";
}

Result<Resource> AddFinalizer(ResourceStore& store, const ResourceKey& key, std::string_view finalizer) {
  return Retry(store, key, [&](std::vector<std::string>& finalizers) {
    if (std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end()) return false;
    finalizers.emplace_back(finalizer);
    return true;
  });
}

Result<Resource> RemoveFinalizer(ResourceStore& store, const ResourceKey& key, std::string_view finalizer) {
  return Retry(store, key, [&](std::vector<std::string>& finalizers) {
    return std::erase(finalizers, std::string(finalizer)) > 0;
  });
}

}  // namespace millrace::resource
