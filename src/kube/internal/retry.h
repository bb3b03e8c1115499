// Whether and when a call is sent again, and back-off with jitter. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/status.h"

namespace millrace::kube::internal {

// What became of one attempt that failed.
struct Attempt {
  int number = 1;                                             // of this call, from 1
  bool idempotent = true;                                     // the call may take effect twice
  bool reached = false;                                       // its bytes may have reached the server
  int http_status = 0;                                        // of the answer; 0: there was none
  std::optional<std::chrono::milliseconds> retry_after = {};  // as the server asks
};

inline constexpr int kMaxAttempts = 8;

// How long to wait before the call is sent again; none: it has failed.
//   no answer        again when it cannot have arrived, or may arrive twice
//   429              again: the server has not begun it
//   500 502 503 504  again when it may arrive twice, or the server names a time (503)
// Waits double from 50 ms to 5 s, times 0.5…1.5 by `random` in [0, 1); a time
// that the server names is kept, with up to a quarter more, and at most a minute.
std::optional<std::chrono::milliseconds> RetryDelay(const Attempt& attempt, double random);

// Waits that double from `first` to `most`, times 0.5…1.5.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most) : first_(first), most_(most) {}
  std::chrono::milliseconds Next(double random);
  void Reset() { failures_ = 0; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds most_;
  int failures_ = 0;
};

}  // namespace millrace::kube::internal
