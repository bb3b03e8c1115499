// The class behind SqliteRegistry::Open: each method locks, runs one
// transaction, asks the change hook, and commits. Its SQL is in sqlite_runs.cc and
// sqlite_models.cc; the tables are in sqlite_registry.cc.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/sqlite.h"
#include "registry/registry.h"
#include "registry/sqlite_registry.h"

namespace millrace::registry::internal {

// Binds its arguments in order, from ?1: integers, doubles, text, and nullopt or an empty optional as NULL.
template <typename T>
Status BindOne(Statement& statement, int index, const T& value) {
  if constexpr (std::is_same_v<T, std::nullopt_t>) {
    return statement.BindNull(index);
  } else if constexpr (std::is_same_v<T, std::optional<int64_t>>) {
    return value ? statement.Bind(index, *value) : statement.BindNull(index);
  } else if constexpr (std::is_floating_point_v<T>) {
    return statement.Bind(index, static_cast<double>(value));
  } else if constexpr (std::is_integral_v<T>) {
    return statement.Bind(index, static_cast<int64_t>(value));
  } else {
    return statement.Bind(index, std::string_view(value));
  }
}

template <typename... Args>
Result<Statement> Query(Database& db, std::string_view sql, const Args&... args) {
  MR_ASSIGN_OR_RETURN(Statement statement, db.Prepare(sql));
  Status status;
  int index = 0;
  ((status = status.ok() ? BindOne(statement, ++index, args) : status), ...);
  MR_RETURN_IF_ERROR(status);
  return statement;
}

template <typename... Args>
Status Run(Database& db, std::string_view sql, const Args&... args) {
  MR_ASSIGN_OR_RETURN(Statement statement, Query(db, sql, args...));
  return statement.Run();
}

// Calls `take` with the statement at each row.
template <typename Take>
Status ForEachRow(Statement& statement, Take take) {
  for (;;) {
    MR_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return Ok();
    take(statement);
  }
}

class SqliteImpl final : public Registry {
 public:
  SqliteImpl(SqliteRegistry::Options options, Database db, const Clock& clock)
      : options_(std::move(options)), clock_(clock), db_(std::move(db)) {}

  Result<Experiment> EnsureExperiment(const ScopedName& name, std::string_view actor) override;
  Result<Experiment> GetExperiment(std::string_view id) const override;
  Result<Experiment> FindExperiment(const ScopedName& name) const override;
  Result<std::vector<Experiment>> ListExperiments(std::string_view project) const override;

  Result<registry::Run> CreateRun(const NewRun& run, std::string_view actor) override;
  Result<registry::Run> GetRun(std::string_view id) const override;
  Result<std::vector<registry::Run>> ListRuns(std::string_view experiment_id, int64_t limit, int64_t offset,
                                              RunView view) const override;
  Status UpdateRun(std::string_view id, RunStatus status, std::optional<EventTime> end,
                   std::string_view actor) override;
  Status DeleteRun(std::string_view id, std::string_view actor) override;
  Status LogBatch(std::string_view id, const RunBatch& batch, std::string_view actor) override;
  Result<std::vector<MetricPoint>> MetricHistory(std::string_view id, std::string_view key) const override;

  Result<RegisteredModel> EnsureModel(const ScopedName& name, std::string_view actor) override;
  Result<RegisteredModel> GetModel(const ScopedName& name) const override;
  Result<std::vector<RegisteredModel>> ListModels(std::string_view project) const override;
  Status SetModelTags(const ScopedName& name, const Tags& tags, std::string_view actor) override;
  Status DeleteModel(const ScopedName& name, std::string_view actor) override;

  Result<ModelVersion> CreateVersion(const ScopedName& model, const NewVersion& version,
                                     std::string_view actor) override;
  Result<ModelVersion> GetVersion(const ScopedName& model, int64_t version) const override;
  Result<std::vector<ModelVersion>> ListVersions(const ScopedName& model) const override;
  Status UpdateVersion(const ScopedName& model, int64_t version, const VersionUpdate& update,
                       std::string_view actor) override;
  Status DeleteVersion(const ScopedName& model, int64_t version, std::string_view actor) override;

  Status SetAlias(const ScopedName& model, std::string_view alias, int64_t version, std::string_view actor,
                  std::string_view reason) override;
  Status DeleteAlias(const ScopedName& model, std::string_view alias, std::string_view actor) override;
  Result<ModelVersion> ResolveAlias(const ScopedName& model, std::string_view alias) const override;
  Result<std::vector<AliasMove>> AliasHistory(const ScopedName& model) const override;

 private:
  // Asks the hook, then commits; the transaction rolls back when the hook refuses.
  Status Commit(Transaction& transaction, std::string_view actor, std::string_view action,
                std::string_view project, std::string subject, const Json& details);

  // Those below need mutex_ held.
  Result<std::vector<Experiment>> Experiments(Statement statement) const;
  Result<registry::Run> RunRow(std::string_view id) const;
  Status FillRun(registry::Run& run) const;
  Status InsertParams(std::string_view id, const Tags& params);
  Status InsertMetrics(std::string_view id, const std::vector<MetricPoint>& points);
  Result<bool> ModelExists(const ScopedName& name) const;
  Status InsertModel(const ScopedName& name);
  Result<RegisteredModel> ModelRow(const ScopedName& name) const;
  Result<ModelVersion> VersionRow(const ScopedName& model, int64_t version) const;
  Status FillVersion(ModelVersion& version) const;
  Status NoSuchModel(const ScopedName& name) const;
  Result<std::optional<int64_t>> AliasTarget(const ScopedName& model, std::string_view alias) const;
  // FailedPrecondition, naming them, when aliases point at the version (0: at any version of the model).
  Status RequireNoAlias(const ScopedName& model, int64_t version) const;
  Status RecordMove(const ScopedName& model, const AliasMove& move);

  const SqliteRegistry::Options options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  mutable Database db_;  // reading prepares statements on it
};

}  // namespace millrace::registry::internal
