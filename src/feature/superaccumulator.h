// Superaccumulator: a fixed-point number so wide that any sum of doubles, or of
// their squares, is exact in it (Kulisch and Miranker 1986; see exact_sum.h).
//
// Two's complement in little-endian words; the unit is 2^kLowest. Adding touches
// two or three words and ripples the carry as far as it goes. The words are a
// function of the sum alone, so equal sums are equal bit for bit.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "feature/exact_sum.h"

namespace millrace::feature {

template <int kLowestExponent, size_t kWordCount>
class Superaccumulator {
 public:
  static constexpr int kLowest = kLowestExponent;
  static constexpr size_t kWords = kWordCount;
  using Words = std::array<uint64_t, kWords>;

  // Adds ±magnitude × 2^exponent. Precondition: exponent ≥ kLowest.
  void Add(UInt128 magnitude, int exponent, bool negative) {
    const int place = exponent - kLowest;
    const size_t word = static_cast<size_t>(place / 64);
    const int offset = place % 64;
    const uint64_t low = static_cast<uint64_t>(magnitude);
    const uint64_t high = static_cast<uint64_t>(magnitude >> 64);
    const uint64_t parts[3] = {low << offset, offset == 0 ? high : (high << offset) | (low >> (64 - offset)),
                               offset == 0 ? 0 : high >> (64 - offset)};
    AddWords(parts, word, negative);
  }

  // Adds ±words × 2^(kLowest + 64 × first).
  void AddWords(std::span<const uint64_t> words, size_t first, bool negative) {
    uint64_t carry = negative ? 1 : 0;
    for (size_t i = first; i < kWords; ++i) {
      const size_t from = i - first;
      const bool beyond = from >= words.size();
      // Subtracting is adding the complement and one; beyond the words it is all ones.
      if (beyond && carry == (negative ? 1 : 0)) return;
      const uint64_t word = beyond ? 0 : words[from];
      const UInt128 sum = static_cast<UInt128>(words_[i]) + (negative ? ~word : word) + carry;
      words_[i] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
  }

  bool IsNegative() const { return words_[kWords - 1] >> 63 != 0; }
  bool IsZero() const {
    return std::all_of(words_.begin(), words_.end(), [](uint64_t word) { return word == 0; });
  }
  Words Magnitude() const {
    if (!IsNegative()) return words_;
    Superaccumulator negated;
    negated.AddWords(words_, 0, true);
    return negated.words_;
  }
  const Words& words() const { return words_; }
  void Clear() { words_.fill(0); }

 private:
  Words words_{};
};

// The places of the lowest and the highest set bit of a magnitude that is not 0,
// as exponents: it is an integer × 2^low, below 2^high.
struct BitRange {
  int low;
  int high;
};
inline BitRange RangeOf(std::span<const uint64_t> magnitude, int unit) {
  size_t first = 0;
  while (magnitude[first] == 0) ++first;
  size_t last = magnitude.size() - 1;
  while (magnitude[last] == 0) --last;
  return {unit + static_cast<int>(first) * 64 + std::countr_zero(magnitude[first]),
          unit + static_cast<int>(last + 1) * 64 - std::countl_zero(magnitude[last])};
}

// The 64 bits of a magnitude from `bit` on; zeros beyond its end.
inline uint64_t WordAt(std::span<const uint64_t> magnitude, int bit) {
  const size_t word = static_cast<size_t>(bit / 64);
  const int offset = bit % 64;
  if (word >= magnitude.size()) return 0;
  uint64_t bits = magnitude[word] >> offset;
  if (offset != 0 && word + 1 < magnitude.size()) bits |= magnitude[word + 1] << (64 - offset);
  return bits;
}

namespace exact_internal {

// What ExactSum keeps on the heap: 2^-1074 up to 2^1102 holds any sum of 2^63
// doubles. Counts may be negative while removals are ahead of additions.
struct WideSum {
  Superaccumulator<-1074, 34> finite;
  int64_t nans = 0;
  int64_t positive_infinities = 0;
  int64_t negative_infinities = 0;

  bool HasSpecial() const { return nans != 0 || positive_infinities != 0 || negative_infinities != 0; }
};

}  // namespace exact_internal
}  // namespace millrace::feature
