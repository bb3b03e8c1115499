// Aliases of the SQLite registry: names that point at a version, and their moves.
#include "base/text.h"
#include "registry/internal/names.h"
#include "registry/internal/sqlite_impl.h"

namespace millrace::registry::internal {

Result<std::optional<int64_t>> SqliteImpl::AliasTarget(const ScopedName& model,
                                                       std::string_view alias) const {
  MR_ASSIGN_OR_RETURN(Statement statement,
                      Query(db_, "SELECT version FROM alias WHERE project = ?1 AND model = ?2 AND alias = ?3",
                            model.project, model.name, alias));
  MR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  return found ? std::optional<int64_t>(statement.Int(0)) : std::nullopt;
}

Status SqliteImpl::RecordMove(const ScopedName& model, const AliasMove& move) {
  return Run(db_,
             "INSERT INTO alias_move (project, model, alias, source, target, actor, reason, time) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
             model.project, model.name, move.alias, move.from, move.to, move.actor, move.reason,
             move.time.micros);
}

Status SqliteImpl::SetAlias(const ScopedName& model, std::string_view alias, int64_t version,
                            std::string_view actor, std::string_view reason) {
  MR_RETURN_IF_ERROR(CheckAlias(alias));
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const ModelVersion target, VersionRow(model, version));
  if (target.status != VersionStatus::kReady) {
    return FailedPrecondition("version {} of model '{}' is {}; an alias may point only at a READY one",
                              version, model.name, VersionStatusName(target.status));
  }
  MR_ASSIGN_OR_RETURN(const std::optional<int64_t> from, AliasTarget(model, alias));
  if (from == version) return Ok();
  MR_RETURN_IF_ERROR(
      Run(db_, "INSERT OR REPLACE INTO alias (project, model, alias, version) VALUES (?1, ?2, ?3, ?4)",
          model.project, model.name, alias, version));
  const AliasMove move{std::string(alias), from.value_or(0),    version,
                       std::string(actor), std::string(reason), clock_.Now()};
  MR_RETURN_IF_ERROR(RecordMove(model, move));
  return Commit(transaction, actor, "alias.set", model.project,
                fmt::format("models/{}/aliases/{}", model.name, alias),
                {{"from", move.from}, {"to", version}, {"reason", reason}});
}

Status SqliteImpl::DeleteAlias(const ScopedName& model, std::string_view alias, std::string_view actor) {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const std::optional<int64_t> from, AliasTarget(model, alias));
  if (!from) return NotFound("model '{}' has no alias '{}'", model.name, alias);
  MR_RETURN_IF_ERROR(Run(db_, "DELETE FROM alias WHERE project = ?1 AND model = ?2 AND alias = ?3",
                         model.project, model.name, alias));
  MR_RETURN_IF_ERROR(
      RecordMove(model, {std::string(alias), *from, 0, std::string(actor), "removed", clock_.Now()}));
  return Commit(transaction, actor, "alias.delete", model.project,
                fmt::format("models/{}/aliases/{}", model.name, alias), {{"from", *from}});
}

Result<ModelVersion> SqliteImpl::ResolveAlias(const ScopedName& model, std::string_view alias) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(const std::optional<int64_t> version, AliasTarget(model, alias));
  if (version) return VersionRow(model, *version);
  MR_ASSIGN_OR_RETURN(const RegisteredModel known, ModelRow(model));
  std::vector<std::string> names;
  for (const auto& [name, target] : known.aliases) names.push_back(name);
  return NotFound("model '{}' has no alias '{}'; it has {}", model.name, alias,
                  names.empty() ? "none yet" : Join(names, ", "));
}

Result<std::vector<AliasMove>> SqliteImpl::AliasHistory(const ScopedName& model) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Statement statement,
                      Query(db_,
                            "SELECT alias, source, target, actor, reason, time FROM alias_move "
                            "WHERE project = ?1 AND model = ?2 ORDER BY id",
                            model.project, model.name));
  std::vector<AliasMove> moves;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) {
    moves.push_back({row.Text(0), row.Int(1), row.Int(2), row.Text(3), row.Text(4), {row.Int(5)}});
  }));
  return moves;
}

}  // namespace millrace::registry::internal
