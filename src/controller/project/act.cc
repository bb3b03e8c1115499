#include "base/file.h"
#include "controller/controllers.h"
#include "controller/project/decide.h"
#include "controller/status_writer.h"
#include "resource/decode.h"

namespace millrace::controller::project {

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::ProjectSpec>(resource));
  Decision decision = Decide(spec.grants);
  context.stores.access.SetProjectGrants(resource.metadata.name, std::move(decision.grants));
  // Counted without a copy of each.
  size_t count = 0;
  resource::ListOptions options{.project = resource.metadata.name};
  options.filter = [&count](const resource::Resource&) {
    ++count;
    return false;
  };
  MR_RETURN_IF_ERROR(context.stores.resources.List(options).status());
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, {{"resources", count}}, decision.ready));
  return Micros(0);
}

// The resources in it are deleted before or with it: it waits for those that still remove
// what they made.
Result<std::string> Finalize(Context& context, const resource::Resource& resource) {
  const std::string& project = resource.metadata.name;
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> all, ListOf(context, "", project));
  if (!all.empty()) {
    return fmt::format("{}{} is still there", all.front().Key().ToString(),
                       all.size() == 1 ? "" : fmt::format(" (and {} more)", all.size() - 1));
  }
  for (const std::string& directory : context.layout.OfProject(project)) {
    MR_RETURN_IF_ERROR(RemoveTree(directory));
  }
  return std::string();
}

void Forget(Context& context, const resource::ResourceKey& key) {
  context.stores.access.RemoveProject(key.name);
}

}  // namespace millrace::controller::project
