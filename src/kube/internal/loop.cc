#include "kube/internal/loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

namespace millrace::kube::internal {

Cancellation::Cancellation(Loop& loop) : loop_(loop), cancelled_(loop.stopping_) {
  loop_.cancellations_.insert(this);
}

Cancellation::~Cancellation() { loop_.cancellations_.erase(this); }

void Cancellation::Cancel() {
  if (std::exchange(cancelled_, true)) return;
  if (hook_) hook_();
}

Loop::Loop() : work_(asio::make_work_guard(context_)), thread_([this] { context_.run(); }) {}

void Loop::Post(std::function<void()> work) { asio::post(context_, std::move(work)); }

void Loop::Spawn(std::function<Task<void>()> coroutine) {
  asio::co_spawn(context_, std::move(coroutine), asio::detached);
}

void Loop::Shutdown() {
  if (!thread_.joinable()) return;
  Post([this] {
    stopping_ = true;
    // A hook may end others; those that are new begin called off.
    const std::vector<Cancellation*> all(cancellations_.begin(), cancellations_.end());
    for (Cancellation* cancellation : all) {
      if (cancellations_.contains(cancellation)) cancellation->Cancel();
    }
    work_.reset();
  });
  thread_.join();
}

Task<bool> Loop::Sleep(Cancellation& cancellation, std::chrono::nanoseconds duration) {
  if (cancellation.cancelled()) co_return false;
  asio::steady_timer timer(context_, std::chrono::duration_cast<asio::steady_timer::duration>(duration));
  CancelHook hook(cancellation, [&timer] { timer.cancel(); });
  boost::system::error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  co_await timer.async_wait(token);
  co_return !cancellation.cancelled();
}

void Signal::Notify() {
  for (asio::steady_timer* timer : waiting_) timer->cancel();
}

Task<void> Signal::Wait(Cancellation& cancellation, TimePoint deadline) {
  if (cancellation.cancelled()) co_return;
  asio::steady_timer timer(loop_.context(), deadline);
  const auto place = waiting_.insert(waiting_.end(), &timer);
  CancelHook hook(cancellation, [&timer] { timer.cancel(); });
  boost::system::error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  co_await timer.async_wait(token);
  waiting_.erase(place);
}

}  // namespace millrace::kube::internal
