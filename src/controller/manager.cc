#include "controller/manager.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/definition_check.h"
#include "controller/feature_service/observe.h"
#include "controller/finalizer.h"
#include "controller/key.h"
#include "controller/plans.h"
#include "controller/status_writer.h"
#include "controller/training_job/decide.h"
#include "resource/in_use.h"
#include "resource/validate.h"

namespace millrace::controller {
namespace {

constexpr auto kWatchWait = std::chrono::milliseconds(500);
constexpr Micros kWhileItIsDeleted = std::chrono::milliseconds(200);
// Enough for any number of pools: their slots are what limits training runs.
constexpr int64_t kMostRuns = 64;

int64_t Cores(int64_t wanted) {
  if (wanted > 0) return wanted;
  return std::max<int64_t>(1, std::thread::hardware_concurrency());
}

const Controller* Find(std::string_view kind) {
  const std::vector<Controller>& all = Controllers();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Controller& c) { return c.kind == kind; });
  return found == all.end() ? nullptr : &*found;
}

// A run that has begun is no longer asked whether it may: what it was made of is in its inputs.
bool MayBeChecked(const resource::Resource& resource) {
  if (resource.metadata.deletion_time) return false;
  return resource.kind != "TrainingJob" ||
         training_job::ParsePhase(resource.status.value("phase", "")) == training_job::Phase::kPending;
}

}  // namespace

Manager::Manager(const ManagerOptions& options)
    : tasks_({.limit = Cores(options.cores),
              .ended = [this](const std::string& key) { EnqueueWithNeighbours(ParseKey(key)); }}),
      runs_({.limit = kMostRuns,
             .ended = [this](const std::string& key) { EnqueueWithNeighbours(ParseKey(key)); }}),
      context_{*options.stores, Layout(options.data_dir), options.as_of, tasks_, runs_} {
  if (options.recheck) recheck_.emplace(CheckDefinitions(options.data_dir));
}

// What an earlier process held in memory is gone with it: until it is there
// again, nothing may say that it is.
Status Manager::ForgetLastLife() {
  for (const char* kind : {"FeatureView", "FeatureService", "ModelEndpoint"}) {
    MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> all, ListOf(context_, kind, ""));
    for (const resource::Resource& resource : all) {
      if (!resource::IsTrue(resource.status, "Ready")) continue;
      const Ready starting{.status = resource::ConditionStatus::kUnknown,
                           .reason = "Starting",
                           .message = "Millrace was started; this is looked at again."};
      const Status written = WriteStatus(context_, resource, Json::object(), starting);
      // Somebody else has just written it: it is looked at again, as it is now.
      if (written.code() == Code::kConflict || written.code() == Code::kNotFound) return ForgetLastLife();
      MR_RETURN_IF_ERROR(written);
    }
  }
  return Ok();
}

Result<std::unique_ptr<Manager>> Manager::Start(ManagerOptions options) {
  if (options.stores == nullptr) return InvalidArgument("the controllers need their stores");
  std::unique_ptr<Manager> manager(new Manager(options));
  Manager& self = *manager;
  MR_RETURN_IF_ERROR(self.ForgetLastLife());
  self.watcher_ = std::jthread([&self](const std::stop_token& stop) { self.WatchLoop(stop); });
  self.reconciler_ = std::jthread([&self](const std::stop_token& stop) { self.ReconcileLoop(stop); });
  return manager;
}

Manager::~Manager() { Stop(); }

void Manager::Stop() {
  watcher_.request_stop();
  reconciler_.request_stop();
  if (watcher_.joinable()) watcher_.join();
  if (reconciler_.joinable()) reconciler_.join();
  runs_.Stop();
  tasks_.Stop();
}

void Manager::Enqueue(const resource::ResourceKey& key) { queue_.Add(KeyOf(key)); }

void Manager::ModelChanged(const std::string& project, const std::string& model) {
  const resource::ResourceKey key{"Model", project, model};
  std::vector<std::string> keys = {KeyOf(key)};
  {
    const std::lock_guard lock(mutex_);
    for (const resource::ResourceKey& other : neighbours_.DependentsOf(key)) {
      if (other.kind == "ModelEndpoint") keys.push_back(KeyOf(other));
    }
  }
  // The change is announced before it takes effect: look soon, and once more for certain.
  for (const std::string& name : keys) queue_.AddAfter(name, std::chrono::milliseconds(50));
}

Result<feature::ServicePlanPtr> Manager::ServicePlan(const std::string& project, const std::string& service) {
  MR_ASSIGN_OR_RETURN(const resource::Resource resource,
                      context_.stores.resources.Get({"FeatureService", project, service}));
  MR_ASSIGN_OR_RETURN(const std::string source_name, feature_service::SourceOf(context_, resource));
  MR_ASSIGN_OR_RETURN(const SourceState source, ObserveSource(context_, project, source_name));
  return CompileService(context_, project, service, source.plan);
}

std::map<std::string, TaskView> Manager::Running() const {
  std::map<std::string, TaskView> running = tasks_.Running();
  running.merge(runs_.Running());
  return running;
}

void Manager::EnqueueWithNeighbours(const resource::ResourceKey& key) {
  std::vector<std::string> keys = {KeyOf(key)};
  {
    const std::lock_guard lock(mutex_);
    for (const resource::ResourceKey& other : neighbours_.Of(key)) keys.push_back(KeyOf(other));
    if (key.kind != "TrainingJob") keys.insert(keys.end(), invalid_.begin(), invalid_.end());
  }
  for (const std::string& name : keys) queue_.Add(name);
}

void Manager::WatchLoop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Status ended = WatchOnce(stop);
    if (stop.stop_requested() || ended.code() == Code::kCancelled) return;
    if (!resource::IsExpired(ended))
      LogWarning("the watch of resources ended", {{"reason", ended.message()}});
  }
}

Status Manager::WatchOnce(const std::stop_token& stop) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<resource::Watch> watch, context_.stores.resources.StartWatch({}));
  while (!stop.stop_requested()) {
    MR_ASSIGN_OR_RETURN(const std::optional<resource::WatchEvent> event,
                        watch->Next(std::chrono::steady_clock::now() + kWatchWait));
    if (!event || event->type == resource::EventType::kBookmark) continue;
    const resource::ResourceKey key = event->resource.Key();
    if (key.kind != "TrainingJob") ++changes_;
    // What a deleted resource referred to is looked up before it is forgotten.
    if (event->type == resource::EventType::kDeleted) EnqueueWithNeighbours(key);
    {
      const std::lock_guard lock(mutex_);
      if (event->type == resource::EventType::kDeleted) {
        neighbours_.Remove(key);
      } else {
        neighbours_.Put(event->resource);
      }
    }
    if (event->type != resource::EventType::kDeleted) EnqueueWithNeighbours(key);
  }
  return Cancelled("stopped");
}

void Manager::ReconcileLoop(const std::stop_token& stop) {
  while (const std::optional<std::string> key = queue_.Take(stop)) Reconcile(*key);
}

// Whoever makes something that outlives the resource says so on it before.
Result<Micros> Manager::Step(const Controller& controller, const resource::Resource& resource) {
  if (controller.finalize == nullptr) return controller.reconcile(context_, resource);
  if (resource.metadata.deletion_time) return Delete(controller, resource);
  MR_ASSIGN_OR_RETURN(const resource::Resource held, WithFinalizer(context_, resource));
  return controller.reconcile(context_, held);
}

Status Manager::SayInvalid(const resource::Resource& resource, const Status& wrong) {
  {
    const std::lock_guard lock(mutex_);
    invalid_.insert(KeyOf(resource.Key()));
  }
  return WriteStatus(context_, resource, Json::object(), NotReady("Invalid", wrong.message()));
}

Result<Micros> Manager::ReconcileChecked(const Controller& controller, const resource::Resource& resource) {
  if (recheck_ && MayBeChecked(resource)) {
    const Status checked = recheck_->Check(resource, context_.stores.resources, changes_);
    if (checked.code() == Code::kInvalidArgument) {
      MR_RETURN_IF_ERROR(SayInvalid(resource, checked));
      return Micros(0);
    }
    MR_RETURN_IF_ERROR(checked);
    const std::lock_guard lock(mutex_);
    invalid_.erase(KeyOf(resource.Key()));
  }
  return Step(controller, resource);
}

Result<Micros> Manager::Delete(const Controller& controller, const resource::Resource& resource) {
  // The store refuses to delete what others need; kubectl asks no one.
  const std::string& project =
      resource.metadata.project.empty() ? resource.metadata.name : resource.metadata.project;
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> all, ListOf(context_, "", project));
  const std::vector<resource::ResourceKey> users = resource::NeededBy(resource, all);
  if (!users.empty()) {
    const Ready kept =
        NotReady("InUse", fmt::format("Is deleted once nothing needs it any more; now {} need{} it.",
                                      resource::Enumerate(users), users.size() == 1 ? "s" : ""));
    MR_RETURN_IF_ERROR(WriteStatus(context_, resource, Json::object(), kept));
    return Micros(0);
  }
  const Result<std::string> waits = controller.finalize(context_, resource);
  if (!waits.ok()) {
    const Ready failed =
        NotReady("DeletionFailed", fmt::format("It cannot be removed yet: {}", waits.status().message()));
    MR_RETURN_IF_ERROR(WriteStatus(context_, resource, Json::object(), failed));
    return waits.status();
  }
  if (!waits->empty()) {
    const Ready deleting = NotReady("Deleting", fmt::format("Is being deleted: {}.", *waits));
    MR_RETURN_IF_ERROR(WriteStatus(context_, resource, Json::object(), deleting));
    return kWhileItIsDeleted;
  }
  MR_RETURN_IF_ERROR(RemoveFinalizer(context_, resource));
  LogInfo("deleted, with what it made", {{"resource", resource.Key().ToString()}});
  return Micros(0);
}

void Manager::Reconcile(const std::string& key) {
  const resource::ResourceKey resource_key = ParseKey(key);
  const Controller* controller = Find(resource_key.kind);
  if (controller == nullptr) return;
  Result<resource::Resource> resource = context_.stores.resources.Get(resource_key);
  if (!resource.ok()) {
    if (resource.status().code() == Code::kNotFound) {
      if (controller->forget != nullptr) controller->forget(context_, resource_key);
      queue_.Forget(key);
      if (recheck_) recheck_->Forget(resource_key);
      const std::lock_guard lock(mutex_);
      invalid_.erase(key);
    } else {
      queue_.AddFailed(key);
    }
    return;
  }
  context_.stores.metrics
      .GetCounter("millrace_reconciles_total", "Reconciles by kind.", {{"kind", resource_key.kind}})
      .Add();
  const Result<Micros> again = ReconcileChecked(*controller, *resource);
  if (!again.ok()) {
    if (again.status().code() != Code::kConflict) {
      LogWarning("reconcile failed; it is tried again",
                 {{"resource", resource_key.ToString()}, {"reason", again.status().message()}});
    }
    context_.stores.metrics
        .GetCounter("millrace_reconcile_failures_total", "Failed reconciles by kind.",
                    {{"kind", resource_key.kind}})
        .Add();
    queue_.AddFailed(key);
    return;
  }
  queue_.Forget(key);
  if (again->count() > 0) queue_.AddAfter(key, *again);
}

}  // namespace millrace::controller
