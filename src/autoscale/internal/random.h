// The simulator's seam for randomness: a seed gives the same draws every time.
// Private to src/autoscale. One thread at a time.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/xoshiro.h"

namespace millrace::autoscale::internal {

class Random : public Xoshiro256 {
 public:
  using Xoshiro256::Xoshiro256;

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
};

}  // namespace millrace::autoscale::internal
