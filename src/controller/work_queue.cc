#include "controller/work_queue.h"

#include <algorithm>

namespace millrace::controller {

Micros Backoff(int64_t failures) {
  constexpr Micros kFirst = std::chrono::milliseconds(250);
  constexpr Micros kLongest = std::chrono::seconds(60);
  const int64_t doublings = std::clamp<int64_t>(failures - 1, 0, 16);
  return std::min(kFirst * (int64_t{1} << doublings), kLongest);
}

void WorkQueue::AddAfter(const std::string& key, Micros delay) {
  const auto due = Steady::now() + delay;
  {
    const std::lock_guard lock(mutex_);
    const auto [entry, inserted] = due_.try_emplace(key, due);
    if (!inserted) {
      if (entry->second <= due) return;
      entry->second = due;
    }
  }
  changed_.notify_all();
}

void WorkQueue::AddFailed(const std::string& key) {
  int64_t failures = 0;
  {
    const std::lock_guard lock(mutex_);
    failures = ++failures_[key];
  }
  AddAfter(key, Backoff(failures));
}

void WorkQueue::Forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  failures_.erase(key);
}

std::optional<std::string> WorkQueue::Take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto next = std::min_element(due_.begin(), due_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (next == due_.end()) {
      changed_.wait(lock, stop, [this] { return !due_.empty(); });
      continue;
    }
    const auto due = next->second;
    if (due <= Steady::now()) {
      std::string key = next->first;
      due_.erase(next);
      return key;
    }
    changed_.wait_until(lock, stop, due, [this, due] {
      return std::any_of(due_.begin(), due_.end(), [due](const auto& entry) { return entry.second < due; });
    });
  }
  return std::nullopt;
}

size_t WorkQueue::size() const {
  const std::lock_guard lock(mutex_);
  return due_.size();
}

}  // namespace millrace::controller
