// The seam through which time comes in: real in the product, set by hand in
// tests and the simulator. Implementations are safe to share between threads.
#pragma once

#include <chrono>

#include "base/time.h"

namespace millrace {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, UTC. May step.
  virtual EventTime Now() const = 0;
  // Never goes back; for deadlines and latencies.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
};

// The machine's clock; lives as long as the process.
const Clock& SystemClock();

// A clock that stands still until Advance. Not for concurrent Advance and Now.
class FakeClock : public Clock {
 public:
  explicit FakeClock(EventTime now) : now_(now) {}
  EventTime Now() const override { return now_; }
  std::chrono::steady_clock::time_point Steady() const override { return steady_; }
  void Advance(Micros by) {
    now_ = now_ + by;
    steady_ += by;
  }

 private:
  EventTime now_;
  std::chrono::steady_clock::time_point steady_{};
};

}  // namespace millrace
