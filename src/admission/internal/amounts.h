// Amounts of the resources that one scheduler knows, by the resource's index.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "admission/types.h"

namespace millrace::admission::internal {

inline constexpr size_t kResources = static_cast<size_t>(kMostResources);
using Amounts = std::array<int64_t, kResources>;

inline Amounts Add(const Amounts& a, const Amounts& b, int64_t times = 1) {
  Amounts sum;
  for (size_t r = 0; r < kResources; ++r) sum[r] = a[r] + b[r] * times;
  return sum;
}

inline Amounts Least(const Amounts& a, const Amounts& b) {
  Amounts least;
  for (size_t r = 0; r < kResources; ++r) least[r] = std::min(a[r], b[r]);
  return least;
}

// How many times `one` goes into `free`, `most` at most.
inline int64_t Times(const Amounts& free, const Amounts& one, int64_t most) {
  for (size_t r = 0; r < kResources; ++r) {
    if (one[r] > 0 && free[r] < one[r]) return 0;  // before any division
  }
  for (size_t r = 0; r < kResources; ++r) {
    if (one[r] > 0) most = std::min(most, free[r] / one[r]);
  }
  return most;
}

// The resource of which `part` takes most of `whole`, and how much: a number to compare by.
inline double DominantShare(const Amounts& part, const Amounts& whole) {
  double share = 0;
  for (size_t r = 0; r < kResources; ++r) {
    if (part[r] <= 0) continue;
    const double all = static_cast<double>(std::max<int64_t>(whole[r], 1));
    share = std::max(share, static_cast<double>(part[r]) / all);
  }
  return share;
}

}  // namespace millrace::admission::internal
