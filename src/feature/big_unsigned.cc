#include "feature/big_unsigned.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/status.h"
#include "feature/exact_sum.h"

namespace millrace::feature {
namespace {

constexpr int kWordBits = 64;
constexpr int kSmallestExponent = -1074;

int BitLengthOf(std::span<const uint64_t> words) {
  for (size_t i = words.size(); i > 0; --i) {
    if (words[i - 1] != 0) {
      return static_cast<int>(i) * kWordBits - std::countl_zero(words[i - 1]);
    }
  }
  return 0;
}

// The 64 bits that start at `bit`.
uint64_t BitsAt(std::span<const uint64_t> words, int bit) {
  const size_t word = static_cast<size_t>(bit / kWordBits);
  const int offset = bit % kWordBits;
  uint64_t bits = words[word] >> offset;
  if (offset != 0 && word + 1 < words.size()) bits |= words[word + 1] << (kWordBits - offset);
  return bits;
}

bool AnyBitBelow(std::span<const uint64_t> words, int bit) {
  const size_t word = static_cast<size_t>(bit / kWordBits);
  const auto whole = words.first(word);
  if (std::any_of(whole.begin(), whole.end(), [](uint64_t w) { return w != 0; })) return true;
  const int offset = bit % kWordBits;
  return offset != 0 && (words[word] << (kWordBits - offset)) != 0;
}

}  // namespace

double RoundWords(std::span<const uint64_t> words, int exponent, bool more) {
  const int length = BitLengthOf(words);
  if (length == 0) return 0.0;
  // The place of the result's last bit: 53 significant bits, or what subnormals have.
  const int last = std::max(length + exponent - 53, kSmallestExponent);
  const int dropped = last - exponent;
  if (dropped <= 0) return std::ldexp(static_cast<double>(words[0]), exponent);
  if (dropped > length) return 0.0;
  uint64_t mantissa = dropped == length ? 0 : BitsAt(words, dropped);
  const bool half = (BitsAt(words, dropped - 1) & 1) != 0;
  if (half && (more || AnyBitBelow(words, dropped - 1) || (mantissa & 1) != 0)) ++mantissa;
  return std::ldexp(static_cast<double>(mantissa), last);
}

BigUnsigned::BigUnsigned(std::span<const uint64_t> words) : size_(words.size()) {
  MR_CHECK(size_ <= kCapacity, "{} words", size_);
  std::copy(words.begin(), words.end(), words_.begin());
  Trim();
}

void BigUnsigned::Trim() {
  while (size_ > 0 && words_[size_ - 1] == 0) --size_;
}

int BigUnsigned::BitLength() const { return BitLengthOf(words()); }

void BigUnsigned::ShiftLeft(int bits) {
  if (size_ == 0 || bits == 0) return;
  const size_t whole = static_cast<size_t>(bits / kWordBits);
  const int rest = bits % kWordBits;
  const size_t size = size_ + whole + 1;
  MR_CHECK(size <= kCapacity, "{} words", size);
  words_[size_] = 0;
  for (size_t i = size_ + 1; i > 0; --i) {
    const size_t from = i - 1;
    uint64_t word = words_[from] << rest;
    if (rest != 0 && from > 0) word |= words_[from - 1] >> (kWordBits - rest);
    words_[from + whole] = word;
  }
  std::fill_n(words_.begin(), whole, 0);
  size_ = size;
  Trim();
}

void BigUnsigned::Multiply(uint64_t factor) {
  uint64_t carry = 0;
  for (size_t i = 0; i < size_; ++i) {
    const UInt128 product = static_cast<UInt128>(words_[i]) * factor + carry;
    words_[i] = static_cast<uint64_t>(product);
    carry = static_cast<uint64_t>(product >> kWordBits);
  }
  if (carry != 0) {
    MR_CHECK(size_ < kCapacity, "{} words", size_ + 1);
    words_[size_++] = carry;
  }
  Trim();
}

BigUnsigned BigUnsigned::Squared() const {
  BigUnsigned square;
  square.size_ = 2 * size_;
  MR_CHECK(square.size_ <= kCapacity, "{} words", square.size_);
  std::fill_n(square.words_.begin(), square.size_, 0);
  for (size_t i = 0; i < size_; ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < size_; ++j) {
      const UInt128 term = static_cast<UInt128>(words_[i]) * words_[j] + square.words_[i + j] + carry;
      square.words_[i + j] = static_cast<uint64_t>(term);
      carry = static_cast<uint64_t>(term >> kWordBits);
    }
    square.words_[i + size_] = carry;
  }
  square.Trim();
  return square;
}

bool BigUnsigned::IsLess(const BigUnsigned& other) const {
  if (size_ != other.size_) return size_ < other.size_;
  for (size_t i = size_; i > 0; --i) {
    if (words_[i - 1] != other.words_[i - 1]) return words_[i - 1] < other.words_[i - 1];
  }
  return false;
}

bool BigUnsigned::Subtract(const BigUnsigned& other) {
  if (IsLess(other)) return false;
  uint64_t borrow = 0;
  for (size_t i = 0; i < size_; ++i) {
    const UInt128 taken = static_cast<UInt128>(i < other.size_ ? other.words_[i] : 0) + borrow;
    borrow = words_[i] < taken ? 1 : 0;
    words_[i] -= static_cast<uint64_t>(taken);
  }
  Trim();
  return true;
}

uint64_t BigUnsigned::Divide(uint64_t divisor) {
  MR_CHECK(divisor != 0, "division by zero");
  UInt128 remainder = 0;
  for (size_t i = size_; i > 0; --i) {
    const UInt128 dividend = (remainder << kWordBits) | words_[i - 1];
    words_[i - 1] = static_cast<uint64_t>(dividend / divisor);
    remainder = dividend % divisor;
  }
  Trim();
  return static_cast<uint64_t>(remainder);
}

}  // namespace millrace::feature
