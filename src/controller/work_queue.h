// WorkQueue: the keys of resources that want to be reconciled, each once.
//
// A key that is added while it waits stays one entry, at the earlier of the two
// times. A key whose reconcile failed comes back after a delay that doubles, on
// its own clock: one broken resource delays no other. Level-based: a key says
// that something may have changed, never what.
//
// Thread safe. Take blocks; everything else returns at once.
//
//   WorkQueue queue;
//   queue.Add("default/Model/fraud");
//   while (auto key = queue.Take(stop)) Reconcile(*key) ? queue.Forget(*key) : queue.AddFailed(*key);
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/time.h"

namespace millrace::controller {

// The delay before the retry after `failures` failures in a row (at least 1):
// 250 ms, doubling, at most 60 s.
Micros Backoff(int64_t failures);

class WorkQueue {
 public:
  // Due at once.
  void Add(const std::string& key) { AddAfter(key, Micros(0)); }
  void AddAfter(const std::string& key, Micros delay);
  // Due after the key's next back-off, which Forget resets.
  void AddFailed(const std::string& key);
  void Forget(const std::string& key);

  // The key that has been due longest; waits for one. Empty once `stop` is asked for.
  std::optional<std::string> Take(const std::stop_token& stop);

  size_t size() const;

 private:
  using Steady = std::chrono::steady_clock;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Steady::time_point> due_;
  std::map<std::string, int64_t> failures_;
};

}  // namespace millrace::controller
