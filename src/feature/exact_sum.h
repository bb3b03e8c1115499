// ExactSum, ExactMoments and FixedPointScale: sums without rounding error.
//
// A feature must depend only on the events in its window, never on the order in
// which they came and went. Sums of doubles do not have that property; exact
// sums do. Each class here holds the exact sum of the multiset that was added
// and not removed, and rounds once, to nearest even, when asked.
//
// How: every finite double is an integer times a power of two. ExactSum keeps a
// 128-bit integer in units of 2^e, for e chosen so that the values at hand fit;
// adding is a shift and an integer addition. What does not fit goes to a
// superaccumulator on the heap, a fixed-point number as wide as all doubles
// (superaccumulator.h). The value is the same whichever holds it.
// Sources: U. Kulisch and W. L. Miranker, "The arithmetic of the digital
// computer: a new approach", SIAM Review 28 (1986); R. M. Neal, "Fast exact
// summation using small and large superaccumulators", arXiv:1505.05571 (2015).
//
// NaN and infinities are counted apart, so removing them restores the finite
// sum: the value is NaN while a NaN, or both infinities, are in; ±inf while one
// infinity is. A finite sum beyond the largest double rounds to ±inf (IEEE 754
// round to nearest). An exact zero is +0.0.
//
// None of it is thread-safe, and nothing fails; removing what was not added is
// the caller's error and shows in the value. Up to 2^63 values.
//
//   ExactSum sum;
//   sum.Add(0.1); sum.Add(1e300); sum.Remove(1e300);
//   sum.value();  // 0.1, as though 1e300 had never been in
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace millrace::feature {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

namespace exact_internal {
struct WideSum;
struct WideMoments;

constexpr int kMantissaBits = 52;
constexpr uint64_t kMantissaMask = (uint64_t{1} << kMantissaBits) - 1;
constexpr uint64_t kImplicitBit = uint64_t{1} << kMantissaBits;
// A double whose exponent field is f > 0 is its 53-bit integer times 2^(f - kBias).
constexpr int kBias = 1075;
// 53 bits shifted by this much still leave a sign bit in 128.
constexpr uint32_t kMaxShift = 74;
// Units of 2^-70 hold values of 2^-18 to 2^56 with all their digits: money, counts, seconds.
constexpr uint16_t kDefaultBase = kBias - 70;

constexpr uint32_t ExponentField(uint64_t bits) {
  return static_cast<uint32_t>(bits >> kMantissaBits) & 0x7ff;
}

// ldexp for the results that leave the normal range.
double Scale(double value, int exponent);
}  // namespace exact_internal

// sum × 2^exponent, rounded once to nearest even. Precondition: exponent ≥ -1074
// (so that results below the normal range are exact).
inline double RoundToDouble(Int128 sum, int exponent) {
  if (sum == 0) return 0.0;
  const bool negative = sum < 0;
  UInt128 magnitude = negative ? UInt128{0} - static_cast<UInt128>(sum) : static_cast<UInt128>(sum);
  uint64_t top = static_cast<uint64_t>(magnitude);
  if (const uint64_t high = static_cast<uint64_t>(magnitude >> 64); high != 0) {
    // The 64 leading bits; what is cut off survives as the last one, far below a double's.
    const int zeros = std::countl_zero(high);
    magnitude <<= zeros;
    top = static_cast<uint64_t>(magnitude >> 64) | (static_cast<uint64_t>(magnitude) != 0 ? 1 : 0);
    exponent += 64 - zeros;
  }
  const double rounded = static_cast<double>(top);
  const uint64_t bits = std::bit_cast<uint64_t>(rounded);
  const int field = static_cast<int>(bits >> exact_internal::kMantissaBits) + exponent;
  double result;
  if (field >= 1 && field <= 2046) [[likely]] {
    result = std::bit_cast<double>((bits & exact_internal::kMantissaMask) |
                                   (static_cast<uint64_t>(field) << exact_internal::kMantissaBits));
  } else {
    result = exact_internal::Scale(rounded, exponent);
  }
  return negative ? -result : result;
}

// The exact sum of a multiset of doubles. 32 bytes; 2-4 ns an operation for
// values of ordinary magnitude.
class ExactSum {
 public:
  ExactSum();
  ExactSum(const ExactSum& other);
  ExactSum& operator=(const ExactSum& other);
  ExactSum(ExactSum&&) noexcept;
  ExactSum& operator=(ExactSum&&) noexcept;
  ~ExactSum();

  void Add(double x) { Update(x, 0); }
  void Remove(double x) { Update(x, 1); }
  // Exact for every int64, also those that no double holds.
  void AddInt(int64_t x) { UpdateInt(x, 0); }
  void RemoveInt(int64_t x) { UpdateInt(x, 1); }

  // The sum, correctly rounded.
  double value() const {
    if (wide_ == nullptr) [[likely]]
      return RoundToDouble(sum_, base_ - exact_internal::kBias);
    return WideValue();
  }
  // The sum itself when it is an integer of 64 bits: for sums of int64 columns.
  std::optional<int64_t> IntValue() const;

  // Bytes on the heap, beside sizeof.
  size_t HeapBytes() const;

 private:
  void Update(double x, int remove) {
    using namespace exact_internal;
    const uint64_t bits = std::bit_cast<uint64_t>(x);
    const uint32_t shift = ExponentField(bits) - base_;  // huge when below the base: zeros, subnormals
    if (shift <= kMaxShift) [[likely]] {
      const UInt128 magnitude = static_cast<UInt128>((bits & kMantissaMask) | kImplicitBit) << shift;
      const Int128 sign = static_cast<Int128>((static_cast<int64_t>(bits) >> 63) ^ -int64_t{remove});
      const Int128 term =
          static_cast<Int128>((magnitude ^ static_cast<UInt128>(sign)) - static_cast<UInt128>(sign));
      Int128 next;
      if (!__builtin_add_overflow(sum_, term, &next)) [[likely]] {
        sum_ = next;
        return;
      }
    } else if (x == 0) {
      return;
    }
    UpdateSlow(x, remove);
  }
  void UpdateInt(int64_t x, int remove) {
    constexpr int64_t kExact = int64_t{1} << 53;
    if (x >= -kExact && x <= kExact) [[likely]] {
      Update(static_cast<double>(x), remove);
    } else {
      Update(static_cast<double>(x >> 32) * 4294967296.0, remove);
      Update(static_cast<double>(x & 0xffffffff), remove);
    }
  }
  void UpdateSlow(double x, int remove);
  void Settle(exact_internal::WideSum& wide, double x);
  double WideValue() const;

  friend class ExactMoments;

  Int128 sum_ = 0;                                 // in units of 2^(base_ - kBias)
  std::unique_ptr<exact_internal::WideSum> wide_;  // what did not fit, added to sum_; null when nothing
  uint16_t base_ = exact_internal::kDefaultBase;   // an exponent field; 1 at least
};
static_assert(sizeof(ExactSum) == 32);

// Count, exact sum and exact sum of squares of a multiset of doubles.
class ExactMoments {
 public:
  ExactMoments();
  ExactMoments(const ExactMoments& other);
  ExactMoments& operator=(const ExactMoments& other);
  ExactMoments(ExactMoments&&) noexcept;
  ExactMoments& operator=(ExactMoments&&) noexcept;
  ~ExactMoments();

  void Add(double x) { Update(x, 0); }
  void Remove(double x) { Update(x, 1); }

  int64_t count() const { return count_; }
  double sum() const { return sum_.value(); }
  // The correctly rounded sum, divided by the count; empty when there is nothing.
  std::optional<double> Mean() const;
  // The sample variance (n·Σx² − (Σx)²) / (n·(n − 1)) as an exact rational
  // number, rounded once: no cancellation, never negative. Empty for n < 2; NaN
  // while a NaN or an infinity is in. The formula over exact sums: T. F. Chan,
  // G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample
  // variance", The American Statistician 37 (1983), whose objection to it
  // (rounding) exact arithmetic removes.
  std::optional<double> Variance() const;
  // The square root (IEEE 754) of Variance().
  std::optional<double> StandardDeviation() const;

  size_t HeapBytes() const;

 private:
  void Update(double x, int remove);
  bool AddSquare(uint64_t mantissa, uint32_t shift, bool negative);
  void WideSquare(double x, bool remove);

  ExactSum sum_;
  std::array<uint64_t, 4> squares_{};  // two's complement, in units of 2^(2·(square_base_ - kBias))
  std::unique_ptr<exact_internal::WideMoments> wide_;  // squares that did not fit; null when none
  int64_t count_ = 0;
  uint16_t square_base_ = exact_internal::kDefaultBase;
};

// For batches: one unit for all values of a column, found once, so that sums
// over any of its rows are plain additions of 128-bit integers:
//
//   if (auto scale = FixedPointScale::Fit(values, valid)) {
//     Int128 sum = 0;
//     sum += scale->FromDouble(values[i]); sum -= scale->FromDouble(values[j]); …
//     double exact = scale->Round(sum);           // the bits of ExactSum::value()
//   }                                             // else use ExactSum
class FixedPointScale {
 public:
  // Empty when a value is not finite, is subnormal, or the values' magnitudes are
  // so far apart that a sum of all might not fit (a ratio of 2^52 fits for a
  // million rows). `valid`: a byte a row, 0 for null; empty when nothing is.
  static std::optional<FixedPointScale> Fit(std::span<const double> values,
                                            std::span<const uint8_t> valid = {});
  // The same by parts, of which each thread may take some: Fit(all extents, number of values).
  struct Extent {
    int lowest = 2047;  // exponent fields, of what is not 0
    int highest = 0;
    bool subnormal = false;
    void Add(const Extent& other);
  };
  static Extent ExtentOf(std::span<const double> values, std::span<const uint8_t> valid);
  static std::optional<FixedPointScale> Fit(const Extent& extent, size_t count);
  // For columns of int64: the unit is 1, so an integer is its own fixed-point number.
  static FixedPointScale Integers() { return FixedPointScale(exact_internal::kBias); }

  // Precondition: x is one of the values that were fitted, or ±0.
  Int128 FromDouble(double x) const {
    using namespace exact_internal;
    const uint64_t bits = std::bit_cast<uint64_t>(x);
    const uint32_t field = ExponentField(bits);
    const uint64_t mantissa = (bits & kMantissaMask) | (uint64_t{field != 0} << kMantissaBits);
    const UInt128 magnitude = static_cast<UInt128>(mantissa) << ((field - base_) & 127);
    const Int128 sign = static_cast<Int128>(static_cast<int64_t>(bits) >> 63);
    return static_cast<Int128>((magnitude ^ static_cast<UInt128>(sign)) - static_cast<UInt128>(sign));
  }
  // Correctly rounded.
  double Round(Int128 sum) const { return RoundToDouble(sum, base_ - exact_internal::kBias); }

 private:
  explicit FixedPointScale(int base) : base_(static_cast<uint32_t>(base)) {}
  uint32_t base_;
};

}  // namespace millrace::feature
