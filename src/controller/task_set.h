// TaskSet: long work beside the reconcilers, at most one task a resource.
//
// A reconciler never blocks: it starts a task for an *input* (a digest of what
// the task was started for), and sees in its next observation whether the task
// runs, how far it is, and how it ended. A task's lasting effects are in the
// stores; what is remembered here may be lost at any moment, and then the work
// is simply started again.
//
// Thread safe. Tasks run on threads of their own; at most `limit` at once do
// heavy work, the others wait for a turn in the order of their start.
//
//   tasks.Start("default/DataSource/transactions", digest, [=](TaskContext& task) -> Status {
//     task.Report("reading files", rows, total);
//     if (task.stopped()) return Cancelled("called off");
//     …
//   });
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/status.h"
#include "base/time.h"

namespace millrace::controller {

// How a task stands. Units: `done` and `total` count what `stage` names.
struct TaskView {
  std::string input;
  bool running = false;
  std::string stage;  // "reading files"; "" before the first report
  int64_t done = 0;
  int64_t total = 0;     // 0: unknown
  Micros elapsed{0};     // since the stage began
  Status result;         // once it no longer runs
  int64_t failures = 0;  // in a row, for this input
  Micros ended_ago{0};   // once it no longer runs
};

class TaskContext {
 public:
  TaskContext() = default;
  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;

  void Report(const std::string& stage, int64_t done, int64_t total);
  bool stopped() const { return stop_.stop_requested(); }
  std::stop_token stop_token() const { return stop_.get_token(); }

 private:
  friend class TaskSet;
  std::mutex mutex_;
  std::stop_source stop_;
  std::string stage_;
  int64_t done_ = 0;
  int64_t total_ = 0;
  std::chrono::steady_clock::time_point stage_began_ = std::chrono::steady_clock::now();
};

class TaskSet {
 public:
  using Work = std::function<Status(TaskContext&)>;

  struct Options {
    int64_t limit = 2;                                  // tasks at once
    std::function<void(const std::string& key)> ended;  // called from the task's thread when it has ended
  };

  explicit TaskSet(Options options) : options_(std::move(options)) {}
  ~TaskSet() { Stop(); }

  // False when a task of this key still runs.
  bool Start(const std::string& key, const std::string& input, Work work);
  // Asks the key's task to end; it does so in its own time.
  void Cancel(const std::string& key);
  // Cancel, and once it has ended it is as if it never was: the key's resource is gone.
  void Forget(const std::string& key);
  std::optional<TaskView> Find(const std::string& key) const;
  // Every running task by its key.
  std::map<std::string, TaskView> Running() const;
  // Asks all to end and waits for them; nothing starts afterwards.
  void Stop();

 private:
  struct Task {
    std::string input;
    TaskContext context;
    std::thread thread;
    bool running = true;
    bool forgotten = false;
    Status result;
    int64_t failures = 0;
    std::chrono::steady_clock::time_point ended;
  };

  void Run(const std::string& key, Task& task, const Work& work);
  static TaskView ViewOf(Task& task);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable_any turn_;
  int64_t active_ = 0;
  uint64_t next_ticket_ = 0;
  std::deque<uint64_t> waiting_;
  bool stopping_ = false;
  std::map<std::string, std::unique_ptr<Task>> tasks_;
};

}  // namespace millrace::controller
