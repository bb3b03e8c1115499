#include "controller/controllers.h"
#include "controller/project/decide.h"
#include "controller/status_writer.h"
#include "resource/decode.h"

namespace millrace::controller::project {

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::ProjectSpec>(resource));
  Decision decision = Decide(spec.grants);
  context.stores.access.SetProjectGrants(resource.metadata.name, std::move(decision.grants));
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> all, ListOf(context, "", resource.metadata.name));
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, {{"resources", all.size()}}, decision.ready));
  return Micros(0);
}

void Forget(Context& context, const resource::ResourceKey& key) {
  context.stores.access.RemoveProject(key.name);
}

}  // namespace millrace::controller::project
