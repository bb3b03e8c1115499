// Random numbers in whole numbers only, so that a seed gives the same draws on
// every platform, compiler and processor. Private to src/source.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace millrace::source::internal {

// xoshiro256++ (David Blackman, Sebastiano Vigna: "Scrambled linear pseudorandom
// number generators", 2019), seeded by splitmix64 as its authors recommend.
class Random {
 public:
  // Streams of one seed are independent for all that matters here.
  Random(uint64_t seed, uint64_t stream) {
    uint64_t x = seed * 0x9E3779B97F4A7C15u + stream;
    for (uint64_t& word : state_) {
      x += 0x9E3779B97F4A7C15u;
      uint64_t z = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      word = z ^ (z >> 31);
    }
  }

  // A state of one's own, not all zero.
  explicit Random(const std::array<uint64_t, 4>& state) : state_(state) {}

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

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

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace millrace::source::internal
