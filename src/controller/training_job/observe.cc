#include "controller/training_job/observe.h"

#include <algorithm>
#include <tuple>

#include "controller/compute_pool/machine.h"
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

// What a job that runs holds of its pool, as its status says since its start.
compute_pool::Need HeldBy(const Json& status) {
  compute_pool::Need held;
  const auto cpu = status.find("cpu");
  const auto memory = status.find("memory");
  if (cpu != status.end() && cpu->is_number()) held.cpu = cpu->get<double>();
  if (memory != status.end() && memory->is_number_integer()) held.memory = memory->get<int64_t>();
  return held;
}

// What a pending job waits for, as its status says: a reason, or "".
std::string WaitsFor(const resource::Resource& job) {
  if (ParsePhase(job.status.value("phase", "")) != Phase::kPending) return "";
  const std::optional<resource::Condition> ready = resource::FindCondition(job.status, "Ready");
  return ready ? ready->reason : "";
}

// The other jobs: those that run, and the older ones that wait, oldest first; of the job's own pool, and of
// all pools of the machine.
Status ObserveOthers(Context& context, const resource::Resource& self, Snapshot& snapshot) {
  MR_ASSIGN_OR_RETURN(std::vector<resource::Resource> jobs, ListOf(context, "TrainingJob", ""));
  const auto age = [](const resource::Resource& job) {
    return std::tie(job.metadata.creation_time, job.metadata.name, job.metadata.project);
  };
  std::sort(jobs.begin(), jobs.end(), [&](const auto& a, const auto& b) { return age(a) < age(b); });
  for (const resource::Resource& job : jobs) {
    if (job.Key() == self.Key()) continue;
    const bool beside =
        job.metadata.project == self.metadata.project && job.status.value("pool", "") == snapshot.pool.name;
    const std::string reason = WaitsFor(job);
    const bool older = age(job) < age(self);
    if (ParsePhase(job.status.value("phase", "")) == Phase::kRunning) {
      snapshot.machine.held.push_back(HeldBy(job.status));
      if (beside) snapshot.running.push_back({.job = job.metadata.name, .need = HeldBy(job.status)});
    } else if (older && reason == compute_pool::kWaitingForMachine) {
      snapshot.machine.older_waits = true;
    } else if (older && beside && reason == compute_pool::kWaiting) {
      snapshot.waiting.push_back(job.metadata.name);
    }
  }
  return Ok();
}

Status ObservePool(Context& context, const resource::Resource& job, const resource::ModelSpec& model,
                   Snapshot& snapshot) {
  const compute_pool::Machine machine = compute_pool::ThisMachine();
  snapshot.machine.cpu = machine.cpu;
  snapshot.machine.memory = machine.memory;
  if (!model.pool.empty()) {
    MR_ASSIGN_OR_RETURN(const resource::Resource found,
                        context.stores.resources.Get({"ComputePool", job.metadata.project, model.pool}));
    MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::ComputePoolSpec>(found));
    snapshot.pool = compute_pool::CapacityOf(model.pool, spec, machine.cpu, machine.memory);
  }
  snapshot.need = compute_pool::NeedOf(model.limits, snapshot.pool);
  return ObserveOthers(context, job, snapshot);
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
  MR_RETURN_IF_ERROR(ObservePool(context, resource, model_spec, snapshot));
  if (model->metadata.deletion_time) {
    snapshot.inputs = Unavailable("Model {} is being deleted.", observed.spec.model);
    return observed;
  }
  Result<ModelState> state = CompileModel(context, key.project, observed.spec.model);
  if (state.ok()) {
    observed.model = std::move(*state);
  } else {
    snapshot.inputs = state.status();
  }
  return observed;
}

}  // namespace millrace::controller::training_job
