// Loop: the client's one I/O thread and what coroutines on it need: timers that
// can be called off, and a signal to wait for.
//
// Asio's headers come in here; only files of this folder and the .cc files that
// hold coroutines include it. A coroutine's awaited arguments are named locals:
// GCC 12 destroys temporaries inside a co_await expression twice.
//
// Everything but Post, Spawn, OnLoop and Shutdown is for the loop's thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace millrace::kube::internal {

namespace asio = boost::asio;
template <typename T>
using Task = asio::awaitable<T>;
using TimePoint = std::chrono::steady_clock::time_point;
inline constexpr TimePoint kNever = TimePoint::max();

class Loop;

// Calls one coroutine off, wherever it waits. The loop calls all off at its end.
class Cancellation {
 public:
  explicit Cancellation(Loop& loop);
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  bool cancelled() const { return cancelled_; }
  void Cancel();

 private:
  friend class CancelHook;
  Loop& loop_;
  bool cancelled_ = false;
  std::function<void()> hook_;
};

// While it lives, `hook` is what ends the coroutine's wait.
class CancelHook {
 public:
  CancelHook(Cancellation& cancellation, std::function<void()> hook)
      : cancellation_(cancellation), outer_(std::exchange(cancellation.hook_, std::move(hook))) {}
  ~CancelHook() { cancellation_.hook_ = std::move(outer_); }
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  Cancellation& cancellation_;
  std::function<void()> outer_;
};

class Loop {
 public:
  Loop();
  ~Loop() { Shutdown(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  asio::io_context& context() { return context_; }
  bool OnLoop() const { return std::this_thread::get_id() == thread_.get_id(); }
  void Post(std::function<void()> work);
  // Runs a coroutine; what the function holds lives until it ends.
  void Spawn(std::function<Task<void>()> coroutine);

  // Calls every Cancellation off, lets all coroutines end, and ends the thread.
  void Shutdown();
  bool stopping() const { return stopping_; }

  // False when called off.
  Task<bool> Sleep(Cancellation& cancellation, std::chrono::nanoseconds duration);

 private:
  friend class Cancellation;

  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  bool stopping_ = false;
  std::set<Cancellation*> cancellations_;
  std::thread thread_;
};

// Wakes all who wait for it.
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(loop) {}
  void Notify();
  // Returns when notified, called off, or at the deadline.
  Task<void> Wait(Cancellation& cancellation, TimePoint deadline);

 private:
  Loop& loop_;
  std::list<asio::steady_timer*> waiting_;
};

}  // namespace millrace::kube::internal
