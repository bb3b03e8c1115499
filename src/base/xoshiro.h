// xoshiro256++: a seed gives the same 64-bit draws on every platform. For data
// that is made and for simulations, never for secrets (base/id.h is for those).
//
// Source: David Blackman, Sebastiano Vigna, "Scrambled linear pseudorandom number
// generators", 2019; seeded by splitmix64, as its authors recommend.
//
//   Xoshiro256 draws(/*seed=*/7, /*stream=*/0);
//   const uint64_t bits = draws.Next();
//
// A value; one thread at a time.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace millrace {

class Xoshiro256 {
 public:
  // Streams of one seed are independent for all that matters here.
  Xoshiro256(uint64_t seed, uint64_t stream) {
    uint64_t x = seed * 0x9E3779B97F4A7C15u + stream;
    for (uint64_t& word : state_) {
      x += 0x9E3779B97F4A7C15u;
      uint64_t z = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      word = z ^ (z >> 31);
    }
  }

  // A state of one's own, not all zero.
  explicit Xoshiro256(const std::array<uint64_t, 4>& state) : state_(state) {}

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

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace millrace
