#include "registry/sqlite_registry.h"

#include <array>

#include "base/json.h"
#include "registry/internal/sqlite_impl.h"

namespace millrace::registry {
namespace {

constexpr int64_t kSchemaVersion = 2;

// Times are microseconds since 1970. A metric's value is NULL for NaN, which SQLite does not store.
constexpr const char* kSchema = R"sql(
CREATE TABLE experiment (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
  UNIQUE (project, name));
CREATE TABLE run (
  id TEXT PRIMARY KEY, experiment INTEGER NOT NULL REFERENCES experiment (id), name TEXT NOT NULL, user TEXT NOT NULL,
  artifact_dir TEXT NOT NULL, status TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER) WITHOUT ROWID;
CREATE INDEX run_by_experiment ON run (experiment, start DESC);
CREATE TABLE run_param (run TEXT NOT NULL REFERENCES run (id), key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE run_tag (run TEXT NOT NULL REFERENCES run (id), key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE metric (run TEXT NOT NULL REFERENCES run (id), key TEXT NOT NULL, step INTEGER NOT NULL,
  time INTEGER NOT NULL, value REAL);
CREATE INDEX metric_by_key ON metric (run, key, step, time);
CREATE TABLE latest_metric (run TEXT NOT NULL REFERENCES run (id), key TEXT NOT NULL, step INTEGER NOT NULL,
  time INTEGER NOT NULL, value REAL, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE model (project TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, created INTEGER NOT NULL,
  updated INTEGER NOT NULL, latest INTEGER NOT NULL, PRIMARY KEY (project, name)) WITHOUT ROWID;
CREATE TABLE model_tag (project TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (project, model, key),
  FOREIGN KEY (project, model) REFERENCES model (project, name) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE version (project TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, run TEXT NOT NULL,
  source TEXT NOT NULL, digest TEXT NOT NULL, definition TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY (project, model, version),
  FOREIGN KEY (project, model) REFERENCES model (project, name) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE version_tag (project TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY (project, model, version, key),
  FOREIGN KEY (project, model, version) REFERENCES version (project, model, version) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE version_metric (project TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL,
  value REAL, PRIMARY KEY (project, model, version, key),
  FOREIGN KEY (project, model, version) REFERENCES version (project, model, version) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE alias (project TEXT NOT NULL, model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (project, model, alias),
  FOREIGN KEY (project, model, version) REFERENCES version (project, model, version)) WITHOUT ROWID;
CREATE TABLE alias_move (id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, model TEXT NOT NULL,
  alias TEXT NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
  time INTEGER NOT NULL);
CREATE INDEX alias_move_by_model ON alias_move (project, model, id);
)sql";

// What later layouts added, by the layout that lacked it.
constexpr std::array<const char*, 1> kUpgrades{
    "ALTER TABLE run ADD COLUMN deleted INTEGER",  // 1: deleted runs
};

Status EnsureSchema(Database& db, const std::string& path) {
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db));
  int64_t version = 0;
  {
    MR_ASSIGN_OR_RETURN(Statement statement, db.Prepare("PRAGMA user_version"));
    MR_RETURN_IF_ERROR(internal::ForEachRow(statement, [&](Statement& row) { version = row.Int(0); }));
  }
  if (version > kSchemaVersion) {
    return FailedPrecondition("{} was made by a newer Millrace (its layout is {}, this one reads up to {})",
                              path, version, kSchemaVersion);
  }
  if (version == kSchemaVersion) return transaction.Commit();
  if (version == 0) {
    MR_RETURN_IF_ERROR(db.Execute(kSchema));
    version = 1;
  }
  for (; version < kSchemaVersion; ++version) {
    MR_RETURN_IF_ERROR(db.Execute(kUpgrades.at(static_cast<size_t>(version - 1))));
  }
  MR_RETURN_IF_ERROR(db.Execute(fmt::format("PRAGMA user_version={}", kSchemaVersion)));
  return transaction.Commit();
}

template <typename Enum, size_t n>
std::optional<Enum> FindName(const std::array<std::string_view, n>& names, std::string_view name) {
  for (size_t i = 0; i < n; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 5> kRunStatuses{"SCHEDULED", "RUNNING", "FINISHED", "FAILED",
                                                       "KILLED"};
constexpr std::array<std::string_view, 3> kVersionStatuses{"PENDING", "READY", "FAILED"};

}  // namespace

std::string_view RunStatusName(RunStatus status) { return kRunStatuses[static_cast<size_t>(status)]; }
std::optional<RunStatus> ParseRunStatus(std::string_view name) {
  return FindName<RunStatus>(kRunStatuses, name);
}
std::string_view VersionStatusName(VersionStatus status) {
  return kVersionStatuses[static_cast<size_t>(status)];
}
std::optional<VersionStatus> ParseVersionStatus(std::string_view name) {
  return FindName<VersionStatus>(kVersionStatuses, name);
}

Result<std::unique_ptr<Registry>> SqliteRegistry::Open(Options options) {
  const Clock& clock = options.clock == nullptr ? SystemClock() : *options.clock;
  MR_ASSIGN_OR_RETURN(Database db, Database::Open(options.path));
  MR_RETURN_IF_ERROR(EnsureSchema(db, options.path));
  return std::unique_ptr<Registry>(new internal::SqliteImpl(std::move(options), std::move(db), clock));
}

namespace internal {

Status SqliteImpl::Commit(Transaction& transaction, std::string_view actor, std::string_view action,
                          std::string_view project, std::string subject, const Json& details) {
  if (options_.on_change) {
    const RegistryChange change{std::string(actor), std::string(action), std::string(project),
                                std::move(subject), FormatJson(details)};
    MR_RETURN_IF_ERROR(options_.on_change(change));
  }
  return transaction.Commit();
}

}  // namespace internal
}  // namespace millrace::registry
