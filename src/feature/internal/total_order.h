// Doubles as integers of the same order: -inf < … < -0.0 < 0.0 < … < inf < NaN.
// min and max over these are the same whatever the order of arrival.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace millrace::feature {

inline int64_t OrderedBits(double value) {
  if (std::isnan(value)) return std::numeric_limits<int64_t>::max();
  const int64_t bits = std::bit_cast<int64_t>(value);
  return bits ^ static_cast<int64_t>(static_cast<uint64_t>(bits >> 63) >> 1);
}

inline double FromOrderedBits(int64_t ordered) {
  if (ordered == std::numeric_limits<int64_t>::max()) return std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<double>(ordered ^ static_cast<int64_t>(static_cast<uint64_t>(ordered >> 63) >> 1));
}

}  // namespace millrace::feature
