#include "controller/training_job/run.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sha256.h"
#include "controller/training_job/judge.h"
#include "controller/training_job/publish.h"
#include "controller/training_job/replay_rows.h"
#include "feature/training_set.h"
#include "table/parquet.h"
#include "training/model_definition.h"
#include "training/trainer.h"

namespace millrace::controller::training_job {
namespace {

Json ParametersOf(const RunRequest& request) {
  return training::RunParameters(request.model.spec.parameters, request.spec.parameters);
}

Result<feature::EventTables> ReadEvents(Context& context, const RunRequest& request, TaskContext& task) {
  task.Report("reading events", 0, request.model.source.snapshot.num_rows);
  feature::EventTables events;
  const std::string& project = request.job.project;
  MR_ASSIGN_OR_RETURN(const DeltaTable own,
                      DeltaTable::Open(context.layout.Events(project, request.model.source.plan.name)));
  MR_ASSIGN_OR_RETURN(Table rows, own.Read(request.model.source.snapshot));
  events.emplace_back(request.model.source.plan.name, std::move(rows));
  for (const feature::ServiceView& view : request.model.plan->views) {
    const std::string& name = view.plan->source.name;
    if (std::any_of(events.begin(), events.end(), [&](const auto& have) { return have.first == name; }))
      continue;
    MR_ASSIGN_OR_RETURN(const SourceState source, ObserveSource(context, project, name));
    MR_ASSIGN_OR_RETURN(const DeltaTable table, DeltaTable::Open(context.layout.Events(project, name)));
    MR_ASSIGN_OR_RETURN(Table other, table.Read(source.snapshot));
    events.emplace_back(name, std::move(other));
  }
  return events;
}

Result<feature::Split> SplitOf(const RunRequest& request) {
  resource::SplitSpec split = request.model.spec.split;
  if (request.spec.start) split.start = request.spec.start;
  if (!request.model.source.commit.newest)
    return InvalidArgument("DataSource {} holds no events.", request.model.source.plan.name);
  return feature::ResolveSplit(split, *request.model.source.commit.newest);
}

// Early stopping needs rows that the rounds do not see: the last fifth of the
// training rows by time, as the test range lies after them, too.
Status SetAside(training::TrainingRequest& training, const Json& parameters) {
  const auto stopping = parameters.find("early_stopping_rounds");
  if (stopping == parameters.end() || !stopping->is_number_integer() || stopping->get<int64_t>() <= 0)
    return Ok();
  const auto rows = static_cast<int64_t>(training.train.num_rows());
  const int64_t cut = rows - rows / 5;
  if (cut <= 0 || cut >= rows)
    return InvalidArgument("early stopping needs at least 5 training rows; there are {}", rows);
  std::vector<int64_t> head;
  std::vector<int64_t> tail;
  for (int64_t row = 0; row < rows; ++row) (row < cut ? head : tail).push_back(row);
  training.validation = training.train.Take(tail);
  training.train = training.train.Take(head);
  return Ok();
}

// Lines of the run's log, beside what the child writes there.
class RunLog {
 public:
  static Result<std::unique_ptr<RunLog>> Open(const std::string& directory, const Clock& clock) {
    MR_RETURN_IF_ERROR(MakeDirectories(directory));
    const std::string path = directory + "/train.log";
    UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file) return Internal("{} cannot be written", path);
    return std::unique_ptr<RunLog>(new RunLog(std::move(file), clock));
  }

  // A log that cannot be written stops no training.
  void Say(const std::string& text) {
    (void)WriteAll(file_.get(), fmt::format("{} {}\n", FormatTime(clock_.Now()), text));
  }

 private:
  RunLog(UniqueFd file, const Clock& clock) : file_(std::move(file)), clock_(clock) {}
  UniqueFd file_;
  const Clock& clock_;
};

std::string RoundText(const training::TrainingProgress& progress) {
  std::string text = fmt::format("round {} of {}", progress.round, progress.rounds);
  for (const auto& [name, value] : progress.metrics) text += fmt::format("  {} {:.6f}", name, value);
  return text;
}

// Starts the child and follows it to its end.
Result<training::TrainingOutcome> Train(const RunRequest& request, const std::string& directory,
                                        const feature::TrainingSet& set, const Json& parameters, RunLog& log,
                                        TaskContext& task) {
  training::TrainingRequest training;
  training.run_directory = directory;
  training.train = set.train;
  training.features = set.inputs;
  training.label = request.model.spec.label;
  training.parameters = parameters;
  training.seed = request.model.spec.seed;
  training.limits = request.model.spec.limits;
  training.limits.cpu = request.need.cpu;
  training.limits.memory = request.need.memory;
  training.on_progress = [&task, &log](const training::TrainingProgress& progress) {
    task.Report("training rounds", progress.round, progress.rounds);
    log.Say(RoundText(progress));
  };
  MR_RETURN_IF_ERROR(SetAside(training, parameters));
  task.Report("training rounds", 0, 0);
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<training::TrainingRun> run,
                      training::StartTraining(std::move(training)));
  bool cancelled = false;
  while (true) {
    std::optional<training::TrainingOutcome> outcome =
        run->Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    if (outcome) {
      if (!outcome->status.ok()) return outcome->status;
      return std::move(*outcome);
    }
    if (task.stopped() && !cancelled) {
      run->Cancel();
      cancelled = true;
    }
  }
}

Status LogMetrics(Context& context, const std::string& run, const std::string& directory,
                  const Judgement& judgement) {
  registry::RunBatch batch;
  const EventTime now = context.stores.clock.Now();
  const Result<std::vector<training::TrainingProgress>> rounds = training::ReadProgress(directory);
  if (rounds.ok()) {
    for (const training::TrainingProgress& round : *rounds) {
      for (const auto& [name, value] : round.metrics) {
        batch.metrics.push_back({.key = name, .value = value, .step = round.round, .time = now});
      }
    }
  }
  for (const auto& [name, value] : judgement.evaluation.metrics) {
    batch.metrics.push_back({.key = name, .value = value, .step = 0, .time = now});
  }
  return context.stores.registry.LogBatch(run, batch, kActor);
}

// What replays need is no part of the version: without it the version is as good.
void KeepReplayRows(const ReplayRequest& request, const std::string& directory, TaskContext& task) {
  task.Report("keeping the test rows for replays", 0, 0);
  const Result<Table> rows = ReplayRows(request);
  Status kept = rows.status();
  if (rows.ok()) kept = WriteParquet(fmt::format("{}/{}", directory, kReplayFile), *rows);
  if (!kept.ok()) LogWarning("the version cannot be replayed", {{"reason", kept.message()}});
}

Status TrainAndPublish(Context& context, const RunRequest& request, const registry::Run& record,
                       const Json& parameters, TaskContext& task) {
  const std::string directory = context.layout.Run(record.id);
  MR_ASSIGN_OR_RETURN(const feature::Split split, SplitOf(request));
  MR_ASSIGN_OR_RETURN(const feature::EventTables events, ReadEvents(context, request, task));
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<RunLog> log, RunLog::Open(directory, context.stores.clock));
  log->Say(fmt::format("job {}, run {}: training {} to {}, test {} to {}", request.job.name, record.id,
                       FormatTime(split.train_begin), FormatTime(split.train_end),
                       FormatTime(split.test_begin), FormatTime(split.test_end)));
  task.Report("making the training set", 0, 0);
  feature::TrainingSetRequest wanted;
  wanted.plan = request.model.plan;
  wanted.events = events;
  wanted.split = split;
  wanted.label = request.model.spec.label;
  wanted.where = request.model.spec.where;
  wanted.entities = EntityColumns(request.model.spec);
  MR_ASSIGN_OR_RETURN(const feature::TrainingSet set, feature::BuildTrainingSet(wanted));
  MR_ASSIGN_OR_RETURN(const training::TrainingOutcome outcome,
                      Train(request, directory, set, parameters, *log, task));
  log->Say(fmt::format("trained: {} rounds on {} rows in {:.1f} s", outcome.rounds, outcome.rows,
                       static_cast<double>(outcome.wall.count()) / 1e6));
  task.Report("evaluating", 0, 0);
  MR_ASSIGN_OR_RETURN(const Judgement judgement, Judge(context, {.project = request.job.project,
                                                                 .model = request.spec.model,
                                                                 .state = request.model,
                                                                 .set = set,
                                                                 .split = split,
                                                                 .events = events,
                                                                 .model_path = outcome.model_ubj}));
  for (const auto& [name, value] : judgement.evaluation.metrics)
    log->Say(fmt::format("{} {:.6f}", name, value));
  log->Say(judgement.gates.reason);
  MR_RETURN_IF_ERROR(LogMetrics(context, record.id, directory, judgement));
  KeepReplayRows({.state = request.model,
                  .split = split,
                  .events = events,
                  .set = set,
                  .rows = judgement.rows,
                  .model_path = outcome.model_ubj},
                 directory, task);
  if (task.stopped()) return Cancelled("called off before the version was registered");
  task.Report("registering the version", 0, 0);
  MR_ASSIGN_OR_RETURN(const int64_t version, Publish(context, {.run = request,
                                                               .record = record,
                                                               .outcome = outcome,
                                                               .judgement = judgement,
                                                               .parameters = parameters,
                                                               .split = split,
                                                               .seed = request.model.spec.seed}));
  LogInfo("version registered", {{"model", request.spec.model},
                                 {"version", std::to_string(version)},
                                 {"gates", judgement.gates.reason}});
  return Ok();
}

}  // namespace

std::string DefinitionOf(const ModelState& model, const resource::TrainingJobSpec& spec) {
  const bool overrides = (spec.parameters.is_object() && !spec.parameters.empty()) || spec.start.has_value();
  if (!overrides) return model.definition;
  Json own = {{"model", model.definition}, {"parameters", spec.parameters}};
  if (spec.start) own["start"] = spec.start->micros;
  return Sha256Hex(FormatJson(own));
}

Status Run(Context& context, const RunRequest& request, TaskContext& task) {
  const Json parameters = ParametersOf(request);
  MR_ASSIGN_OR_RETURN(const registry::Run record, OpenRun(context, request, parameters));
  const Status result = TrainAndPublish(context, request, record, parameters, task);
  if (!result.ok()) {
    const auto log = RunLog::Open(context.layout.Run(record.id), context.stores.clock);
    if (log.ok()) (*log)->Say("failed: " + result.message());
  }
  const Status closed = CloseRun(context, record.id, result);
  return result.ok() ? closed : result;
}

}  // namespace millrace::controller::training_job
