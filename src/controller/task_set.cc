#include "controller/task_set.h"

#include <algorithm>
#include <utility>

namespace millrace::controller {
namespace {

using Steady = std::chrono::steady_clock;

Micros Since(Steady::time_point then) { return std::chrono::duration_cast<Micros>(Steady::now() - then); }

}  // namespace

void TaskContext::Report(const std::string& stage, int64_t done, int64_t total) {
  const std::lock_guard lock(mutex_);
  if (stage != stage_) {
    stage_ = stage;
    stage_began_ = Steady::now();
  }
  done_ = done;
  total_ = total;
}

bool TaskSet::Start(const std::string& key, const std::string& input, Work work) {
  std::thread finished;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    int64_t failures = 0;
    const auto found = tasks_.find(key);
    if (found != tasks_.end()) {
      if (found->second->running) return false;
      const bool again = found->second->input == input && !found->second->forgotten;
      if (again) failures = found->second->failures;
      finished = std::move(found->second->thread);
      tasks_.erase(found);
    }
    auto task = std::make_unique<Task>();
    task->input = input;
    task->failures = failures;
    Task& started = *task;
    tasks_.emplace(key, std::move(task));
    started.thread = std::thread([this, key, &started, work = std::move(work)] { Run(key, started, work); });
  }
  if (finished.joinable()) finished.join();
  return true;
}

void TaskSet::Run(const std::string& key, Task& task, const Work& work) {
  {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = next_ticket_++;
    waiting_.push_back(ticket);
    turn_.wait(lock, task.context.stop_token(),
               [&] { return active_ < options_.limit && waiting_.front() == ticket; });
    std::erase(waiting_, ticket);
    ++active_;
  }
  turn_.notify_all();
  Status result =
      task.context.stopped() ? Cancelled("the task was called off before it began") : work(task.context);
  {
    const std::lock_guard lock(mutex_);
    --active_;
    task.failures = result.ok() ? 0 : task.failures + 1;
    task.result = std::move(result);
    task.ended = Steady::now();
    task.running = false;
  }
  turn_.notify_all();
  if (options_.ended) options_.ended(key);
}

void TaskSet::Cancel(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(key);
  if (found != tasks_.end()) found->second->context.stop_.request_stop();
}

void TaskSet::Forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  found->second->context.stop_.request_stop();
  found->second->forgotten = true;
}

TaskView TaskSet::ViewOf(Task& task) {
  TaskView view;
  view.input = task.input;
  view.running = task.running;
  view.result = task.result;
  view.failures = task.failures;
  if (!task.running) view.ended_ago = Since(task.ended);
  const std::lock_guard lock(task.context.mutex_);
  view.stage = task.context.stage_;
  view.done = task.context.done_;
  view.total = task.context.total_;
  view.elapsed = Since(task.context.stage_began_);
  return view;
}

std::optional<TaskView> TaskSet::Find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return std::nullopt;
  if (found->second->forgotten && !found->second->running) return std::nullopt;
  return ViewOf(*found->second);
}

std::map<std::string, TaskView> TaskSet::Running() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, TaskView> running;
  for (const auto& [key, task] : tasks_) {
    if (task->running) running.emplace(key, ViewOf(*task));
  }
  return running;
}

void TaskSet::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [key, task] : tasks_) task->context.stop_.request_stop();
  }
  turn_.notify_all();
  // No task is added or removed any more, so the map may be walked without the lock.
  for (auto& [key, task] : tasks_) {
    if (task->thread.joinable()) task->thread.join();
  }
}

}  // namespace millrace::controller
