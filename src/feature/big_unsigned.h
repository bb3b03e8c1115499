// BigUnsigned: exact non-negative integers of up to 6,400 bits, on the stack.
//
// What variances need of exact arithmetic and no more: shift, multiply,
// subtract, divide by one word, and round once to a double. Little-endian words
// of 64 bits. Results beyond the capacity are a broken invariant and end the
// process. Algorithms: D. E. Knuth, "The Art of Computer Programming" 2, 4.3.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::feature {

// words × 2^exponent as a double, rounded once to nearest even, also where the
// result is subnormal; beyond the largest double it is infinity. `more` says that
// the true magnitude is larger by less than one unit of the last word, which
// needs at least 65 significant bits in `words`.
double RoundWords(std::span<const uint64_t> words, int exponent, bool more = false);

class BigUnsigned {
 public:
  static constexpr size_t kCapacity = 100;  // words

  BigUnsigned() = default;
  explicit BigUnsigned(std::span<const uint64_t> words);

  bool IsZero() const { return size_ == 0; }
  int BitLength() const;
  std::span<const uint64_t> words() const { return {words_.data(), size_}; }

  void ShiftLeft(int bits);
  void Multiply(uint64_t factor);
  BigUnsigned Squared() const;
  // False, and then nothing is changed, when `other` is larger.
  [[nodiscard]] bool Subtract(const BigUnsigned& other);
  // Divides by `divisor`, which is not 0, and returns the remainder.
  uint64_t Divide(uint64_t divisor);

 private:
  bool IsLess(const BigUnsigned& other) const;
  void Trim();

  std::array<uint64_t, kCapacity> words_;  // beyond size_: undefined
  size_t size_ = 0;                        // the highest word is not 0
};

}  // namespace millrace::feature
