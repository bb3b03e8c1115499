#include "controller/finalizer.h"

#include <algorithm>

namespace millrace::controller {
namespace {

// Which program applied the resource stays as it is.
resource::WriteOptions ByController(const resource::Resource& resource) {
  resource::WriteOptions options;
  options.actor = std::string(kActor);
  options.manager = resource.metadata.manager;
  options.owns_finalizers = true;
  return options;
}

}  // namespace

bool HasFinalizer(const resource::Resource& resource) {
  const std::vector<std::string>& finalizers = resource.metadata.finalizers;
  return std::find(finalizers.begin(), finalizers.end(), kFinalizer) != finalizers.end();
}

Result<resource::Resource> WithFinalizer(Context& context, const resource::Resource& resource) {
  if (HasFinalizer(resource)) return resource;
  resource::Resource held = resource;
  held.metadata.finalizers.emplace_back(kFinalizer);
  return context.stores.resources.Update(held, ByController(resource));
}

Status RemoveFinalizer(Context& context, const resource::Resource& resource) {
  if (!HasFinalizer(resource)) return Ok();
  resource::Resource released = resource;
  std::erase(released.metadata.finalizers, kFinalizer);
  return context.stores.resources.Update(released, ByController(resource)).status();
}

}  // namespace millrace::controller
