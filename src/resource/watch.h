// Watch: the changes of resources from a stated version on, in order.
//
//   MR_ASSIGN_OR_RETURN(auto watch, store.StartWatch({.kind = "Model", .resource_version =
//   list.resource_version})); for (;;) {
//     auto event = watch->Next(std::chrono::steady_clock::now() + 30s);
//     if (!event.ok()) …                       // Expired: list again; Cancelled: Stop or the store's end
//     if (!event->has_value()) continue;       // nothing until the deadline
//   }
//
// A Watch outlives neither Stop nor its store's end: both make Next return
// Cancelled. It holds at most a bounded number of events; one that is read too
// slowly ends as Expired. All functions are thread safe; events go to whoever
// asks first.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/status.h"
#include "resource/resource.h"

namespace millrace::resource {

enum class EventType : uint8_t { kAdded, kModified, kDeleted, kBookmark };
std::string_view EventTypeName(EventType type);  // "ADDED", …

struct WatchEvent {
  EventType type = EventType::kAdded;
  Resource resource;  // its resource_version is the event's; a bookmark has nothing else
};

// A watch or a continued list asked for a version that is no longer kept
// (HTTP 410 Gone, reason Expired): list again and watch from there.
Status Expired(std::string_view what);
bool IsExpired(const Status& status);

class Watch {
 public:
  static constexpr size_t kMaxQueued = 10'000;

  // The next event; none when `deadline` passes first.
  Result<std::optional<WatchEvent>> Next(std::chrono::steady_clock::time_point deadline);
  // The next event if there is one now.
  Result<std::optional<WatchEvent>> TryNext();
  // A bookmark at the version up to which everything was delivered.
  WatchEvent Bookmark();
  // Called, from the writer's thread and without any lock held, whenever there
  // may be something for TryNext: post to your executor and return. It is called
  // once right away if there already is something.
  void OnReady(std::function<void()> callback);
  void Stop();
  bool stopped() const;

  // For stores: adds an event (or, without one, only notes the version), or ends the watch.
  // What is there at the start of a watch is not bounded by kMaxQueued.
  void Push(std::optional<WatchEvent> event, const std::string& version, bool bounded = true);
  void End(Status status);
  // Runs the callback of OnReady.
  void Notify();

 private:
  Result<std::optional<WatchEvent>> Take();  // with mutex_ held

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<WatchEvent> queue_;
  std::string seen_version_;       // of the newest event pushed
  std::string delivered_version_;  // of the newest event taken
  Status end_;
  std::function<void()> callback_;
};

}  // namespace millrace::resource
