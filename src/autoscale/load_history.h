// What was to be done in each second of the last hour: the means over the
// windows that autoscalers look at. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/civil_time.h"
#include "base/time.h"

namespace millrace::autoscale {

class LoadHistory {
 public:
  struct Second {
    double outstanding = 0;  // mean of requests in flight and waiting
    double busy = 0;         // mean of requests in flight
    double arrivals = 0;
  };

  // The second that has just ended.
  void Add(const Second& second) { seconds_[static_cast<size_t>(count_++ % kKept)] = second; }

  bool empty() const { return count_ == 0; }
  // Means over the last whole seconds within `window`, `ago` before the end; fewer when there are fewer.
  Second Mean(Micros window, Micros ago = Micros(0)) const {
    const int64_t last = std::max<int64_t>(0, count_ - ago.count() / kSecondMicros);
    const int64_t wanted = std::max<int64_t>(1, window.count() / kSecondMicros);
    const int64_t first = std::max({int64_t{0}, last - wanted, count_ - kKept});
    Second mean;
    for (int64_t i = first; i < last; ++i) {
      const Second& second = seconds_[static_cast<size_t>(i % kKept)];
      mean.outstanding += second.outstanding;
      mean.busy += second.busy;
      mean.arrivals += second.arrivals;
    }
    const double n = static_cast<double>(std::max<int64_t>(1, last - first));
    return {mean.outstanding / n, mean.busy / n, mean.arrivals / n};
  }

 private:
  static constexpr int64_t kKept = 3600;
  std::array<Second, static_cast<size_t>(kKept)> seconds_{};
  int64_t count_ = 0;
};

}  // namespace millrace::autoscale
