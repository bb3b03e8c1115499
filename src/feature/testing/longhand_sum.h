// LonghandSum: the sum of doubles, worked out as one would on squared paper.
//
// An oracle for tests of exact_sum.h that shares no code or idea with it: one
// column for each power of two, a count in each column, carries done at the end,
// and rounding by looking at the digits.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace millrace::feature::testing {

class LonghandSum {
 public:
  void Add(double x) { Count(x, 1); }
  void Remove(double x) { Count(x, -1); }

  double value() const {
    if (nans_ != 0 || (plus_ != 0 && minus_ != 0)) return std::numeric_limits<double>::quiet_NaN();
    if (plus_ != 0) return std::numeric_limits<double>::infinity();
    if (minus_ != 0) return -std::numeric_limits<double>::infinity();
    std::vector<int64_t> digits = columns_;
    bool negative = false;
    if (Carry(digits) < 0) {
      negative = true;
      digits = columns_;
      for (int64_t& digit : digits) digit = -digit;
      Carry(digits);
    }
    const double magnitude = Round(digits);
    return negative ? -magnitude : magnitude;
  }

 private:
  static constexpr int kLowest = -1074;
  static constexpr size_t kColumns = 2200;

  void Count(double x, int64_t times) {
    if (std::isnan(x)) {
      nans_ += times;
    } else if (std::isinf(x)) {
      (x > 0 ? plus_ : minus_) += times;
    } else {
      if (x < 0) times = -times;
      int exponent = 0;
      double fraction = std::frexp(std::fabs(x), &exponent);
      while (fraction != 0) {
        fraction *= 2;
        --exponent;
        if (fraction >= 1) {
          columns_[static_cast<size_t>(exponent - kLowest)] += times;
          fraction -= 1;
        }
      }
    }
  }

  // Makes every digit 0 or 1; returns what is left over at the top, negative for a negative number.
  static int64_t Carry(std::vector<int64_t>& digits) {
    int64_t carry = 0;
    for (int64_t& digit : digits) {
      const int64_t sum = digit + carry;
      digit = ((sum % 2) + 2) % 2;
      carry = (sum - digit) / 2;
    }
    return carry;
  }

  static double Round(const std::vector<int64_t>& digits) {
    int top = static_cast<int>(digits.size()) - 1;
    while (top >= 0 && digits[static_cast<size_t>(top)] == 0) --top;
    if (top < 0) return 0.0;
    const int last = top - 52 > 0 ? top - 52 : 0;
    double result = 0;
    for (int i = top; i >= last; --i) {
      if (digits[static_cast<size_t>(i)] != 0) result += std::ldexp(1.0, i + kLowest);
    }
    if (last == 0 || digits[static_cast<size_t>(last - 1)] == 0) return result;
    bool beyond_half = false;
    for (int i = 0; i < last - 1; ++i) beyond_half |= digits[static_cast<size_t>(i)] != 0;
    const bool odd = digits[static_cast<size_t>(last)] != 0;
    return beyond_half || odd ? result + std::ldexp(1.0, last + kLowest) : result;
  }

  std::vector<int64_t> columns_ = std::vector<int64_t>(kColumns, 0);
  int64_t nans_ = 0;
  int64_t plus_ = 0;
  int64_t minus_ = 0;
};

}  // namespace millrace::feature::testing
