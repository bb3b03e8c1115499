#include "feature/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "feature/testing/longhand_sum.h"

namespace millrace::feature {
namespace {

using testing::LonghandSum;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();

uint64_t Bits(double x) { return std::isnan(x) ? 1 : std::bit_cast<uint64_t>(x); }

double SumOf(const std::vector<double>& values) {
  ExactSum sum;
  for (const double x : values) sum.Add(x);
  return sum.value();
}

// Values of every kind: money, every exponent, subnormals, specials now and then.
double RandomValue(std::mt19937_64& random, int kind) {
  const auto pick = [&](int bound) { return static_cast<int>(random() % static_cast<uint64_t>(bound)); };
  switch (kind) {
    case 0:
      return static_cast<double>(pick(1'000'000)) / 100;
    case 1:
      return std::ldexp(static_cast<double>(static_cast<int64_t>(random()) >> 11), pick(2044) - 1074);
    case 2:
      return std::ldexp(static_cast<double>(static_cast<int64_t>(random()) >> 11), pick(60) - 110);
    case 3:
      return kTiny * pick(100);
    case 4:
      return pick(2) == 0 ? 0.0 : -0.0;
    case 5:
      return pick(2) == 0 ? kMax : -kMax;
    case 6:
      return pick(2) == 0 ? 1.0 : 0x1p-52;
    default:
      return pick(10) != 0 ? 1.0 : std::vector<double>{kInf, -kInf, kNan}[static_cast<size_t>(pick(3))];
  }
}

TEST(ExactSum, TheSumOfNothingIsZero) {
  ExactSum sum;
  EXPECT_EQ(Bits(sum.value()), Bits(0.0));
  sum.Add(-0.0);
  EXPECT_EQ(Bits(sum.value()), Bits(0.0));
}

TEST(ExactSum, SumsAreRoundedOnceToNearestEven) {
  const struct {
    std::vector<double> values;
    double sum;
  } kCases[] = {
      {{0.1, 0.2, 0.3}, 0.6},
      {std::vector<double>(10, 0.1), 1.0},
      {{1e16, 1, -1e16}, 1},
      {{1e300, 0.1, -1e300}, 0.1},
      {{1, 0x1p-53}, 1},                      // a tie goes to the even neighbour
      {{1 + 0x1p-52, 0x1p-53}, 1 + 0x1p-51},  // here upwards
      {{1, 0x1p-53, kTiny}, 1 + 0x1p-52},     // the smallest double breaks the tie
      {{1, 0x1p-53, -kTiny}, 1},
      {{-1, -0x1p-53, -kTiny}, -1 - 0x1p-52},
      {{kTiny, kTiny, kTiny}, 3 * kTiny},
      {{kMax, kMax}, kInf},
      {{-kMax, -kMax}, -kInf},
      {{kMax, kMax, -kMax}, kMax},  // exact all the way: no overflow in between
      {{kMax, 0x1p969}, kMax},      // less than half a unit above the largest
      {{kMax, 0x1p970}, kInf},      // exactly half: rounds to even, which is infinity
      {{kMax, 0x1p970, -kTiny}, kMax},
      {{0x1p1023, 0x1p-1074, -0x1p1023}, kTiny},
  };
  for (const auto& c : kCases) EXPECT_EQ(Bits(SumOf(c.values)), Bits(c.sum)) << c.sum;
}

TEST(ExactSum, EvictionRestoresTheEarlierBits) {
  ExactSum sum;
  sum.Add(0.1);
  sum.Add(0.7);
  const double before = sum.value();
  for (const double visitor : {1e300, kTiny, -kMax, 1e-20, 12345.67, 0x1p-53}) {
    sum.Add(visitor);
    sum.Remove(visitor);
    EXPECT_EQ(Bits(sum.value()), Bits(before)) << visitor;
  }
  EXPECT_EQ(sum.HeapBytes(), 0u);
}

TEST(ExactSum, SpecialValuesCountOnlyWhileTheyAreIn) {
  ExactSum sum;
  sum.Add(2.5);
  sum.Add(kInf);
  EXPECT_EQ(sum.value(), kInf);
  sum.Add(-kInf);
  EXPECT_TRUE(std::isnan(sum.value()));
  sum.Remove(kInf);
  EXPECT_EQ(sum.value(), -kInf);
  sum.Add(kNan);
  sum.Remove(-kInf);
  EXPECT_TRUE(std::isnan(sum.value()));
  sum.Add(1e300);
  sum.Remove(kNan);
  EXPECT_EQ(sum.value(), 1e300);
  sum.Remove(1e300);
  EXPECT_EQ(sum.value(), 2.5);
  EXPECT_EQ(sum.HeapBytes(), 0u);
}

TEST(ExactSum, OverflowOfTheSmallIntegerGoesToTheHeapAndComesBack) {
  ExactSum sum;
  LonghandSum oracle;
  const double big = 0x1.fffffffffffffp55;
  for (int i = 0; i < 100; ++i) {
    sum.Add(big);
    sum.Add(0x1p-18 + 0x1p-70);
    oracle.Add(big);
    oracle.Add(0x1p-18 + 0x1p-70);
    ASSERT_EQ(Bits(sum.value()), Bits(oracle.value())) << i;
  }
  for (int i = 0; i < 100; ++i) sum.Remove(big);
  EXPECT_EQ(sum.value(), 100 * (0x1p-18 + 0x1p-70));
}

TEST(ExactSum, RandomHistoriesEqualTheLonghandSum) {
  std::mt19937_64 random(7);
  for (int history = 0; history < 300; ++history) {
    ExactSum sum;
    LonghandSum oracle;
    std::vector<double> in;
    for (int step = 0; step < 60; ++step) {
      if (!in.empty() && random() % 5 < 2) {
        const size_t i = random() % in.size();
        sum.Remove(in[i]);
        oracle.Remove(in[i]);
        in.erase(in.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        const int kind = history % 9 == 8 ? static_cast<int>(random() % 8) : history % 9;
        in.push_back(RandomValue(random, kind));
        sum.Add(in.back());
        oracle.Add(in.back());
      }
      ASSERT_EQ(Bits(sum.value()), Bits(oracle.value())) << "history " << history << ", step " << step;
    }
    // The same multiset in another order, and copied on the way.
    std::shuffle(in.begin(), in.end(), random);
    ExactSum fresh;
    for (const double x : in) {
      ExactSum copy(fresh);
      copy.Add(x);
      fresh = copy;
    }
    ASSERT_EQ(Bits(fresh.value()), Bits(sum.value())) << history;
  }
}

TEST(ExactSum, OrdinaryMoneyNeverTouchesTheHeap) {
  std::mt19937_64 random(3);
  ExactSum sum;
  for (int i = 0; i < 100'000; ++i) {
    sum.Add(RandomValue(random, 0));
    ASSERT_EQ(sum.HeapBytes(), 0u);
  }
}

TEST(ExactSum, IntegersBeyondADoubleAreExact) {
  constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  ExactSum sum;
  EXPECT_EQ(sum.IntValue(), 0);
  sum.AddInt(kHighest);
  EXPECT_EQ(sum.IntValue(), kHighest);
  sum.AddInt(1);
  EXPECT_EQ(sum.IntValue(), std::nullopt);
  EXPECT_EQ(sum.value(), 0x1p63);
  sum.AddInt(kLowest);
  EXPECT_EQ(sum.IntValue(), 0);
  sum.AddInt(kLowest);
  EXPECT_EQ(sum.IntValue(), kLowest);
  sum.RemoveInt(kHighest);
  EXPECT_EQ(sum.IntValue(), std::nullopt);
  sum.RemoveInt(kLowest);
  EXPECT_EQ(sum.IntValue(), -kHighest);
  sum.Add(0.5);
  EXPECT_EQ(sum.IntValue(), std::nullopt);
  sum.Remove(0.5);
  sum.Add(kNan);
  EXPECT_EQ(sum.IntValue(), std::nullopt);
}

TEST(FixedPointScale, SumsHaveTheBitsOfExactSum) {
  std::mt19937_64 random(11);
  for (const int kind : {0, 4, 6}) {
    std::vector<double> values;
    for (int i = 0; i < 2000; ++i) {
      const double spread = std::ldexp(i % 3 == 0 ? -1 : 1, kind == 6 ? 0 : i % 30);
      values.push_back(RandomValue(random, kind) * spread);
    }
    const auto scale = FixedPointScale::Fit(values);
    ASSERT_TRUE(scale.has_value()) << kind;
    ExactSum sum;
    Int128 fixed = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      fixed += scale->FromDouble(values[i]);
      sum.Add(values[i]);
      if (i >= 50) {
        fixed -= scale->FromDouble(values[i - 50]);
        sum.Remove(values[i - 50]);
      }
      ASSERT_EQ(Bits(scale->Round(fixed)), Bits(sum.value())) << kind << ", row " << i;
    }
  }
}

TEST(FixedPointScale, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(FixedPointScale::Fit(std::vector<double>{1, kNan}));
  EXPECT_FALSE(FixedPointScale::Fit(std::vector<double>{1, kInf}));
  EXPECT_FALSE(FixedPointScale::Fit(std::vector<double>{kTiny}));
  EXPECT_FALSE(FixedPointScale::Fit(std::vector<double>{1, 1e30}));
  EXPECT_TRUE(FixedPointScale::Fit(std::vector<double>{1, 1e20}));
  EXPECT_TRUE(FixedPointScale::Fit(std::vector<double>{}));
  EXPECT_TRUE(FixedPointScale::Fit(std::vector<double>{0, -0.0}));
  const std::vector<uint8_t> valid = {1, 0};
  EXPECT_TRUE(FixedPointScale::Fit(std::vector<double>{1, kNan}, valid));
}

TEST(FixedPointScale, IntegersAreTheirOwnFixedPoint) {
  const FixedPointScale scale = FixedPointScale::Integers();
  EXPECT_EQ(scale.Round(-3), -3.0);
  EXPECT_EQ(scale.Round(Int128{1} << 100), 0x1p100);
  EXPECT_EQ(scale.Round((Int128{1} << 53) + 1), 0x1p53);
}

TEST(RoundToDouble, RoundsEveryWidth) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    const UInt128 bits = (static_cast<UInt128>(random()) << 64 | random()) >> (random() % 128);
    const Int128 sum = random() % 2 == 0 ? static_cast<Int128>(bits) : -static_cast<Int128>(bits);
    LonghandSum oracle;
    // In four pieces, each a double.
    UInt128 rest = sum < 0 ? UInt128{0} - static_cast<UInt128>(sum) : static_cast<UInt128>(sum);
    for (int piece = 0; piece < 4; ++piece, rest >>= 32) {
      const double part = std::ldexp(static_cast<double>(static_cast<uint32_t>(rest)), 32 * piece - 90);
      oracle.Add(sum < 0 ? -part : part);
    }
    ASSERT_EQ(Bits(RoundToDouble(sum, -90)), Bits(oracle.value())) << i;
  }
}

}  // namespace
}  // namespace millrace::feature
