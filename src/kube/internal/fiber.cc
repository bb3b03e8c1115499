#include <condition_variable>
#include <mutex>

#include "kube/internal/watch_loop.h"

namespace millrace::kube::internal {

struct Fiber::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  bool stop = false;                     // of the loop's thread
  Cancellation* cancellation = nullptr;  // of the loop's thread, while the coroutine runs
};

void Fiber::Start(std::function<Task<void>(Cancellation&)> work, std::shared_ptr<void> keep) {
  shared_ = std::make_shared<Shared>();
  Core& core = core_;
  core.loop().Spawn([&core, shared = shared_, work = std::move(work), keep]() -> Task<void> {
    {
      Cancellation cancellation(core.loop());
      shared->cancellation = &cancellation;
      if (shared->stop) cancellation.Cancel();
      co_await work(cancellation);
      shared->cancellation = nullptr;
    }
    const std::lock_guard lock(shared->mutex);
    shared->ended = true;
    shared->changed.notify_all();
  });
}

void Fiber::Stop() {
  if (!shared_) return;
  const auto cancel = [shared = shared_] {
    shared->stop = true;
    if (shared->cancellation != nullptr) shared->cancellation->Cancel();
  };
  if (core_.loop().OnLoop()) {
    cancel();
    return;
  }
  core_.loop().Post(cancel);
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [this] { return shared_->ended; });
}

}  // namespace millrace::kube::internal
