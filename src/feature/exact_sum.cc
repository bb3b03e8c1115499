#include "feature/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "feature/big_unsigned.h"
#include "feature/superaccumulator.h"

namespace millrace::feature {
namespace exact_internal {

double Scale(double value, int exponent) { return std::ldexp(value, exponent); }

}  // namespace exact_internal

using exact_internal::ExponentField;
using exact_internal::kBias;
using exact_internal::kDefaultBase;
using exact_internal::kImplicitBit;
using exact_internal::kMantissaMask;
using exact_internal::kMaxShift;
using exact_internal::WideSum;

namespace {

using Finite = Superaccumulator<-1074, 34>;

// With a base above this, an infinity would pass for a value in range.
constexpr int kHighestUnit = 2046 - static_cast<int>(kMaxShift) - kBias;
constexpr int kLowestUnit = 1 - kBias;
// Bits that a sum may have when its unit is chosen; the other 15 are room to grow.
constexpr int kRoom = 112;
// How much smaller than the value at hand the next ones may be without moving the unit again.
constexpr int kSlack = 16;

UInt128 MagnitudeOf(Int128 value) {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

void AddTo(Finite& finite, Int128 sum, int exponent) {
  if (sum != 0) finite.Add(MagnitudeOf(sum), exponent, sum < 0);
}

// Precondition: x is finite.
void AddTo(Finite& finite, double x, bool remove) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const uint32_t field = ExponentField(bits);
  const uint64_t mantissa = (bits & kMantissaMask) | (field == 0 ? 0 : kImplicitBit);
  const int exponent = static_cast<int>(field == 0 ? 1 : field) - kBias;
  if (mantissa != 0) finite.Add(mantissa, exponent, std::signbit(x) != remove);
}

// The exponent of a unit in which a sum of this range has room to grow and in
// which values like one with this exponent field are added fast; else any in
// which the sum fits; empty when there is none.
std::optional<int> UnitFor(BitRange range, uint32_t field) {
  const auto fits = [&](int unit) {
    return unit >= kLowestUnit && unit <= kHighestUnit && unit <= range.low && range.high - unit <= kRoom;
  };
  constexpr int kDefaultUnit = kDefaultBase - kBias;
  const int value_unit = static_cast<int>(field) - kBias;
  const bool fast_by_default = value_unit >= kDefaultUnit && value_unit <= kDefaultUnit + int{kMaxShift};
  if (fast_by_default && fits(kDefaultUnit)) return kDefaultUnit;
  const int low = std::min(value_unit, range.low);
  for (const int unit : {low - kSlack, low, range.low}) {
    if (fits(unit)) return unit;
  }
  return std::nullopt;
}

}  // namespace

ExactSum::ExactSum() = default;
ExactSum::ExactSum(const ExactSum& other)
    : sum_(other.sum_),
      wide_(other.wide_ == nullptr ? nullptr : std::make_unique<WideSum>(*other.wide_)),
      base_(other.base_) {}
ExactSum& ExactSum::operator=(const ExactSum& other) {
  if (this != &other) *this = ExactSum(other);
  return *this;
}
ExactSum::ExactSum(ExactSum&&) noexcept = default;
ExactSum& ExactSum::operator=(ExactSum&&) noexcept = default;
ExactSum::~ExactSum() = default;

void ExactSum::UpdateSlow(double x, int remove) {
  WideSum fresh;
  WideSum& wide = wide_ == nullptr ? fresh : *wide_;
  const int64_t step = remove != 0 ? -1 : 1;
  if (std::isnan(x)) {
    wide.nans += step;
  } else if (std::isinf(x)) {
    (x > 0 ? wide.positive_infinities : wide.negative_infinities) += step;
  } else {
    AddTo(wide.finite, sum_, base_ - kBias);
    AddTo(wide.finite, x, remove != 0);
    sum_ = 0;
    base_ = kDefaultBase;
    Settle(wide, x);
  }
  if (!wide.HasSpecial() && wide.finite.IsZero()) {
    wide_ = nullptr;
  } else if (wide_ == nullptr) {
    wide_ = std::make_unique<WideSum>(fresh);
  }
}

// Moves the finite sum back into 128 bits where it fits.
void ExactSum::Settle(WideSum& wide, double x) {
  if (wide.finite.IsZero()) return;
  const Finite::Words magnitude = wide.finite.Magnitude();
  const BitRange range = RangeOf(magnitude, Finite::kLowest);
  const std::optional<int> unit = UnitFor(range, ExponentField(std::bit_cast<uint64_t>(x)));
  if (!unit) return;
  const int offset = *unit - Finite::kLowest;
  const UInt128 bits = static_cast<UInt128>(WordAt(magnitude, offset + 64)) << 64 | WordAt(magnitude, offset);
  sum_ = wide.finite.IsNegative() ? -static_cast<Int128>(bits) : static_cast<Int128>(bits);
  base_ = static_cast<uint16_t>(*unit + kBias);
  wide.finite.Clear();
}

double ExactSum::WideValue() const {
  const double infinity = std::numeric_limits<double>::infinity();
  if (wide_->nans != 0 || (wide_->positive_infinities != 0 && wide_->negative_infinities != 0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (wide_->positive_infinities != 0) return infinity;
  if (wide_->negative_infinities != 0) return -infinity;
  Finite total = wide_->finite;
  AddTo(total, sum_, base_ - kBias);
  const double magnitude = RoundWords(total.Magnitude(), Finite::kLowest);
  return total.IsNegative() ? -magnitude : magnitude;
}

std::optional<int64_t> ExactSum::IntValue() const {
  if (wide_ != nullptr && wide_->HasSpecial()) return std::nullopt;
  Finite total = wide_ == nullptr ? Finite() : wide_->finite;
  AddTo(total, sum_, base_ - kBias);
  if (total.IsZero()) return 0;
  const Finite::Words magnitude = total.Magnitude();
  const BitRange range = RangeOf(magnitude, Finite::kLowest);
  if (range.low < 0 || range.high > 64) return std::nullopt;
  const uint64_t integer = WordAt(magnitude, -Finite::kLowest);
  constexpr uint64_t kSignBit = uint64_t{1} << 63;
  if (integer > (total.IsNegative() ? kSignBit : kSignBit - 1)) return std::nullopt;
  return static_cast<int64_t>(total.IsNegative() ? uint64_t{0} - integer : integer);
}

size_t ExactSum::HeapBytes() const { return wide_ == nullptr ? 0 : sizeof(WideSum); }

void FixedPointScale::Extent::Add(const Extent& other) {
  lowest = std::min(lowest, other.lowest);
  highest = std::max(highest, other.highest);
  subnormal |= other.subnormal;
}

FixedPointScale::Extent FixedPointScale::ExtentOf(std::span<const double> values,
                                                  std::span<const uint8_t> valid) {
  Extent extent;
  uint64_t subnormal = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!valid.empty() && valid[i] == 0) continue;
    const uint64_t bits = std::bit_cast<uint64_t>(values[i]);
    const int field = static_cast<int>(ExponentField(bits));
    subnormal |= field == 0 ? bits & kMantissaMask : 0;
    extent.highest = field > extent.highest ? field : extent.highest;
    // A zero fits any unit.
    const int low = field == 0 ? 2047 : field;
    extent.lowest = low < extent.lowest ? low : extent.lowest;
  }
  extent.subnormal = subnormal != 0;
  return extent;
}

std::optional<FixedPointScale> FixedPointScale::Fit(const Extent& extent, size_t count) {
  if (extent.subnormal || extent.highest == 2047) return std::nullopt;
  if (extent.highest == 0) return Integers();
  if (extent.highest - extent.lowest + 53 + std::bit_width(count) > 127) return std::nullopt;
  return FixedPointScale(extent.lowest);
}

std::optional<FixedPointScale> FixedPointScale::Fit(std::span<const double> values,
                                                    std::span<const uint8_t> valid) {
  return Fit(ExtentOf(values, valid), values.size());
}

}  // namespace millrace::feature
