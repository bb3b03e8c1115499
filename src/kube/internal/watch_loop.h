// The coroutine of watches and informers.
#pragma once

#include <functional>
#include <memory>

#include "kube/internal/core.h"
#include "kube/watch.h"

// GCC 12 takes Asio's own operator delete of coroutine frames for a mismatch when it
// inlines one of the two: a false alarm, so it is off in the files that include this.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace millrace::kube::internal {

// Watches from `options.resource_version` until it expires, is refused or called
// off (Cancelled), and tells which. Connects again after anything else.
Task<Status> WatchLoop(Core& core, WatchOptions options, std::function<void(WatchEvent)> on_event,
                       Cancellation& cancellation);

// A coroutine that an object owns and ends: Stop calls it off and waits, unless it
// is called from the coroutine itself (a callback), which then ends when it returns.
class Fiber {
 public:
  explicit Fiber(Core& core) : core_(core) {}
  // `work` runs once on the loop's thread. `keep` lives until it has ended.
  void Start(std::function<Task<void>(Cancellation&)> work, std::shared_ptr<void> keep);
  void Stop();

 private:
  struct Shared;
  Core& core_;
  std::shared_ptr<Shared> shared_;  // shared with the coroutine
};

}  // namespace millrace::kube::internal
