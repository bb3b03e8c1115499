// The instants at which a trace's requests come, in nanoseconds from its beginning.
// Private to src/autoscale. One thread at a time; borrows the trace.
#pragma once

#include <cstdint>

#include "autoscale/internal/random.h"
#include "autoscale/trace.h"

namespace millrace::autoscale::internal {

inline constexpr int64_t kNever = INT64_MAX;

class ArrivalStream {
 public:
  ArrivalStream(const Trace& trace, uint64_t seed) : trace_(trace), random_(seed, 0) { Enter(0); }

  // The next request; kNever at the end.
  int64_t Next() {
    while (interval_ < trace_.intervals.size()) {
      if (trace_.arrivals == Arrivals::kRequest) {
        const int64_t at = begin_;
        service_ms_ = trace_.intervals[interval_].service_ms;
        Enter(interval_ + 1);
        return at;
      }
      if (trace_.arrivals == Arrivals::kRate ? NextOfRate() : NextOfCount()) {
        service_ms_ = trace_.intervals[interval_].service_ms;
        return static_cast<int64_t>(at_);
      }
      Enter(interval_ + 1);
    }
    return kNever;
  }

  // Of the request that Next gave last; 0: as the replicas' model says.
  double service_ms() const { return service_ms_; }

 private:
  void Enter(size_t interval) {
    interval_ = interval;
    if (interval >= trace_.intervals.size()) return;
    begin_ = trace_.intervals[interval].begin.count() * 1000;
    end_ = static_cast<double>(trace_.EndOf(interval).count()) * 1000;
    at_ = static_cast<double>(begin_);
    left_ = trace_.intervals[interval].value;
  }

  // A Poisson process has no memory: it may begin afresh with each interval.
  bool NextOfRate() {
    if (left_ <= 0) return false;
    at_ += random_.Exponential() * 1e9 / left_;
    return at_ < end_;
  }

  // The earliest of n instants that are spread evenly over what is left.
  bool NextOfCount() {
    if (left_ < 1) return false;
    at_ += (end_ - at_) * -std::expm1(std::log(random_.Uniform()) / left_);
    left_ -= 1;
    return true;
  }

  const Trace& trace_;
  Random random_;
  size_t interval_ = 0;
  int64_t begin_ = 0;
  double end_ = 0, at_ = 0;
  double left_ = 0;  // kRate: the rate; kCount: requests still to come
  double service_ms_ = 0;
};

}  // namespace millrace::autoscale::internal
