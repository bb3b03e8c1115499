#include <algorithm>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/model/decide.h"
#include "controller/plans.h"
#include "controller/status_writer.h"
#include "controller/training_job/run.h"
#include "resource/decode.h"

namespace millrace::controller::model {
namespace {

// A service that is compiled but whose views still load is not to be trained for yet.
Result<std::string> DefinitionOf(Context& context, const resource::ResourceKey& key) {
  MR_ASSIGN_OR_RETURN(const ModelState state, CompileModel(context, key.project, key.name));
  const Result<resource::Resource> service =
      context.stores.resources.Get({"FeatureService", key.project, state.spec.input});
  if (!service.ok() || !resource::IsTrue(service->status, "Ready")) {
    return Unavailable("FeatureService {} is not ready yet.", state.spec.input);
  }
  return state.definition;
}

struct Observed {
  Snapshot snapshot;
  std::optional<registry::ModelVersion> newest;
};

Result<Observed> Observe(Context& context, const resource::Resource& resource,
                         const resource::ModelSpec& spec) {
  const resource::ResourceKey key = resource.Key();
  Observed observed;
  observed.snapshot.name = key.name;
  observed.snapshot.alias = spec.promotion.alias;
  observed.snapshot.definition = DefinitionOf(context, key);
  const registry::ScopedName name{key.project, key.name};
  const Result<registry::RegisteredModel> model = context.stores.registry.GetModel(name);
  if (!model.ok() && model.status().code() != Code::kNotFound) return model.status();
  if (model.ok()) {
    const auto alias = model->aliases.find(spec.promotion.alias);
    if (alias != model->aliases.end()) observed.snapshot.promoted = alias->second;
    MR_ASSIGN_OR_RETURN(const std::vector<registry::ModelVersion> versions,
                        context.stores.registry.ListVersions(name));
    for (const registry::ModelVersion& version : versions) {
      if (version.status != registry::VersionStatus::kReady) continue;
      if (!observed.newest) observed.newest = version;
      const auto passed = version.tags.find(std::string(training_job::kPassedTag));
      observed.snapshot.versions.push_back(
          {.version = version.version,
           .definition = version.definition,
           .reason = version.reason,
           .passed = passed != version.tags.end() && passed->second == "true"});
    }
  }
  if (!observed.snapshot.definition.ok()) return observed;
  const std::string job_name = JobName(key.name, *observed.snapshot.definition);
  const Result<resource::Resource> job = context.stores.resources.Get({"TrainingJob", key.project, job_name});
  if (job.ok()) {
    const std::optional<resource::Condition> ready = resource::FindCondition(job->status, "Ready");
    observed.snapshot.job = Job{
        .name = job_name, .phase = job->status.value("phase", ""), .message = ready ? ready->message : ""};
  } else if (job.status().code() != Code::kNotFound) {
    return job.status();
  }
  return observed;
}

Status CreateJob(Context& context, const resource::Resource& model, const std::string& name) {
  resource::Resource job;
  job.kind = "TrainingJob";
  job.metadata.name = name;
  job.metadata.project = model.metadata.project;
  job.metadata.owner_references.push_back(
      {.kind = "Model", .name = model.metadata.name, .uid = model.metadata.uid});
  job.spec = {{"model", model.metadata.name}};
  const Status created = context.stores.resources.Create(job, {.actor = std::string(kActor)}).status();
  if (created.code() == Code::kAlreadyExists) return Ok();
  if (created.ok()) LogInfo("training job made", {{"model", model.metadata.name}, {"job", name}});
  return created;
}

// Jobs that were made for an earlier definition and have not ended: their versions are wanted no more, they
// hold slots, and the last of them to end would be promoted. A return to their definition makes them anew.
Status DeleteSuperseded(Context& context, const resource::Resource& model, const std::string& current) {
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> jobs,
                      ListOf(context, "TrainingJob", model.metadata.project));
  for (const resource::Resource& job : jobs) {
    const auto& owners = job.metadata.owner_references;
    const bool ours = std::any_of(owners.begin(), owners.end(),
                                  [&](const auto& owner) { return owner.uid == model.metadata.uid; });
    const std::string phase = job.status.value("phase", "");
    const bool ended = phase == "Succeeded" || phase == "Failed" || phase == "Cancelled";
    if (!ours || ended || job.metadata.name == current) continue;
    const Status deleted =
        context.stores.resources.Delete(job.Key(), {.actor = std::string(kActor)}).status();
    if (!deleted.ok() && deleted.code() != Code::kNotFound) return deleted;
    LogInfo("training job superseded", {{"model", model.metadata.name}, {"job", job.metadata.name}});
  }
  return Ok();
}

Json StatusFields(const Observed& observed) {
  Json fields = Json::object();
  if (observed.newest) {
    fields["latestVersion"] = observed.newest->version;
    fields["metrics"] = observed.newest->metrics;
  }
  fields["promotedVersion"] = observed.snapshot.promoted ? Json(*observed.snapshot.promoted) : Json();
  if (observed.snapshot.definition.ok()) fields["digest"] = *observed.snapshot.definition;
  if (observed.snapshot.job) fields["job"] = observed.snapshot.job->name;
  return fields;
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::ModelSpec>(resource));
  MR_ASSIGN_OR_RETURN(const Observed observed, Observe(context, resource, spec));
  const Decision decision = Decide(observed.snapshot);
  if (observed.snapshot.definition.ok()) {
    MR_RETURN_IF_ERROR(
        DeleteSuperseded(context, resource, JobName(resource.metadata.name, *observed.snapshot.definition)));
  }
  if (!decision.create_job.empty()) MR_RETURN_IF_ERROR(CreateJob(context, resource, decision.create_job));
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, StatusFields(observed), decision.ready));
  return Micros(0);
}

}  // namespace millrace::controller::model
