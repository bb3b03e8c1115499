#include "kube/internal/retry.h"

#include <algorithm>
#include <cmath>

namespace millrace::kube::internal {
namespace {

using std::chrono::milliseconds;

bool MayRetry(const Attempt& attempt) {
  switch (attempt.http_status) {
    case 0:
      return attempt.idempotent || !attempt.reached;
    case 429:
      return true;
    case 503:
      return attempt.idempotent || attempt.retry_after.has_value();
    case 500:
    case 502:
    case 504:
      return attempt.idempotent;
    default:
      return false;
  }
}

}  // namespace

milliseconds Backoff::Next(double random) {
  const double factor = std::exp2(std::min(failures_++, 20));
  const double wait =
      std::min(static_cast<double>(first_.count()) * factor, static_cast<double>(most_.count()));
  return milliseconds(std::llround(wait * (0.5 + random)));
}

std::optional<milliseconds> RetryDelay(const Attempt& attempt, double random) {
  if (attempt.number >= kMaxAttempts || !MayRetry(attempt)) return std::nullopt;
  if (attempt.retry_after) {
    const milliseconds asked = std::clamp(*attempt.retry_after, milliseconds(10), milliseconds(60000));
    return asked + milliseconds(std::llround(static_cast<double>(asked.count()) * 0.25 * random));
  }
  const double wait = std::min(50 * std::exp2(attempt.number - 1), 5000.0);
  return milliseconds(std::llround(wait * (0.5 + random)));
}

}  // namespace millrace::kube::internal
