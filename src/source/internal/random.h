// Random numbers in whole numbers only, so that a seed gives the same draws on
// every platform, compiler and processor. Private to src/source.
#pragma once

#include <cstdint>

#include "base/xoshiro.h"

namespace millrace::source::internal {

class Random : public Xoshiro256 {
 public:
  using Xoshiro256::Xoshiro256;

  // Uniform in [0, bound), bound below 2^32: the high part of a product (Lemire 2019, without
  // the rejection, whose bias is below 2^-10 for the bounds used here).
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(((Next() >> 32) * static_cast<uint64_t>(bound)) >> 32);
  }

  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }

  // Close to normal: the sum of twelve uniform numbers, which has variance 1
  // (Irwin and Hall); never beyond six deviations.
  int64_t Normal(int64_t mean, int64_t deviation) {
    int64_t sum = 0;
    for (int word = 0; word < 3; ++word) {
      const uint64_t bits = Next();
      for (int part = 0; part < 4; ++part) sum += static_cast<int64_t>((bits >> (16 * part)) & 0xFFFF);
    }
    return mean + (deviation * (sum - 6 * 65'535)) / 65'536;
  }

  // Close to a Poisson number: of 64 trials, each succeeds with mean / 64. The
  // mean is in thousandths and at most 64,000.
  int64_t Count(int64_t mean_thousandths) {
    const auto threshold = static_cast<uint64_t>(mean_thousandths) * (uint64_t{1} << 32) / 64'000;
    int64_t count = 0;
    for (int trial = 0; trial < 32; ++trial) {
      const uint64_t bits = Next();
      count += (bits >> 32) < threshold ? 1 : 0;
      count += (bits & 0xFFFFFFFF) < threshold ? 1 : 0;
    }
    return count;
  }
};

}  // namespace millrace::source::internal
