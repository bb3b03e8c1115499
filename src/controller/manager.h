// Manager: runs the controllers of all kinds.
//
//   watch of all resources ─┐
//   ended tasks ────────────┼─▶ WorkQueue ─▶ one thread: get ▸ observe ▸ decide ▸ act
//   timers, alias moves ────┘      ▲                                     │
//                                  └── look again after …, back-off ◀────┘
//
// A change of a resource also queues what refers to it and what it refers to.
// Reconciles are short: long work is a task beside them. Everything is derived
// again from the stores after a kill at any instant.
//
//   MR_ASSIGN_OR_RETURN(auto manager, Manager::Start({.stores = &stores, .data_dir = dir}));
//   …
//   manager->Stop();
//
// Thread safe after Start. The stores must outlive it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/status.h"
#include "controller/context.h"
#include "controller/neighbours.h"
#include "controller/recheck.h"
#include "controller/work_queue.h"
#include "resource/resource.h"

namespace millrace::controller {

struct ManagerOptions {
  Stores* stores = nullptr;  // borrowed
  std::string data_dir;
  std::optional<EventTime> as_of;  // see Context
  int64_t cores = 0;               // tasks at once; 0: the machine's
  // Others write to the store without our admission (kubectl): each resource is checked before it is worked
  // on.
  bool recheck = false;
};

struct Controller;

class Manager {
 public:
  static Result<std::unique_ptr<Manager>> Start(ManagerOptions options);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Look at this resource soon: for changes that no watch shows.
  void Enqueue(const resource::ResourceKey& key);
  // An alias or a version of a model has changed, or is about to.
  void ModelChanged(const std::string& project, const std::string& model);

  // The plan of a FeatureService as its definition is now; Unavailable while
  // something that it needs is not there yet.
  Result<feature::ServicePlanPtr> ServicePlan(const std::string& project, const std::string& service);

  // What runs now, by "Kind/project/name".
  std::map<std::string, TaskView> Running() const;

  // Ends running tasks (a training child included) and waits for them.
  void Stop();

 private:
  explicit Manager(const ManagerOptions& options);
  Status ForgetLastLife();
  void WatchLoop(const std::stop_token& stop);
  Status WatchOnce(const std::stop_token& stop);
  void ReconcileLoop(const std::stop_token& stop);
  void Reconcile(const std::string& key);
  Result<Micros> ReconcileChecked(const Controller& controller, const resource::Resource& resource);
  Status SayInvalid(const resource::Resource& resource, const Status& wrong);
  Result<Micros> Step(const Controller& controller, const resource::Resource& resource);
  Result<Micros> Delete(const Controller& controller, const resource::Resource& resource);
  void EnqueueWithNeighbours(const resource::ResourceKey& key);

  WorkQueue queue_;
  TaskSet tasks_;
  TaskSet runs_;
  Context context_;

  mutable std::mutex mutex_;
  Neighbours neighbours_;             // of what the watch has shown
  std::set<std::string> invalid_;     // keys that wait for a change of anything
  std::optional<Recheck> recheck_;    // of the reconciler's thread
  std::atomic<uint64_t> changes_{0};  // that the watch has told, but for those of runs

  std::jthread watcher_;
  std::jthread reconciler_;
};

}  // namespace millrace::controller
