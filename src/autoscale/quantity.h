// Numbers as Kubernetes' autoscalers reckon them: quantities in thousandths
// (resource.Quantity.MilliValue), whole replicas in 32 bits. Where Go's result is
// left to the processor (overflow, a float outside the integer's range) these
// saturate, so that a decision never depends on the machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace millrace::autoscale {

// Thousandths of a unit: 500 is half a core, 20'000 is twenty requests.
using Milli = int64_t;

// "0.5", "20", "1.25".
std::string FormatMilli(Milli value);

// A real number as a person writes it: at most three decimals, no trailing zeros.
std::string FormatReal(double value);

// "1 replica", "3 replicas", "0 replicas".
std::string Replicas(int64_t count);

int64_t SaturatingAdd(int64_t a, int64_t b);

// The smallest whole number not below `value`, kept within int32. NaN is 0.
inline int32_t CeilToInt32(double value) {
  if (std::isnan(value)) return 0;
  const double up = std::ceil(value);
  if (up >= static_cast<double>(std::numeric_limits<int32_t>::max()))
    return std::numeric_limits<int32_t>::max();
  if (up <= static_cast<double>(std::numeric_limits<int32_t>::min()))
    return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(up);
}

// Towards zero, kept within int32. NaN is 0.
inline int32_t TruncateToInt32(double value) {
  return std::isnan(value) ? 0 : CeilToInt32(std::trunc(value));
}

}  // namespace millrace::autoscale
