#include "controller/training_job/publish.h"

#include <sys/utsname.h>

#include <thread>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "registry/package.h"

namespace millrace::controller::training_job {
namespace {

registry::ScopedName ModelName(const RunRequest& request) {
  return {request.job.project, request.spec.model};
}

// Versions and runs of earlier attempts, which nobody will finish.
Status CloseCutShort(Context& context, const RunRequest& request, const std::string& experiment) {
  registry::Registry& registry = context.stores.registry;
  const Result<std::vector<registry::ModelVersion>> versions = registry.ListVersions(ModelName(request));
  if (versions.ok()) {
    for (const registry::ModelVersion& version : *versions) {
      const auto tag = version.tags.find(std::string(kJobTag));
      if (version.status != registry::VersionStatus::kPending || tag == version.tags.end()) continue;
      if (tag->second != request.uid) continue;
      MR_RETURN_IF_ERROR(registry.UpdateVersion(version.model, version.version,
                                                {.status = registry::VersionStatus::kFailed,
                                                 .reason = "The run was cut short.",
                                                 .source = {},
                                                 .digest = {}},
                                                kActor));
    }
  }
  MR_ASSIGN_OR_RETURN(const std::vector<registry::Run> runs, registry.ListRuns(experiment, 1000, 0));
  for (const registry::Run& run : runs) {
    const auto tag = run.tags.find(std::string(kJobTag));
    if (run.status != registry::RunStatus::kRunning || tag == run.tags.end() || tag->second != request.uid)
      continue;
    MR_RETURN_IF_ERROR(
        registry.UpdateRun(run.id, registry::RunStatus::kKilled, context.stores.clock.Now(), kActor));
  }
  return Ok();
}

std::string TextOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : FormatJson(value);
}

Json Provenance(const PublishRequest& request) {
  const ModelState& model = request.run.model;
  utsname machine{};
  uname(&machine);
  Json metrics = request.judgement.evaluation.metrics;
  Json provenance = {{"run", request.record.id},
                     {"job", request.run.job.name},
                     {"definition", request.run.definition},
                     {"service", {{"name", model.plan->name}, {"digest", model.plan->digest}}},
                     {"data",
                      {{{"source", model.source.plan.name},
                        {"snapshot", model.source.snapshot.version},
                        {"input", model.source.commit.input},
                        {"rows", model.source.snapshot.num_rows}}}},
                     {"split",
                      {{"trainBegin", FormatTime(request.split.train_begin)},
                       {"trainEnd", FormatTime(request.split.train_end)},
                       {"testBegin", FormatTime(request.split.test_begin)},
                       {"testEnd", FormatTime(request.split.test_end)}}},
                     {"parameters", request.parameters},
                     {"seed", request.seed},
                     {"libraries", request.outcome.libraries},
                     {"environment",
                      {{"system", machine.sysname},
                       {"release", machine.release},
                       {"machine", machine.machine},
                       {"cores", std::thread::hardware_concurrency()}}},
                     {"training",
                      {{"rows", request.outcome.rows},
                       {"positives", request.outcome.positives},
                       {"rounds", request.outcome.rounds},
                       {"bestRound", request.outcome.best_round},
                       {"seconds", static_cast<double>(request.outcome.wall.count()) / 1e6},
                       {"peakMemory", request.outcome.peak_memory}}},
                     {"test",
                      {{"rows", request.judgement.evaluation.rows},
                       {"positives", request.judgement.evaluation.positives},
                       {"leftOut", request.judgement.evaluation.left_out}}},
                     {"metrics", std::move(metrics)}};
  if (request.judgement.champion) {
    provenance["champion"] = {{"version", *request.judgement.champion},
                              {"metrics", request.judgement.champion_metrics}};
  }
  return provenance;
}

registry::PackageContents Contents(Context& context, const PublishRequest& request) {
  registry::PackageContents contents;
  contents.model_name = request.run.spec.model;
  contents.run_id = request.record.id;
  contents.created = context.stores.clock.Now();
  const auto library = request.outcome.libraries.find("xgboost");
  if (library != request.outcome.libraries.end()) contents.library_version = library->second;
  contents.model_files = {{"model.ubj", request.outcome.model_ubj},
                          {"model.json", request.outcome.model_json}};
  for (const feature::ServiceInput& input : request.run.model.plan->inputs) {
    contents.signature.inputs.push_back({.name = input.name, .type = input.type});
  }
  contents.signature.outputs = {{.name = "score", .type = DataType::kDouble}};
  contents.service_json = FormatJson(request.run.model.plan->ToJson());
  contents.provenance_json = FormatJson(Provenance(request), 2);
  return contents;
}

}  // namespace

Result<registry::Run> OpenRun(Context& context, const RunRequest& request, const Json& parameters) {
  registry::Registry& registry = context.stores.registry;
  MR_ASSIGN_OR_RETURN(const registry::Experiment experiment,
                      registry.EnsureExperiment(ModelName(request), kActor));
  MR_RETURN_IF_ERROR(CloseCutShort(context, request, experiment.id));
  registry::NewRun run;
  run.experiment_id = experiment.id;
  run.id = RandomHex(16);
  run.name = request.job.name;
  run.artifact_dir = context.layout.Run(run.id);
  run.user = std::string(kActor);
  run.start = context.stores.clock.Now();
  run.tags = {{std::string(kJobTag), request.uid}, {"millrace.definition", request.definition}};
  MR_ASSIGN_OR_RETURN(const registry::Run made, registry.CreateRun(run, kActor));
  registry::RunBatch batch;
  for (const auto& [name, value] : parameters.items()) batch.params[name] = TextOf(value);
  batch.params["service"] = request.model.plan->digest;
  batch.params["snapshot"] =
      fmt::format("{}@{}", request.model.source.plan.name, request.model.source.snapshot.version);
  MR_RETURN_IF_ERROR(registry.LogBatch(made.id, batch, kActor));
  return made;
}

Status CloseRun(Context& context, const std::string& run, const Status& result) {
  registry::RunStatus status = registry::RunStatus::kFinished;
  if (!result.ok()) {
    status = result.code() == Code::kCancelled ? registry::RunStatus::kKilled : registry::RunStatus::kFailed;
    registry::RunBatch batch;
    batch.tags["millrace.reason"] = result.message();
    MR_RETURN_IF_ERROR(context.stores.registry.LogBatch(run, batch, kActor));
  }
  return context.stores.registry.UpdateRun(run, status, context.stores.clock.Now(), kActor);
}

Result<int64_t> Publish(Context& context, const PublishRequest& request) {
  registry::Registry& registry = context.stores.registry;
  registry::NewVersion version;
  version.run_id = request.record.id;
  version.definition = request.run.definition;
  version.status = registry::VersionStatus::kPending;
  version.reason = request.judgement.gates.reason;
  version.metrics = request.judgement.evaluation.metrics;
  version.tags = {{std::string(kJobTag), request.run.uid},
                  {std::string(kPassedTag), request.judgement.gates.passed ? "true" : "false"},
                  {std::string(kRoundsTag), std::to_string(request.outcome.rounds)}};
  MR_ASSIGN_OR_RETURN(const registry::ModelVersion made,
                      registry.CreateVersion(ModelName(request.run), version, kActor));
  const std::string directory =
      context.layout.Package(request.run.job.project, request.run.spec.model, made.version);
  // The number was never given to anybody, so what lies there is of a registry that was lost.
  if (FileExists(directory)) {
    LogWarning("a package without a version is replaced", {{"directory", directory}});
    MR_RETURN_IF_ERROR(RemoveTree(directory));
  }
  MR_RETURN_IF_ERROR(MakeDirectories(directory.substr(0, directory.rfind('/'))));
  MR_ASSIGN_OR_RETURN(const std::string digest, registry::WritePackage(directory, Contents(context, request),
                                                                       &context.stores.signing_key));
  MR_RETURN_IF_ERROR(registry.UpdateVersion(made.model, made.version,
                                            {.status = registry::VersionStatus::kReady,
                                             .reason = request.judgement.gates.reason,
                                             .source = directory,
                                             .digest = digest},
                                            kActor));
  return made.version;
}

}  // namespace millrace::controller::training_job
