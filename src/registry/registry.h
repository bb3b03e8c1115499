// Registry: experiments, runs, models, versions and aliases, with MLflow's
// vocabulary. The seam `Metadata` of the design: SQLite here (sqlite_registry.h).
//
// An experiment groups runs. A run has parameters and tags (one value a key)
// and metrics (a history of value, step and time a key). A registered model has
// versions, counted from 1 and never reused; an alias is a name that points at
// one version and moves. A version's package on disk is immutable; here are only
// its place and its digest.
//
//   MR_ASSIGN_OR_RETURN(Experiment e, registry.EnsureExperiment({"default", "fraud"}, actor));
//   MR_ASSIGN_OR_RETURN(Run run, registry.CreateRun({.experiment_id = e.id, .name = "fraud-7"}, actor));
//   MR_RETURN_IF_ERROR(registry.LogBatch(run.id, {.metrics = {{"auc_roc", 0.879, 100, now}}}, actor));
//   MR_ASSIGN_OR_RETURN(ModelVersion v, registry.CreateVersion({"default", "fraud"}, {...}, actor));
//   MR_RETURN_IF_ERROR(registry.SetAlias({"default", "fraud"}, "champion", v.version, actor, "all gates
//   passed"));
//
// Every name is checked: 1 to 250 characters without control characters; an
// alias besides is lower-case letters, digits, '.', '_' and '-', and neither
// "latest" nor a number, so that `model@alias` and `model:3` cannot be confused.
//
// Audit: `ChangeHook` is called with each change once it is known to be valid and
// before it takes effect. When the hook fails, nothing changes and its Status is
// returned. It is called with the registry's lock held, so it must not call the registry.
//
// Implementations are thread safe; each method is one transaction. Errors:
// NotFound (with the nearest name), AlreadyExists, InvalidArgument,
// FailedPrecondition (an alias still points there), Internal for the database.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace::registry {

using Tags = std::map<std::string, std::string>;

// The name of a model or an experiment: unique within its project.
struct ScopedName {
  std::string project;
  std::string name;
  auto operator<=>(const ScopedName&) const = default;
};

struct Experiment {
  std::string id;  // decimal, as MLflow's
  ScopedName name;
  EventTime created;
  Tags tags;
};

// SCHEDULED ─▶ RUNNING ─▶ FINISHED | FAILED | KILLED. The last three are final.
enum class RunStatus { kScheduled, kRunning, kFinished, kFailed, kKilled };
// "RUNNING" and so on, as MLflow writes them.
std::string_view RunStatusName(RunStatus status);
std::optional<RunStatus> ParseRunStatus(std::string_view name);

struct MetricPoint {
  std::string key{};
  double value = 0;  // NaN and infinities are kept
  int64_t step = 0;
  EventTime time{};
  bool operator==(const MetricPoint&) const = default;
};

struct NewRun {
  std::string experiment_id{};
  std::string name{};
  std::string id{};  // "" makes one: 32 hex digits
  std::string user{};
  std::string artifact_dir{};
  EventTime start{};
  RunStatus status = RunStatus::kRunning;
  Tags tags{};
};

struct Run {
  std::string id;
  std::string experiment_id;
  std::string project;
  std::string name;
  std::string user;
  std::string artifact_dir;
  RunStatus status = RunStatus::kRunning;
  EventTime start;
  std::optional<EventTime> end;
  Tags params;
  Tags tags;
  std::optional<EventTime> deleted;  // MLflow's lifecycle_stage "deleted"
  std::map<std::string, MetricPoint>
      metrics;  // of each key the point of the highest step, then time, then value
};

// Which runs a list shows: those that are not deleted, or all.
enum class RunView { kActive, kAll };

struct RunBatch {
  std::vector<MetricPoint> metrics{};
  Tags params{};  // a parameter is written once: another value is InvalidArgument
  Tags tags{};    // replaced
};

struct RegisteredModel {
  ScopedName name;
  std::string description;
  EventTime created;
  EventTime updated;
  Tags tags;
  std::map<std::string, int64_t> aliases;
  int64_t latest_version = 0;  // 0: none yet
};

// PENDING ─▶ READY | FAILED.
enum class VersionStatus { kPending, kReady, kFailed };
std::string_view VersionStatusName(VersionStatus status);
std::optional<VersionStatus> ParseVersionStatus(std::string_view name);

struct NewVersion {
  std::string run_id{};      // "" when no run made it
  std::string source{};      // the package's directory
  std::string digest{};      // of the package: its manifest's SHA-256
  std::string definition{};  // digest of what it was trained from (model, service, views, source); "" unknown
  VersionStatus status = VersionStatus::kReady;
  std::string reason{};                     // why it is not promoted, or what happened, in a sentence
  std::map<std::string, double> metrics{};  // of its test; what the next version is compared with
  Tags tags{};
};

struct ModelVersion {
  ScopedName model;
  int64_t version = 0;
  std::string run_id;
  std::string source;
  std::string digest;
  std::string definition;
  VersionStatus status = VersionStatus::kPending;
  std::string reason;
  std::map<std::string, double> metrics;
  Tags tags;
  std::vector<std::string> aliases;
  EventTime created;
  EventTime updated;
};

// What a version may become; unset fields stay.
struct VersionUpdate {
  std::optional<VersionStatus> status{};
  std::optional<std::string> reason{};
  std::optional<std::string> source{};  // with digest: only while PENDING
  std::optional<std::string> digest{};
  Tags tags{};  // added or replaced
};

struct AliasMove {
  std::string alias;
  int64_t from = 0;  // 0: it was not set
  int64_t to = 0;    // 0: it was removed
  std::string actor;
  std::string reason;
  EventTime time;
};

// One change, as the audit log gets it.
struct RegistryChange {
  std::string actor;
  std::string action;  // "alias.set", "version.create", "run.update", …
  std::string project;
  std::string subject;  // "models/fraud/versions/3", "models/fraud/aliases/champion", "runs/ID"
  std::string details;  // one JSON object: what was and what will be
};
using ChangeHook = std::function<Status(const RegistryChange&)>;

class Registry {
 public:
  virtual ~Registry() = default;

  virtual Result<Experiment> EnsureExperiment(const ScopedName& name, std::string_view actor) = 0;
  virtual Result<Experiment> GetExperiment(std::string_view id) const = 0;
  virtual Result<Experiment> FindExperiment(const ScopedName& name) const = 0;
  virtual Result<std::vector<Experiment>> ListExperiments(std::string_view project) const = 0;

  virtual Result<Run> CreateRun(const NewRun& run, std::string_view actor) = 0;
  virtual Result<Run> GetRun(std::string_view id) const = 0;
  // Newest start first; at most `limit`, after skipping `offset`.
  virtual Result<std::vector<Run>> ListRuns(std::string_view experiment_id, int64_t limit, int64_t offset,
                                            RunView view = RunView::kActive) const = 0;
  // FailedPrecondition when the run has ended already with another status.
  virtual Status UpdateRun(std::string_view id, RunStatus status, std::optional<EventTime> end,
                           std::string_view actor) = 0;
  // Takes the run out of ListRuns, as MLflow does: GetRun still shows it, with the time of its
  // deletion. Deleting it again changes nothing.
  virtual Status DeleteRun(std::string_view id, std::string_view actor) = 0;
  virtual Status LogBatch(std::string_view id, const RunBatch& batch, std::string_view actor) = 0;
  // In order of step, then time.
  virtual Result<std::vector<MetricPoint>> MetricHistory(std::string_view id, std::string_view key) const = 0;

  // Makes the model when it is not there.
  virtual Result<RegisteredModel> EnsureModel(const ScopedName& name, std::string_view actor) = 0;
  virtual Result<RegisteredModel> GetModel(const ScopedName& name) const = 0;
  // "" lists every project's.
  virtual Result<std::vector<RegisteredModel>> ListModels(std::string_view project) const = 0;
  virtual Status SetModelTags(const ScopedName& name, const Tags& tags, std::string_view actor) = 0;
  // With its versions and the history of its aliases (the audit log keeps that); numbers begin at
  // 1 again. Refused while an alias points at one of its versions.
  virtual Status DeleteModel(const ScopedName& name, std::string_view actor) = 0;

  // The next number; makes the model when it is not there.
  virtual Result<ModelVersion> CreateVersion(const ScopedName& model, const NewVersion& version,
                                             std::string_view actor) = 0;
  virtual Result<ModelVersion> GetVersion(const ScopedName& model, int64_t version) const = 0;
  // Newest first.
  virtual Result<std::vector<ModelVersion>> ListVersions(const ScopedName& model) const = 0;
  virtual Status UpdateVersion(const ScopedName& model, int64_t version, const VersionUpdate& update,
                               std::string_view actor) = 0;
  // Refused while an alias points at it. The number is never used again.
  virtual Status DeleteVersion(const ScopedName& model, int64_t version, std::string_view actor) = 0;

  // Points the alias at a READY version, from wherever it pointed; no change, and
  // no audit, when it points there already.
  virtual Status SetAlias(const ScopedName& model, std::string_view alias, int64_t version,
                          std::string_view actor, std::string_view reason) = 0;
  virtual Status DeleteAlias(const ScopedName& model, std::string_view alias, std::string_view actor) = 0;
  virtual Result<ModelVersion> ResolveAlias(const ScopedName& model, std::string_view alias) const = 0;
  // Oldest first.
  virtual Result<std::vector<AliasMove>> AliasHistory(const ScopedName& model) const = 0;
};

}  // namespace millrace::registry
