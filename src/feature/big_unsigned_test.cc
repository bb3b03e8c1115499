#include "feature/big_unsigned.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

#include "feature/exact_sum.h"

namespace millrace::feature {
namespace {

BigUnsigned Of(UInt128 value) {
  const uint64_t words[] = {static_cast<uint64_t>(value), static_cast<uint64_t>(value >> 64)};
  return BigUnsigned(words);
}

UInt128 Low(const BigUnsigned& number) {
  UInt128 value = 0;
  for (size_t i = 0; i < number.words().size() && i < 2; ++i) {
    value |= static_cast<UInt128>(number.words()[i]) << (64 * i);
  }
  return value;
}

TEST(BigUnsigned, AgreesWithTheCompilersIntegersWhereTheyFit) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t a = random() >> (random() % 64);
    const uint64_t b = (random() >> (random() % 64)) | 1;
    BigUnsigned number = Of(a);
    number.Multiply(b);
    ASSERT_EQ(Low(number), static_cast<UInt128>(a) * b);
    ASSERT_EQ(Low(Of(a).Squared()), static_cast<UInt128>(a) * a);
    const uint64_t divisor = (random() >> (random() % 64)) | 1;
    const UInt128 product = Low(number);
    ASSERT_EQ(number.Divide(divisor), static_cast<uint64_t>(product % divisor));
    ASSERT_EQ(Low(number), product / divisor);
    BigUnsigned difference = Of(a);
    ASSERT_EQ(difference.Subtract(Of(b)), a >= b);
    ASSERT_EQ(Low(difference), a >= b ? a - b : a);
  }
}

TEST(BigUnsigned, ShiftingAndDividingByPowersOfTwoUndoEachOther) {
  std::mt19937_64 random(2);
  for (int shift = 0; shift < 6000; shift += 1 + shift / 50) {
    const UInt128 value = (static_cast<UInt128>(random()) << 64 | random()) | 1;
    BigUnsigned number = Of(value);
    const int length = number.BitLength();
    number.ShiftLeft(shift);
    ASSERT_EQ(number.BitLength(), length + shift);
    for (int left = shift; left > 0; left -= 60) {
      ASSERT_EQ(number.Divide(uint64_t{1} << (left < 60 ? left : 60)), 0u);
    }
    ASSERT_EQ(Low(number), value) << shift;
  }
}

TEST(BigUnsigned, ZeroStaysZero) {
  BigUnsigned zero;
  zero.ShiftLeft(100);
  zero.Multiply(7);
  EXPECT_TRUE(zero.IsZero());
  EXPECT_EQ(zero.BitLength(), 0);
  EXPECT_EQ(zero.Divide(3), 0u);
  EXPECT_TRUE(zero.Squared().IsZero());
}

TEST(RoundWords, RoundsOnceEvenWhereResultsAreSubnormal) {
  const struct {
    std::vector<uint64_t> words;
    int exponent;
    bool more;
    double expected;
  } kCases[] = {
      {{0}, 0, false, 0},
      {{3}, -1074, false, 3 * 0x1p-1074},
      {{1}, -1075, false, 0},              // half of the smallest: to even
      {{3}, -1075, false, 2 * 0x1p-1074},  // one and a half: to even
      {{5}, -1076, false, 0x1p-1074},      // one and a quarter
      {{1}, -1076, false, 0},
      {{uint64_t{1} << 63, 0}, -1138, true, 0x1p-1074},   // just above half
      {{(uint64_t{1} << 53) + 1}, 0, false, 0x1p53},      // a tie
      {{(uint64_t{1} << 53) + 3}, 0, false, 0x1p53 + 4},  // a tie, upwards
      {{0, 1}, 0, false, 0x1p64},
      {{1 << 11, 1}, 0, false, 0x1p64},          // a tie
      {{1 << 11, 1}, 0, true, 0x1p64 + 0x1p12},  // and what breaks it
      {{~uint64_t{0}}, 960, false, std::numeric_limits<double>::infinity()},
      {{~uint64_t{0} << 11}, 960, false, std::numeric_limits<double>::max()},
      {{1}, 1024, false, std::numeric_limits<double>::infinity()},
  };
  for (const auto& c : kCases) EXPECT_EQ(RoundWords(c.words, c.exponent, c.more), c.expected) << c.expected;
}

}  // namespace
}  // namespace millrace::feature
