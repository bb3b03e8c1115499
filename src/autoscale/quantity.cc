#include "autoscale/quantity.h"

#include <fmt/format.h>

namespace millrace::autoscale {
namespace {

std::string WithoutTrailingZeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace

std::string FormatMilli(Milli value) {
  const bool negative = value < 0;
  const uint64_t magnitude = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  return WithoutTrailingZeros(
      fmt::format("{}{}.{:03}", negative ? "-" : "", magnitude / 1000, magnitude % 1000));
}

std::string FormatReal(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : (value > 0 ? "infinite" : "-infinite");
  if (std::abs(value) >= 1e15) return fmt::format("{:g}", value);
  return WithoutTrailingZeros(fmt::format("{:.3f}", value));
}

std::string Replicas(int64_t count) {
  return fmt::format("{} {}", count, count == 1 ? "replica" : "replicas");
}

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

}  // namespace millrace::autoscale
