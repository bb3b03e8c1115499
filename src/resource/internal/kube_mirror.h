// KubeMirror: all resources as the API server's watches have told them, the
// recent changes in the order of their coming, and the watches that wait for more.
//
//   informers (I/O thread) ── Put, Remove ─▶ mirror ─▶ Find, All (any thread)
//                                              │
//   our own writes ── Expect ─▶ WaitUntilShown └──▶ watches
//
// A version of the mirror is a number: what this process began with, and the
// position of the change. It means nothing to another process, which says Expired.
//
// Read your writes: whoever writes says so by Expect, and readers wait until the
// watch has told it. A write that a watch never tells (the object was gone again
// before the watch came back) is waited for kPatience and then no longer.
//
// Internal to KubeStore. Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "resource/internal/store_rules.h"
#include "resource/resource.h"
#include "resource/store.h"
#include "resource/watch.h"

namespace millrace::resource {

class KubeMirror {
 public:
  static constexpr std::chrono::seconds kPatience{10};

  explicit KubeMirror(size_t history);
  ~KubeMirror();

  // From the informers.
  void Put(Resource resource);
  void Remove(Resource last);  // as it last was

  // The server has answered that the resource is at this version now, or (Gone) no more.
  void Expect(const Resource& resource);
  void ExpectGone(const Resource& resource);
  void WaitUntilShown();

  std::optional<Resource> Find(const ResourceKey& key) const;
  // Sorted by key; "" for all. What the filter refuses isn't copied; it must not call the mirror.
  std::vector<Resource> All(const std::string& kind, const std::string& project,
                            const std::function<bool(const Resource&)>& filter = nullptr) const;
  std::string Version() const;
  Result<std::shared_ptr<Watch>> StartWatch(const WatchOptions& options);

 private:
  struct Event {
    int64_t position = 0;
    StoredEvent stored;
  };
  struct Entry {
    Resource resource;
    int64_t position = 0;  // of the change that made it so
  };
  struct Pending {
    std::string uid;
    std::string version;  // "": gone
    std::chrono::steady_clock::time_point since;
  };
  struct Subscription {
    WatchOptions options;
    LabelSelector selector;
    std::weak_ptr<Watch> watch;
  };

  // All of these with mutex_ held.
  bool Shown(const ResourceKey& key, const Pending& pending) const;
  void Settle(const ResourceKey& key);
  std::vector<std::shared_ptr<Watch>> Publish(StoredEvent event);
  std::string VersionAt(int64_t position) const;
  Result<int64_t> PositionOf(const std::string& version) const;

  const size_t history_;
  const int64_t epoch_;  // of this process

  mutable std::mutex mutex_;
  std::condition_variable shown_;
  std::map<ResourceKey, Entry> entries_;
  std::map<ResourceKey, Pending> pending_;
  int64_t position_ = 0;
  std::deque<Event> events_;  // the newest `history_`
  std::vector<Subscription> subscriptions_;
};

}  // namespace millrace::resource
