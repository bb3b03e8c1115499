// The simulator's seam for randomness: a seed gives the same draws every time.
// Private to src/autoscale. One thread at a time.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace millrace::autoscale::internal {

// xoshiro256++ (David Blackman, Sebastiano Vigna: "Scrambled linear pseudorandom
// number generators", 2019), seeded by splitmix64 as its authors recommend.
class Random {
 public:
  Random(uint64_t seed, uint64_t stream) {
    uint64_t x = seed * 0x9E3779B97F4A7C15u + stream;
    for (uint64_t& word : state_) {
      x += 0x9E3779B97F4A7C15u;
      uint64_t z = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      word = z ^ (z >> 31);
    }
  }

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

  // In (0, 1]: its logarithm is finite.
  double Uniform() { return static_cast<double>((Next() >> 11) + 1) * 0x1.0p-53; }
  double Between(double low, double high) { return low + (high - low) * Uniform(); }
  // With mean 1.
  double Exponential() { return -std::log(Uniform()); }
  // Box and Muller, one of the two.
  double Normal() {
    const double radius = std::sqrt(2 * Exponential());
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace millrace::autoscale::internal
