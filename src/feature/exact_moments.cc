// ExactMoments: the exact sum of squares, and the variance as a rational number.
#include <algorithm>
#include <cmath>
#include <limits>

#include "feature/big_unsigned.h"
#include "feature/exact_sum.h"
#include "feature/superaccumulator.h"

namespace millrace::feature {
namespace exact_internal {

// 2^-2148 up to 2^2204: any sum of 2^63 squares of doubles, with its sign.
struct WideMoments {
  Superaccumulator<-2148, 68> squares;
};

}  // namespace exact_internal

using exact_internal::ExponentField;
using exact_internal::kBias;
using exact_internal::kDefaultBase;
using exact_internal::kImplicitBit;
using exact_internal::kMantissaMask;
using exact_internal::WideMoments;

namespace {

using Squares = Superaccumulator<-2148, 68>;
using Finite = Superaccumulator<-1074, 34>;
using FourWords = std::array<uint64_t, 4>;

// 106 bits shifted by twice this leave room and a sign bit in 256.
constexpr uint32_t kMaxSquareShift = 73;
constexpr int kHighestUnit = 2046 - static_cast<int>(kMaxSquareShift) - kBias;
constexpr int kLowestUnit = 1 - kBias;
// Bits that a sum of squares may have when its unit is chosen, and how much
// smaller than the value at hand the next may be (see ExactSum).
constexpr int kRoom = 240;
constexpr int kSlack = 16;

int FloorHalf(int value) { return value >> 1; }

// The unit of x; that of the squares is twice it.
std::optional<int> UnitFor(BitRange squares, uint32_t field) {
  const auto fits = [&](int unit) {
    return unit >= kLowestUnit && unit <= kHighestUnit && 2 * unit <= squares.low &&
           squares.high - 2 * unit <= kRoom;
  };
  constexpr int kDefaultUnit = kDefaultBase - kBias;
  const int value_unit = static_cast<int>(field) - kBias;
  const bool fast_by_default =
      value_unit >= kDefaultUnit && value_unit <= kDefaultUnit + int{kMaxSquareShift};
  if (fast_by_default && fits(kDefaultUnit)) return kDefaultUnit;
  const int low = std::min(value_unit, FloorHalf(squares.low));
  for (const int unit : {low - kSlack, low, FloorHalf(squares.low)}) {
    if (fits(unit)) return unit;
  }
  return std::nullopt;
}

FourWords Negated(FourWords words) {
  uint64_t carry = 1;
  for (uint64_t& word : words) {
    word = ~word + carry;
    carry = carry != 0 && word == 0 ? 1 : 0;
  }
  return words;
}

// Adds `words`, two's complement of 256 bits.
void AddTo(Squares& squares, const FourWords& words, int exponent) {
  const bool negative = words[3] >> 63 != 0;
  const FourWords magnitude = negative ? Negated(words) : words;
  squares.Add(static_cast<UInt128>(magnitude[1]) << 64 | magnitude[0], exponent, negative);
  squares.Add(static_cast<UInt128>(magnitude[3]) << 64 | magnitude[2], exponent + 128, negative);
}

// Numerator and its exponent, over n·(n − 1).
double RoundedVariance(BigUnsigned numerator, int exponent, uint64_t n) {
  const int divisor_bits = std::bit_width(n) + std::bit_width(n - 1);
  // Enough that the quotient has the 65 bits that RoundWords asks for.
  const int shift = std::max(0, divisor_bits + 66 - numerator.BitLength());
  numerator.ShiftLeft(shift);
  const uint64_t first_rest = numerator.Divide(n);
  const uint64_t second_rest = numerator.Divide(n - 1);
  return RoundWords(numerator.words(), exponent - shift, first_rest != 0 || second_rest != 0);
}

}  // namespace

ExactMoments::ExactMoments() = default;
ExactMoments::ExactMoments(const ExactMoments& other)
    : sum_(other.sum_),
      squares_(other.squares_),
      wide_(other.wide_ == nullptr ? nullptr : std::make_unique<WideMoments>(*other.wide_)),
      count_(other.count_),
      square_base_(other.square_base_) {}
ExactMoments& ExactMoments::operator=(const ExactMoments& other) {
  if (this != &other) *this = ExactMoments(other);
  return *this;
}
ExactMoments::ExactMoments(ExactMoments&&) noexcept = default;
ExactMoments& ExactMoments::operator=(ExactMoments&&) noexcept = default;
ExactMoments::~ExactMoments() = default;

void ExactMoments::Update(double x, int remove) {
  sum_.Update(x, remove);
  count_ += remove != 0 ? -1 : 1;
  if (!std::isfinite(x) || x == 0) return;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const uint32_t shift = ExponentField(bits) - square_base_;
  if (shift > kMaxSquareShift || !AddSquare((bits & kMantissaMask) | kImplicitBit, 2 * shift, remove != 0)) {
    WideSquare(x, remove != 0);
  }
}

// Adds ±mantissa² << shift; false, and then nothing is changed, on overflow.
bool ExactMoments::AddSquare(uint64_t mantissa, uint32_t shift, bool negative) {
  const UInt128 square = static_cast<UInt128>(mantissa) * mantissa;
  const uint32_t offset = shift % 64;
  const UInt128 low = square << offset;
  const uint64_t over = offset == 0 ? 0 : static_cast<uint64_t>(square >> (128 - offset));
  FourWords term{};
  const size_t word = shift / 64;  // 0, 1 or 2
  term[word] = static_cast<uint64_t>(low);
  term[word + 1] = static_cast<uint64_t>(low >> 64);
  if (word < 2) term[word + 2] = over;
  const uint64_t flip = negative ? ~uint64_t{0} : 0;
  FourWords next;
  uint64_t carry = negative ? 1 : 0;
  for (size_t i = 0; i < next.size(); ++i) {
    const UInt128 sum = static_cast<UInt128>(squares_[i]) + (term[i] ^ flip) + carry;
    next[i] = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64);
  }
  // Two terms of one sign gave a sum of the other.
  const uint64_t top = term[3] ^ flip;
  if (((squares_[3] ^ next[3]) & (top ^ next[3])) >> 63 != 0) return false;
  squares_ = next;
  return true;
}

// Precondition: x is finite and not 0.
void ExactMoments::WideSquare(double x, bool remove) {
  WideMoments fresh;
  Squares& squares = wide_ == nullptr ? fresh.squares : wide_->squares;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const uint32_t field = ExponentField(bits);
  const uint64_t mantissa = (bits & kMantissaMask) | (field == 0 ? 0 : kImplicitBit);
  const int exponent = static_cast<int>(field == 0 ? 1 : field) - kBias;
  AddTo(squares, squares_, 2 * (square_base_ - kBias));
  squares.Add(static_cast<UInt128>(mantissa) * mantissa, 2 * exponent, remove);
  squares_ = {};
  square_base_ = kDefaultBase;
  if (!squares.IsZero()) {
    const Squares::Words magnitude = squares.Magnitude();
    if (const auto unit = UnitFor(RangeOf(magnitude, Squares::kLowest), field)) {
      const int offset = 2 * *unit - Squares::kLowest;
      for (int i = 0; i < 4; ++i) squares_[static_cast<size_t>(i)] = WordAt(magnitude, offset + 64 * i);
      if (squares.IsNegative()) squares_ = Negated(squares_);
      square_base_ = static_cast<uint16_t>(*unit + kBias);
      squares.Clear();
    }
  }
  if (squares.IsZero()) {
    wide_ = nullptr;
  } else if (wide_ == nullptr) {
    wide_ = std::make_unique<WideMoments>(fresh);
  }
}

std::optional<double> ExactMoments::Mean() const {
  if (count_ <= 0) return std::nullopt;
  return sum_.value() / static_cast<double>(count_);
}

std::optional<double> ExactMoments::Variance() const {
  if (count_ < 2) return std::nullopt;
  if (sum_.wide_ != nullptr && sum_.wide_->HasSpecial()) return std::numeric_limits<double>::quiet_NaN();

  // |Σx| and Σx², each a natural number and an exponent.
  const UInt128 compact =
      sum_.sum_ < 0 ? UInt128{0} - static_cast<UInt128>(sum_.sum_) : static_cast<UInt128>(sum_.sum_);
  const std::array<uint64_t, 2> compact_words = {static_cast<uint64_t>(compact),
                                                 static_cast<uint64_t>(compact >> 64)};
  BigUnsigned total(compact_words);
  int total_exponent = sum_.base_ - kBias;
  if (sum_.wide_ != nullptr) {
    Finite finite = sum_.wide_->finite;
    if (compact != 0) finite.Add(compact, total_exponent, sum_.sum_ < 0);
    total = BigUnsigned(finite.Magnitude());
    total_exponent = Finite::kLowest;
  }
  BigUnsigned numerator(squares_);
  int exponent = 2 * (square_base_ - kBias);
  if (wide_ != nullptr) {
    Squares squares = wide_->squares;
    AddTo(squares, squares_, exponent);
    numerator = BigUnsigned(squares.Magnitude());
    exponent = Squares::kLowest;
  }

  numerator.Multiply(static_cast<uint64_t>(count_));
  BigUnsigned square = total.Squared();
  const int square_exponent = 2 * total_exponent;
  if (exponent > square_exponent) numerator.ShiftLeft(exponent - square_exponent);
  if (square_exponent > exponent) square.ShiftLeft(square_exponent - exponent);
  // n·Σx² ≥ (Σx)² for whatever was added; only removing what was not breaks it.
  if (!numerator.Subtract(square)) return std::numeric_limits<double>::quiet_NaN();
  if (numerator.IsZero()) return 0.0;
  return RoundedVariance(numerator, std::min(exponent, square_exponent), static_cast<uint64_t>(count_));
}

std::optional<double> ExactMoments::StandardDeviation() const {
  const std::optional<double> variance = Variance();
  if (!variance) return std::nullopt;
  return std::sqrt(*variance);
}

size_t ExactMoments::HeapBytes() const {
  return sum_.HeapBytes() + (wide_ == nullptr ? 0 : sizeof(WideMoments));
}

}  // namespace millrace::feature
