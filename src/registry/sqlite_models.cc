// Registered models, versions and aliases of the SQLite registry.
#include <cmath>
#include <limits>

#include "base/text.h"
#include "registry/internal/names.h"
#include "registry/internal/sqlite_impl.h"

namespace millrace::registry::internal {
namespace {

std::string ModelSubject(const ScopedName& model) { return "models/" + model.name; }
std::string VersionSubject(const ScopedName& model, int64_t version) {
  return fmt::format("models/{}/versions/{}", model.name, version);
}

}  // namespace

Status SqliteImpl::NoSuchModel(const ScopedName& name) const {
  MR_ASSIGN_OR_RETURN(Statement statement,
                      Query(db_, "SELECT name FROM model WHERE project = ?1", name.project));
  std::vector<std::string> names;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) { names.push_back(row.Text(0)); }));
  const std::string near = Nearest(name.name, names);
  return NotFound("there is no registered model '{}' in project '{}'{}", name.name, name.project,
                  near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

Result<bool> SqliteImpl::ModelExists(const ScopedName& name) const {
  MR_ASSIGN_OR_RETURN(Statement statement, Query(db_, "SELECT 1 FROM model WHERE project = ?1 AND name = ?2",
                                                 name.project, name.name));
  return statement.Step();
}

Status SqliteImpl::InsertModel(const ScopedName& name) {
  return Run(db_,
             "INSERT INTO model (project, name, description, created, updated, latest) VALUES (?1, ?2, '', "
             "?3, ?3, 0)",
             name.project, name.name, clock_.Now().micros);
}

Result<RegisteredModel> SqliteImpl::ModelRow(const ScopedName& name) const {
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_, "SELECT description, created, updated, latest FROM model WHERE project = ?1 AND name = ?2",
            name.project, name.name));
  MR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return NoSuchModel(name);
  RegisteredModel model{name, statement.Text(0), {statement.Int(1)}, {statement.Int(2)}, {},
                        {},   statement.Int(3)};
  MR_ASSIGN_OR_RETURN(Statement tags,
                      Query(db_, "SELECT key, value FROM model_tag WHERE project = ?1 AND model = ?2",
                            name.project, name.name));
  MR_RETURN_IF_ERROR(ForEachRow(tags, [&](Statement& row) { model.tags[row.Text(0)] = row.Text(1); }));
  MR_ASSIGN_OR_RETURN(Statement aliases,
                      Query(db_, "SELECT alias, version FROM alias WHERE project = ?1 AND model = ?2",
                            name.project, name.name));
  MR_RETURN_IF_ERROR(ForEachRow(aliases, [&](Statement& row) { model.aliases[row.Text(0)] = row.Int(1); }));
  return model;
}

Result<RegisteredModel> SqliteImpl::EnsureModel(const ScopedName& name, std::string_view actor) {
  MR_RETURN_IF_ERROR(CheckName("a model", name.name));
  const std::lock_guard lock(mutex_);
  {
    MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
    MR_ASSIGN_OR_RETURN(const bool exists, ModelExists(name));
    if (!exists) {
      MR_RETURN_IF_ERROR(InsertModel(name));
      MR_RETURN_IF_ERROR(Commit(transaction, actor, "model.create", name.project, ModelSubject(name), {}));
    }
  }
  return ModelRow(name);
}

Result<RegisteredModel> SqliteImpl::GetModel(const ScopedName& name) const {
  const std::lock_guard lock(mutex_);
  return ModelRow(name);
}

Result<std::vector<RegisteredModel>> SqliteImpl::ListModels(std::string_view project) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_, "SELECT project, name FROM model WHERE ?1 = '' OR project = ?1 ORDER BY project, name",
            project));
  std::vector<ScopedName> names;
  MR_RETURN_IF_ERROR(
      ForEachRow(statement, [&](Statement& row) { names.push_back({row.Text(0), row.Text(1)}); }));
  std::vector<RegisteredModel> models;
  for (const ScopedName& name : names) {
    MR_ASSIGN_OR_RETURN(RegisteredModel model, ModelRow(name));
    models.push_back(std::move(model));
  }
  return models;
}

Status SqliteImpl::SetModelTags(const ScopedName& name, const Tags& tags, std::string_view actor) {
  for (const auto& [key, value] : tags) MR_RETURN_IF_ERROR(CheckName("a tag", key));
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const bool exists, ModelExists(name));
  if (!exists) return NoSuchModel(name);
  for (const auto& [key, value] : tags) {
    MR_RETURN_IF_ERROR(
        Run(db_, "INSERT OR REPLACE INTO model_tag (project, model, key, value) VALUES (?1, ?2, ?3, ?4)",
            name.project, name.name, key, value));
  }
  return Commit(transaction, actor, "model.tag", name.project, ModelSubject(name), Json(tags));
}

Status SqliteImpl::RequireNoAlias(const ScopedName& model, int64_t version) const {
  MR_ASSIGN_OR_RETURN(Statement statement, Query(db_,
                                                 "SELECT alias, version FROM alias WHERE project = ?1 AND "
                                                 "model = ?2 AND (?3 = 0 OR version = ?3) ORDER BY alias",
                                                 model.project, model.name, version));
  std::vector<std::string> names;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) {
    names.push_back(fmt::format("{} (version {})", row.Text(0), row.Int(1)));
  }));
  if (names.empty()) return Ok();
  return FailedPrecondition("model '{}' cannot lose what its aliases point at: {}", model.name,
                            Join(names, ", "));
}

Status SqliteImpl::DeleteModel(const ScopedName& name, std::string_view actor) {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const bool exists, ModelExists(name));
  if (!exists) return NoSuchModel(name);
  MR_RETURN_IF_ERROR(RequireNoAlias(name, 0));
  MR_RETURN_IF_ERROR(Run(db_, "DELETE FROM model WHERE project = ?1 AND name = ?2", name.project, name.name));
  MR_RETURN_IF_ERROR(
      Run(db_, "DELETE FROM alias_move WHERE project = ?1 AND model = ?2", name.project, name.name));
  return Commit(transaction, actor, "model.delete", name.project, ModelSubject(name), {});
}

Result<ModelVersion> SqliteImpl::CreateVersion(const ScopedName& model, const NewVersion& version,
                                               std::string_view actor) {
  MR_RETURN_IF_ERROR(CheckName("a model", model.name));
  for (const auto& [key, value] : version.tags) MR_RETURN_IF_ERROR(CheckName("a tag", key));
  for (const auto& [key, value] : version.metrics) MR_RETURN_IF_ERROR(CheckName("a metric", key));
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const bool exists, ModelExists(model));
  if (!exists) MR_RETURN_IF_ERROR(InsertModel(model));
  const int64_t now = clock_.Now().micros;
  MR_RETURN_IF_ERROR(
      Run(db_, "UPDATE model SET latest = latest + 1, updated = ?3 WHERE project = ?1 AND name = ?2",
          model.project, model.name, now));
  MR_ASSIGN_OR_RETURN(const RegisteredModel row, ModelRow(model));
  const int64_t number = row.latest_version;
  MR_RETURN_IF_ERROR(
      Run(db_,
          "INSERT INTO version (project, model, version, run, source, digest, definition, status, reason, "
          "created, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
          model.project, model.name, number, version.run_id, version.source, version.digest,
          version.definition, VersionStatusName(version.status), version.reason, now));
  for (const auto& [key, value] : version.tags) {
    MR_RETURN_IF_ERROR(Run(db_, "INSERT INTO version_tag VALUES (?1, ?2, ?3, ?4, ?5)", model.project,
                           model.name, number, key, value));
  }
  for (const auto& [key, value] : version.metrics) {
    MR_RETURN_IF_ERROR(Run(db_, "INSERT INTO version_metric VALUES (?1, ?2, ?3, ?4, ?5)", model.project,
                           model.name, number, key, value));
  }
  MR_RETURN_IF_ERROR(Commit(
      transaction, actor, "version.create", model.project, VersionSubject(model, number),
      {{"digest", version.digest}, {"run", version.run_id}, {"status", VersionStatusName(version.status)}}));
  return VersionRow(model, number);
}

Result<ModelVersion> SqliteImpl::VersionRow(const ScopedName& model, int64_t version) const {
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_,
            "SELECT run, source, digest, definition, status, reason, created, updated FROM version "
            "WHERE project = ?1 AND model = ?2 AND version = ?3",
            model.project, model.name, version));
  MR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) {
    MR_ASSIGN_OR_RETURN(const RegisteredModel known, ModelRow(model));
    return NotFound("model '{}' has no version {}; its newest is {}", model.name, version,
                    known.latest_version);
  }
  ModelVersion row;
  row.model = model;
  row.version = version;
  row.run_id = statement.Text(0);
  row.source = statement.Text(1);
  row.digest = statement.Text(2);
  row.definition = statement.Text(3);
  row.status = ParseVersionStatus(statement.Text(4)).value_or(VersionStatus::kFailed);
  row.reason = statement.Text(5);
  row.created = {statement.Int(6)};
  row.updated = {statement.Int(7)};
  MR_RETURN_IF_ERROR(FillVersion(row));
  return row;
}

Status SqliteImpl::FillVersion(ModelVersion& version) const {
  const auto [project, name] = version.model;
  const auto part = [&](const char* sql) { return Query(db_, sql, project, name, version.version); };
  MR_ASSIGN_OR_RETURN(
      Statement tags,
      part("SELECT key, value FROM version_tag WHERE project = ?1 AND model = ?2 AND version = ?3"));
  MR_RETURN_IF_ERROR(ForEachRow(tags, [&](Statement& row) { version.tags[row.Text(0)] = row.Text(1); }));
  MR_ASSIGN_OR_RETURN(
      Statement metrics,
      part("SELECT key, value FROM version_metric WHERE project = ?1 AND model = ?2 AND version = ?3"));
  MR_RETURN_IF_ERROR(ForEachRow(metrics, [&](Statement& row) {
    version.metrics[row.Text(0)] = row.IsNull(1) ? std::numeric_limits<double>::quiet_NaN() : row.Real(1);
  }));
  MR_ASSIGN_OR_RETURN(
      Statement aliases,
      part("SELECT alias FROM alias WHERE project = ?1 AND model = ?2 AND version = ?3 ORDER BY alias"));
  return ForEachRow(aliases, [&](Statement& row) { version.aliases.push_back(row.Text(0)); });
}

Result<ModelVersion> SqliteImpl::GetVersion(const ScopedName& model, int64_t version) const {
  const std::lock_guard lock(mutex_);
  return VersionRow(model, version);
}

Result<std::vector<ModelVersion>> SqliteImpl::ListVersions(const ScopedName& model) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(const bool exists, ModelExists(model));
  if (!exists) return NoSuchModel(model);
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_, "SELECT version FROM version WHERE project = ?1 AND model = ?2 ORDER BY version DESC",
            model.project, model.name));
  std::vector<int64_t> numbers;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) { numbers.push_back(row.Int(0)); }));
  std::vector<ModelVersion> versions;
  for (const int64_t number : numbers) {
    MR_ASSIGN_OR_RETURN(ModelVersion version, VersionRow(model, number));
    versions.push_back(std::move(version));
  }
  return versions;
}

Status SqliteImpl::UpdateVersion(const ScopedName& model, int64_t version, const VersionUpdate& update,
                                 std::string_view actor) {
  for (const auto& [key, value] : update.tags) MR_RETURN_IF_ERROR(CheckName("a tag", key));
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const ModelVersion old, VersionRow(model, version));
  const VersionStatus status = update.status.value_or(old.status);
  const bool pending = old.status == VersionStatus::kPending;
  if (!pending && (status != old.status || update.source || update.digest)) {
    return FailedPrecondition("version {} of model '{}' is {}; its status and package stay as they are",
                              version, model.name, VersionStatusName(old.status));
  }
  MR_RETURN_IF_ERROR(
      Run(db_,
          "UPDATE version SET status = ?4, reason = ?5, source = ?6, digest = ?7, updated = ?8 "
          "WHERE project = ?1 AND model = ?2 AND version = ?3",
          model.project, model.name, version, VersionStatusName(status), update.reason.value_or(old.reason),
          update.source.value_or(old.source), update.digest.value_or(old.digest), clock_.Now().micros));
  for (const auto& [key, value] : update.tags) {
    MR_RETURN_IF_ERROR(Run(db_, "INSERT OR REPLACE INTO version_tag VALUES (?1, ?2, ?3, ?4, ?5)",
                           model.project, model.name, version, key, value));
  }
  return Commit(transaction, actor, "version.update", model.project, VersionSubject(model, version),
                {{"status", VersionStatusName(status)},
                 {"reason", update.reason.value_or(old.reason)},
                 {"tags", update.tags}});
}

Status SqliteImpl::DeleteVersion(const ScopedName& model, int64_t version, std::string_view actor) {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const ModelVersion old, VersionRow(model, version));
  MR_RETURN_IF_ERROR(RequireNoAlias(model, version));
  MR_RETURN_IF_ERROR(Run(db_, "DELETE FROM version WHERE project = ?1 AND model = ?2 AND version = ?3",
                         model.project, model.name, version));
  return Commit(transaction, actor, "version.delete", model.project, VersionSubject(model, version),
                {{"digest", old.digest}});
}

}  // namespace millrace::registry::internal
