// What a Model has made and takes with it: training jobs, versions, aliases, packages, runs.
#include <algorithm>

#include "base/file.h"
#include "controller/controllers.h"
#include "controller/key.h"
#include "registry/registry.h"

namespace millrace::controller::model {
namespace {

// One is enough to wait for. A run whose job is gone (it was deleted a moment ago) cannot be told from one of
// this model, and ends soon.
Result<bool> AnyRuns(Context& context, const std::string& project,
                     const std::vector<resource::Resource>& jobs) {
  for (const auto& [key, task] : context.runs.Running()) {
    const resource::ResourceKey job = ParseKey(key);
    if (job.project != project) continue;
    const Result<resource::Resource> found = context.stores.resources.Get(job);
    if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
    const bool ours =
        std::any_of(jobs.begin(), jobs.end(), [&](const auto& one) { return one.Key() == job; });
    if (ours || !found.ok()) return true;
  }
  return false;
}

// Versions and aliases. Endpoints that serve one have kept the Model from being deleted.
Status RemoveVersions(Context& context, const registry::ScopedName& name) {
  registry::Registry& registry = context.stores.registry;
  const Result<registry::RegisteredModel> model = registry.GetModel(name);
  if (!model.ok()) return model.status().code() == Code::kNotFound ? Ok() : model.status();
  for (const auto& [alias, version] : model->aliases) {
    MR_RETURN_IF_ERROR(registry.DeleteAlias(name, alias, kActor));
  }
  return registry.DeleteModel(name, kActor);
}

// Their directories go, their records stay as deleted ones.
Status RemoveRuns(Context& context, const registry::ScopedName& name) {
  constexpr int64_t kPage = 1000;
  registry::Registry& registry = context.stores.registry;
  const Result<registry::Experiment> experiment = registry.FindExperiment(name);
  if (!experiment.ok()) return experiment.status().code() == Code::kNotFound ? Ok() : experiment.status();
  for (int64_t offset = 0;; offset += kPage) {
    // Those that somebody deleted before have a directory, too.
    MR_ASSIGN_OR_RETURN(const std::vector<registry::Run> runs,
                        registry.ListRuns(experiment->id, kPage, offset, registry::RunView::kAll));
    if (runs.empty()) return Ok();
    for (const registry::Run& run : runs) {
      MR_RETURN_IF_ERROR(RemoveTree(context.layout.Run(run.id)));
      MR_RETURN_IF_ERROR(registry.DeleteRun(run.id, kActor));
    }
  }
}

}  // namespace

Result<std::string> Finalize(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  MR_ASSIGN_OR_RETURN(std::vector<resource::Resource> jobs, ListOf(context, "TrainingJob", key.project));
  std::erase_if(jobs, [&](const resource::Resource& job) {
    const auto& owners = job.metadata.owner_references;
    const bool owned = std::any_of(owners.begin(), owners.end(),
                                   [&](const auto& owner) { return owner.uid == resource.metadata.uid; });
    return !owned && job.spec.value("model", "") != key.name;
  });
  for (const resource::Resource& job : jobs) context.runs.Cancel(KeyOf(job.Key()));
  MR_ASSIGN_OR_RETURN(const bool running, AnyRuns(context, key.project, jobs));
  if (running) return std::string("its training runs end");
  for (const resource::Resource& job : jobs) {
    const Status deleted =
        context.stores.resources.Delete(job.Key(), {.actor = std::string(kActor)}).status();
    if (!deleted.ok() && deleted.code() != Code::kNotFound) return deleted;
  }
  const registry::ScopedName name{key.project, key.name};
  MR_RETURN_IF_ERROR(RemoveVersions(context, name));
  MR_RETURN_IF_ERROR(RemoveRuns(context, name));
  MR_RETURN_IF_ERROR(RemoveTree(context.layout.Packages(key.project, key.name)));
  return std::string();
}

}  // namespace millrace::controller::model
