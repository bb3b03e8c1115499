#include "controller/training_job/observe.h"

#include <algorithm>

#include "controller/key.h"
#include "controller/training_job/run.h"
#include "resource/decode.h"

namespace millrace::controller::training_job {
namespace {

// The READY version that this job's run made.
Result<std::optional<registry::ModelVersion>> VersionOf(Context& context, const std::string& project,
                                                        const std::string& model, const std::string& uid) {
  Result<std::vector<registry::ModelVersion>> versions =
      context.stores.registry.ListVersions({project, model});
  if (!versions.ok()) {
    if (versions.status().code() == Code::kNotFound) return std::optional<registry::ModelVersion>();
    return versions.status();
  }
  for (registry::ModelVersion& version : *versions) {
    const auto tag = version.tags.find(std::string(kJobTag));
    if (version.status == registry::VersionStatus::kReady && tag != version.tags.end() &&
        tag->second == uid) {
      return std::optional<registry::ModelVersion>(std::move(version));
    }
  }
  return std::optional<registry::ModelVersion>();
}

Registered RegisteredAs(const registry::ModelVersion& version, const resource::PromotionSpec& promotion) {
  const auto passed = version.tags.find(std::string(kPassedTag));
  return {.version = version.version,
          .passed = passed != version.tags.end() && passed->second == "true",
          .automatic = promotion.automatic,
          .alias = promotion.alias,
          .reason = version.reason};
}

// Jobs of the pool that run, other than this one.
Result<int64_t> BusySlots(Context& context, const resource::ResourceKey& self, const std::string& pool) {
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> jobs,
                      ListOf(context, "TrainingJob", self.project));
  return std::count_if(jobs.begin(), jobs.end(), [&](const resource::Resource& job) {
    return job.metadata.name != self.name && job.status.value("pool", "") == pool &&
           ParsePhase(job.status.value("phase", "")) == Phase::kRunning;
  });
}

Status ObservePool(Context& context, const resource::ResourceKey& key, const std::string& pool,
                   Snapshot& snapshot) {
  snapshot.pool = pool;
  if (!pool.empty()) {
    MR_ASSIGN_OR_RETURN(const resource::Resource found,
                        context.stores.resources.Get({"ComputePool", key.project, pool}));
    MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::ComputePoolSpec>(found));
    snapshot.slots = spec.slots;
  }
  MR_ASSIGN_OR_RETURN(snapshot.busy, BusySlots(context, key, pool));
  return Ok();
}

}  // namespace

std::string TaskInput(const std::string& uid, const std::string& definition) {
  return uid + " " + definition;
}

Result<Observed> Observe(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  Observed observed;
  MR_ASSIGN_OR_RETURN(observed.spec, resource::DecodeSpec<resource::TrainingJobSpec>(resource));
  Snapshot& snapshot = observed.snapshot;
  snapshot.phase = ParsePhase(resource.status.value("phase", ""));
  snapshot.cancel = observed.spec.cancel;
  snapshot.task = context.runs.Find(KeyOf(key));
  if (snapshot.task && !snapshot.task->input.starts_with(resource.metadata.uid)) {
    observed.of_earlier_job = snapshot.task->running;
    snapshot.task.reset();
  }
  const Result<resource::Resource> model =
      context.stores.resources.Get({"Model", key.project, observed.spec.model});
  if (!model.ok()) {
    if (model.status().code() != Code::kNotFound) return model.status();
    snapshot.inputs = Unavailable("Model {} does not exist.", observed.spec.model);
    return observed;
  }
  MR_ASSIGN_OR_RETURN(const auto model_spec, resource::DecodeSpec<resource::ModelSpec>(*model));
  MR_ASSIGN_OR_RETURN(observed.version,
                      VersionOf(context, key.project, observed.spec.model, resource.metadata.uid));
  if (observed.version) snapshot.registered = RegisteredAs(*observed.version, model_spec.promotion);
  MR_RETURN_IF_ERROR(ObservePool(context, key, model_spec.pool, snapshot));
  Result<ModelState> state = CompileModel(context, key.project, observed.spec.model);
  if (state.ok()) {
    observed.model = std::move(*state);
  } else {
    snapshot.inputs = state.status();
  }
  return observed;
}

}  // namespace millrace::controller::training_job
