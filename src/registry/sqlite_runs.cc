// Experiments and runs of the SQLite registry.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/id.h"
#include "base/text.h"
#include "registry/internal/names.h"
#include "registry/internal/sqlite_impl.h"

namespace millrace::registry::internal {
namespace {

constexpr size_t kMaxText = 1 << 20;  // of one parameter or tag
constexpr size_t kMaxBatch = 100'000;

bool IsFinal(RunStatus status) { return status != RunStatus::kScheduled && status != RunStatus::kRunning; }

double ValueAt(const Statement& row, int column) {
  return row.IsNull(column) ? std::numeric_limits<double>::quiet_NaN() : row.Real(column);
}

Status CheckTags(std::string_view what, const Tags& tags) {
  for (const auto& [key, value] : tags) {
    MR_RETURN_IF_ERROR(CheckName(what, key));
    if (value.size() > kMaxText) {
      return InvalidArgument("{} '{}' has {} bytes; at most {} are allowed", what, key, value.size(),
                             kMaxText);
    }
  }
  return Ok();
}

// Which of two points of a key is the latest, as MLflow decides it.
bool Later(const MetricPoint& a, const MetricPoint& b) {
  if (a.step != b.step) return a.step > b.step;
  if (a.time != b.time) return a.time > b.time;
  return a.value > b.value;
}

std::optional<int64_t> NumberOf(std::string_view id) {
  if (id.empty() || id.size() > 18 || id.find_first_not_of("0123456789") != id.npos) return std::nullopt;
  return std::stoll(std::string(id));
}

}  // namespace

Result<std::vector<Experiment>> SqliteImpl::Experiments(Statement statement) const {
  std::vector<Experiment> experiments;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) {
    experiments.push_back({std::to_string(row.Int(0)), {row.Text(1), row.Text(2)}, {row.Int(3)}, {}});
  }));
  return experiments;
}

Result<Experiment> SqliteImpl::FindExperiment(const ScopedName& name) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_, "SELECT id, project, name, created FROM experiment WHERE project = ?1 AND name = ?2",
            name.project, name.name));
  MR_ASSIGN_OR_RETURN(std::vector<Experiment> found, Experiments(std::move(statement)));
  if (!found.empty()) return std::move(found.front());
  return NotFound("there is no experiment '{}' in project '{}'", name.name, name.project);
}

Result<Experiment> SqliteImpl::GetExperiment(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Statement statement,
                      Query(db_, "SELECT id, project, name, created FROM experiment WHERE id = ?1",
                            NumberOf(id).value_or(-1)));
  MR_ASSIGN_OR_RETURN(std::vector<Experiment> found, Experiments(std::move(statement)));
  if (!found.empty()) return std::move(found.front());
  return NotFound("there is no experiment with id '{}'", id);
}

Result<std::vector<Experiment>> SqliteImpl::ListExperiments(std::string_view project) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Statement statement,
                      Query(db_,
                            "SELECT id, project, name, created FROM experiment WHERE ?1 = '' OR project = ?1 "
                            "ORDER BY project, name",
                            project));
  return Experiments(std::move(statement));
}

Result<Experiment> SqliteImpl::EnsureExperiment(const ScopedName& name, std::string_view actor) {
  MR_RETURN_IF_ERROR(CheckName("an experiment", name.name));
  {
    const std::lock_guard lock(mutex_);
    MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
    MR_RETURN_IF_ERROR(Run(db_,
                           "INSERT INTO experiment (project, name, created) VALUES (?1, ?2, ?3) ON CONFLICT "
                           "(project, name) DO NOTHING",
                           name.project, name.name, clock_.Now().micros));
    if (db_.Changes() > 0) {
      MR_RETURN_IF_ERROR(
          Commit(transaction, actor, "experiment.create", name.project, "experiments/" + name.name, {}));
    }
  }
  return FindExperiment(name);
}

Result<registry::Run> SqliteImpl::CreateRun(const NewRun& run, std::string_view actor) {
  MR_RETURN_IF_ERROR(CheckName("a run", run.name));
  MR_RETURN_IF_ERROR(CheckTags("the tag", run.tags));
  const std::string id = run.id.empty() ? RandomHex(16) : run.id;
  MR_RETURN_IF_ERROR(CheckName("a run's id", id));
  MR_ASSIGN_OR_RETURN(const Experiment experiment, GetExperiment(run.experiment_id));
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_RETURN_IF_ERROR(Run(db_,
                         "INSERT INTO run (id, experiment, name, user, artifact_dir, status, start) "
                         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
                         id, *NumberOf(experiment.id), run.name, run.user, run.artifact_dir,
                         RunStatusName(run.status), run.start.micros));
  if (db_.Changes() == 0) return AlreadyExists("there is a run '{}' already", id);
  for (const auto& [key, value] : run.tags) {
    MR_RETURN_IF_ERROR(Run(db_, "INSERT INTO run_tag (run, key, value) VALUES (?1, ?2, ?3)", id, key, value));
  }
  MR_RETURN_IF_ERROR(Commit(transaction, actor, "run.create", experiment.name.project, "runs/" + id,
                            {{"experiment", experiment.name.name}, {"name", run.name}}));
  return RunRow(id);
}

Result<registry::Run> SqliteImpl::RunRow(std::string_view id) const {
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_,
            "SELECT run.id, experiment, project, run.name, user, artifact_dir, status, start, end, deleted "
            "FROM run JOIN experiment ON experiment.id = run.experiment WHERE run.id = ?1",
            id));
  MR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return NotFound("there is no run '{}'", id);
  registry::Run run;
  run.id = statement.Text(0);
  run.experiment_id = std::to_string(statement.Int(1));
  run.project = statement.Text(2);
  run.name = statement.Text(3);
  run.user = statement.Text(4);
  run.artifact_dir = statement.Text(5);
  run.status = ParseRunStatus(statement.Text(6)).value_or(RunStatus::kFailed);
  run.start = {statement.Int(7)};
  if (!statement.IsNull(8)) run.end = EventTime{statement.Int(8)};
  if (!statement.IsNull(9)) run.deleted = EventTime{statement.Int(9)};
  MR_RETURN_IF_ERROR(FillRun(run));
  return run;
}

Status SqliteImpl::FillRun(registry::Run& run) const {
  MR_ASSIGN_OR_RETURN(Statement params,
                      Query(db_, "SELECT key, value FROM run_param WHERE run = ?1", run.id));
  MR_RETURN_IF_ERROR(ForEachRow(params, [&](Statement& row) { run.params[row.Text(0)] = row.Text(1); }));
  MR_ASSIGN_OR_RETURN(Statement tags, Query(db_, "SELECT key, value FROM run_tag WHERE run = ?1", run.id));
  MR_RETURN_IF_ERROR(ForEachRow(tags, [&](Statement& row) { run.tags[row.Text(0)] = row.Text(1); }));
  MR_ASSIGN_OR_RETURN(Statement metrics,
                      Query(db_, "SELECT key, value, step, time FROM latest_metric WHERE run = ?1", run.id));
  return ForEachRow(metrics, [&](Statement& row) {
    run.metrics[row.Text(0)] = {row.Text(0), ValueAt(row, 1), row.Int(2), {row.Int(3)}};
  });
}

Result<registry::Run> SqliteImpl::GetRun(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  return RunRow(id);
}

Result<std::vector<registry::Run>> SqliteImpl::ListRuns(std::string_view experiment_id, int64_t limit,
                                                        int64_t offset, RunView view) const {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Statement statement,
                      Query(db_,
                            "SELECT id FROM run WHERE experiment = ?1 AND (deleted IS NULL OR ?4) "
                            "ORDER BY start DESC, id LIMIT ?2 OFFSET ?3",
                            NumberOf(experiment_id).value_or(-1), std::clamp<int64_t>(limit, 0, 50'000),
                            std::max<int64_t>(offset, 0), int64_t{view == RunView::kAll}));
  std::vector<std::string> ids;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) { ids.push_back(row.Text(0)); }));
  std::vector<registry::Run> runs;
  for (const std::string& id : ids) {
    MR_ASSIGN_OR_RETURN(registry::Run run, RunRow(id));
    runs.push_back(std::move(run));
  }
  return runs;
}

Status SqliteImpl::UpdateRun(std::string_view id, RunStatus status, std::optional<EventTime> end,
                             std::string_view actor) {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const registry::Run run, RunRow(id));
  if (IsFinal(run.status) && run.status != status) {
    return FailedPrecondition("run '{}' has ended as {} and cannot become {}", id, RunStatusName(run.status),
                              RunStatusName(status));
  }
  std::optional<int64_t> ended;
  if (end) {
    ended = end->micros;
  } else if (run.end) {
    ended = run.end->micros;
  } else if (IsFinal(status)) {
    ended = clock_.Now().micros;
  }
  MR_RETURN_IF_ERROR(
      Run(db_, "UPDATE run SET status = ?2, end = ?3 WHERE id = ?1", id, RunStatusName(status), ended));
  return Commit(transaction, actor, "run.update", run.project, "runs/" + run.id,
                {{"from", RunStatusName(run.status)}, {"to", RunStatusName(status)}});
}

Status SqliteImpl::DeleteRun(std::string_view id, std::string_view actor) {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const registry::Run run, RunRow(id));
  if (run.deleted) return Ok();
  MR_RETURN_IF_ERROR(Run(db_, "UPDATE run SET deleted = ?2 WHERE id = ?1", id, clock_.Now().micros));
  return Commit(transaction, actor, "run.delete", run.project, "runs/" + run.id, {{"name", run.name}});
}

Status SqliteImpl::InsertParams(std::string_view id, const Tags& params) {
  for (const auto& [key, value] : params) {
    MR_RETURN_IF_ERROR(
        Run(db_, "INSERT INTO run_param (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", id,
            key, value));
    if (db_.Changes() > 0) continue;
    MR_ASSIGN_OR_RETURN(Statement old,
                        Query(db_, "SELECT value FROM run_param WHERE run = ?1 AND key = ?2", id, key));
    MR_ASSIGN_OR_RETURN(const bool found, old.Step());
    if (found && old.Text(0) != value) {
      return InvalidArgument("the parameter '{}' of run '{}' is '{}' already and cannot become '{}'", key, id,
                             old.Text(0), value);
    }
  }
  return Ok();
}

Status SqliteImpl::InsertMetrics(std::string_view id, const std::vector<MetricPoint>& points) {
  std::map<std::string, MetricPoint> latest;
  MR_ASSIGN_OR_RETURN(
      Statement insert,
      db_.Prepare("INSERT INTO metric (run, key, step, time, value) VALUES (?1, ?2, ?3, ?4, ?5)"));
  for (const MetricPoint& point : points) {
    MR_RETURN_IF_ERROR(insert.Bind(1, id));
    MR_RETURN_IF_ERROR(insert.Bind(2, std::string_view(point.key)));
    MR_RETURN_IF_ERROR(insert.Bind(3, point.step));
    MR_RETURN_IF_ERROR(insert.Bind(4, point.time.micros));
    MR_RETURN_IF_ERROR(std::isnan(point.value) ? insert.BindNull(5) : insert.Bind(5, point.value));
    MR_RETURN_IF_ERROR(insert.Run());
    const auto [it, first] = latest.try_emplace(point.key, point);
    if (!first && Later(point, it->second)) it->second = point;
  }
  for (const auto& [key, point] : latest) {
    MR_ASSIGN_OR_RETURN(
        Statement upsert,
        db_.Prepare("INSERT INTO latest_metric (run, key, step, time, value) VALUES (?1, ?2, ?3, ?4, ?5) "
                    "ON CONFLICT (run, key) DO UPDATE SET step = ?3, time = ?4, value = ?5 "
                    "WHERE (?3, ?4) > (step, time) OR ((?3, ?4) = (step, time) AND ?5 >= value)"));
    MR_RETURN_IF_ERROR(upsert.Bind(1, id));
    MR_RETURN_IF_ERROR(upsert.Bind(2, std::string_view(key)));
    MR_RETURN_IF_ERROR(upsert.Bind(3, point.step));
    MR_RETURN_IF_ERROR(upsert.Bind(4, point.time.micros));
    MR_RETURN_IF_ERROR(std::isnan(point.value) ? upsert.BindNull(5) : upsert.Bind(5, point.value));
    MR_RETURN_IF_ERROR(upsert.Run());
  }
  return Ok();
}

Status SqliteImpl::LogBatch(std::string_view id, const RunBatch& batch, std::string_view actor) {
  const size_t items = batch.metrics.size() + batch.params.size() + batch.tags.size();
  if (items > kMaxBatch)
    return InvalidArgument("a batch has {} items; at most {} are allowed", items, kMaxBatch);
  for (const MetricPoint& point : batch.metrics) MR_RETURN_IF_ERROR(CheckName("a metric", point.key));
  MR_RETURN_IF_ERROR(CheckTags("the parameter", batch.params));
  MR_RETURN_IF_ERROR(CheckTags("the tag", batch.tags));
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(const registry::Run run, RunRow(id));
  MR_RETURN_IF_ERROR(InsertParams(id, batch.params));
  for (const auto& [key, value] : batch.tags) {
    MR_RETURN_IF_ERROR(
        Run(db_, "INSERT OR REPLACE INTO run_tag (run, key, value) VALUES (?1, ?2, ?3)", id, key, value));
  }
  MR_RETURN_IF_ERROR(InsertMetrics(id, batch.metrics));
  return Commit(
      transaction, actor, "run.log", run.project, "runs/" + run.id,
      {{"metrics", batch.metrics.size()}, {"params", batch.params.size()}, {"tags", batch.tags.size()}});
}

Result<std::vector<MetricPoint>> SqliteImpl::MetricHistory(std::string_view id, std::string_view key) const {
  const std::lock_guard lock(mutex_);
  MR_RETURN_IF_ERROR(RunRow(id).status());
  MR_ASSIGN_OR_RETURN(
      Statement statement,
      Query(db_,
            "SELECT value, step, time FROM metric WHERE run = ?1 AND key = ?2 ORDER BY step, time, rowid", id,
            key));
  std::vector<MetricPoint> points;
  MR_RETURN_IF_ERROR(ForEachRow(statement, [&](Statement& row) {
    points.push_back({std::string(key), ValueAt(row, 0), row.Int(1), {row.Int(2)}});
  }));
  return points;
}

}  // namespace millrace::registry::internal
