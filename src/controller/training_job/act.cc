#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/key.h"
#include "controller/status_writer.h"
#include "controller/training_job/observe.h"
#include "controller/training_job/run.h"

namespace millrace::controller::training_job {
namespace {

constexpr Micros kWhileItEnds = std::chrono::milliseconds(200);

// The status tells more than the controller decides on: what the run does now.
std::string PhaseText(const Decision& decision, const Snapshot& snapshot) {
  if (decision.phase != Phase::kRunning) return std::string(PhaseName(decision.phase));
  if (!snapshot.task || !snapshot.task->running) return "Preparing";
  if (snapshot.task->stage == "training rounds") return "Training";
  const bool evaluates = snapshot.task->stage == "evaluating" ||
                         snapshot.task->stage.starts_with("keeping") ||
                         snapshot.task->stage.starts_with("registering");
  return evaluates ? "Evaluating" : "Preparing";
}

Json StatusFields(Context& context, const resource::Resource& resource, const Observed& observed,
                  const Decision& decision) {
  Json fields = {{"phase", PhaseText(decision, observed.snapshot)}, {"pool", observed.snapshot.pool.name}};
  const std::string now = FormatTime(context.stores.clock.Now());
  if (decision.start) {
    fields["startTime"] = now;
    fields["cpu"] = observed.snapshot.need.cpu;
    fields["memory"] = observed.snapshot.need.memory;
  }
  if (IsFinal(decision.phase) && !resource.status.contains("completionTime")) fields["completionTime"] = now;
  if (observed.model) fields["snapshot"] = observed.model->source.snapshot.version;
  const std::optional<TaskView>& task = observed.snapshot.task;
  if (task && task->running && task->stage == "training rounds" && task->total > 0) {
    fields["round"] = task->done;
    fields["rounds"] = task->total;
  }
  if (observed.version) {
    fields["version"] = observed.version->version;
    fields["run"] = observed.version->run_id;
    fields["metrics"] = observed.version->metrics;
    fields["promoted"] = decision.promote;
    // What was last seen of the run while it went on is not what it came to: early stopping ends it sooner.
    const auto rounds = observed.version->tags.find(std::string(kRoundsTag));
    if (rounds != observed.version->tags.end()) {
      int64_t trained = 0;  // anybody may write tags: what is no number is left out
      const std::string& text = rounds->second;
      if (std::from_chars(text.data(), text.data() + text.size(), trained).ec == std::errc()) {
        fields["round"] = trained;
        fields["rounds"] = trained;
      }
    }
  }
  return fields;
}

void StartRun(Context& context, const resource::Resource& resource, const Observed& observed) {
  RunRequest request;
  request.job = resource.Key();
  request.uid = resource.metadata.uid;
  request.spec = observed.spec;
  request.model = *observed.model;
  request.need = observed.snapshot.need;
  request.definition = DefinitionOf(request.model, request.spec);
  context.runs.Start(KeyOf(request.job), TaskInput(request.uid, request.definition),
                     [&context, request](TaskContext& task) { return Run(context, request, task); });
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  if (IsFinal(ParsePhase(resource.status.value("phase", "")))) return Micros(0);
  const resource::ResourceKey key = resource.Key();
  MR_ASSIGN_OR_RETURN(const Observed observed, Observe(context, resource));
  if (observed.of_earlier_job) {
    context.runs.Cancel(KeyOf(key));
    return kWhileItEnds;
  }
  const Decision decision = Decide(observed.snapshot);
  if (decision.cancel) context.runs.Cancel(KeyOf(key));
  if (decision.promote) {
    MR_RETURN_IF_ERROR(
        context.stores.registry.SetAlias(observed.version->model, observed.snapshot.registered->alias,
                                         observed.version->version, kActor, observed.version->reason));
  }
  MR_RETURN_IF_ERROR(
      WriteStatus(context, resource, StatusFields(context, resource, observed, decision), decision.ready));
  // Only a run whose status says so is started, so that no slot is taken twice.
  if (decision.start) StartRun(context, resource, observed);
  return decision.look_again;
}

void Forget(Context& context, const resource::ResourceKey& key) { context.runs.Cancel(KeyOf(key)); }

}  // namespace millrace::controller::training_job
