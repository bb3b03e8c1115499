#include "feature/internal/key_codes.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <string>

#include "feature/internal/row_ranges.h"

namespace millrace::feature {
namespace {

// Fibonacci hashing: the high bits of the product are well mixed.
size_t Slot(uint64_t value, size_t mask) {
  const uint64_t mixed = (value ^ (value >> 32)) * 0x9e3779b97f4a7c15;
  return static_cast<size_t>(mixed >> 20) & mask;
}

uint64_t CanonicalBits(double value) {
  if (std::isnan(value)) return 0x7ff8000000000000;
  return std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
}

}  // namespace

uint32_t IntCodes::Code(uint64_t value) {
  if ((size_ + 1) * 2 > entries_.size()) Grow();
  const size_t mask = entries_.size() - 1;
  for (size_t at = Slot(value, mask);; at = (at + 1) & mask) {
    Entry& entry = entries_[at];
    if (entry.code == kNoCode) {
      entry = {value, static_cast<uint32_t>(size_)};
      return static_cast<uint32_t>(size_++);
    }
    if (entry.value == value) return entry.code;
  }
}

void IntCodes::Grow() {
  std::vector<Entry> old(std::max<size_t>(64, entries_.size() * 2), Entry{0, kNoCode});
  old.swap(entries_);
  const size_t mask = entries_.size() - 1;
  for (const Entry& entry : old) {
    if (entry.code == kNoCode) continue;
    size_t at = Slot(entry.value, mask);
    while (entries_[at].code != kNoCode) at = (at + 1) & mask;
    entries_[at] = entry;
  }
}

// Identifiers are mostly numbered close together; then a difference replaces the hash.
bool ValueCodes::EncodeNarrow(const Column& column, Buffer<uint32_t>& codes, int threads) {
  const std::span<const int64_t> values = column.ints();
  if (next_ == 0 && !values.empty()) {
    const auto [low, high] = RangeOf(values, threads);
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    if (range >= 4 * values.size() + 1024) return false;
    lowest_ = low;
    narrow_ = range + 1;
  }
  if (narrow_ == 0) return false;
  std::atomic<bool> others{false};  // only in a spine: values that no event has
  ForRanges(threads, values.size(), [&](size_t begin, size_t end) {
    bool outside = false;
    for (size_t row = begin; row < end; ++row) {
      const uint64_t offset = static_cast<uint64_t>(values[row]) - static_cast<uint64_t>(lowest_);
      outside |= offset >= narrow_;
      codes[row] = static_cast<uint32_t>(offset);
    }
    for (size_t row = begin; row < end && column.has_nulls(); ++row) {
      if (column.IsNull(row)) codes[row] = kNoCode;
    }
    if (outside) others.store(true, std::memory_order_relaxed);
  });
  next_ = std::max(next_, static_cast<uint32_t>(narrow_));
  for (size_t row = 0; others.load() && row < values.size(); ++row) {
    const uint64_t offset = static_cast<uint64_t>(values[row]) - static_cast<uint64_t>(lowest_);
    if (offset < narrow_ || column.IsNull(row)) continue;
    codes[row] = static_cast<uint32_t>(narrow_) + ints_.Code(static_cast<uint64_t>(values[row]));
    next_ = std::max(next_, codes[row] + 1);
  }
  return true;
}

void ValueCodes::EncodeInts(const Column& column, Buffer<uint32_t>& codes, int threads) {
  if (EncodeNarrow(column, codes, threads)) return;
  const std::span<const int64_t> values = column.ints();
  for (size_t row = 0; row < values.size(); ++row) {
    codes[row] = column.IsNull(row) ? kNoCode : ints_.Code(static_cast<uint64_t>(values[row]));
  }
  next_ = static_cast<uint32_t>(ints_.size());
}

Buffer<uint32_t> ValueCodes::Encode(const Column& column, int threads) {
  auto codes = Buffer<uint32_t>::Uninitialized(column.size());
  switch (type_) {
    case DataType::kInt64:
    case DataType::kTimestamp:
      EncodeInts(column, codes, threads);
      break;
    case DataType::kBool:
      for (size_t row = 0; row < codes.size(); ++row) {
        codes[row] = column.IsNull(row) ? kNoCode : column.bools()[row] != 0 ? 1 : 0;
      }
      next_ = 2;
      break;
    case DataType::kDouble:
      for (size_t row = 0; row < codes.size(); ++row) {
        codes[row] = column.IsNull(row) ? kNoCode : ints_.Code(CanonicalBits(column.doubles()[row]));
      }
      next_ = static_cast<uint32_t>(ints_.size());
      break;
    case DataType::kString:
      for (size_t row = 0; row < codes.size(); ++row) {
        codes[row] = kNoCode;
        if (column.IsNull(row)) continue;
        codes[row] = texts_.try_emplace(std::string(column.String(row)), next_).first->second;
        next_ = static_cast<uint32_t>(texts_.size());
      }
      break;
  }
  return codes;
}

KeyCodes::KeyCodes(std::span<const DataType> types) {
  for (const DataType type : types) parts_.emplace_back(type);
  if (!types.empty()) pairs_.resize(types.size() - 1);
}

Buffer<uint32_t> KeyCodes::Encode(std::span<const Column> parts, int threads) {
  Buffer<uint32_t> codes = parts_[0].Encode(parts[0], threads);
  for (size_t part = 1; part < parts.size(); ++part) {
    const Buffer<uint32_t> next = parts_[part].Encode(parts[part], threads);
    for (size_t row = 0; row < codes.size(); ++row) {
      if (codes[row] == kNoCode || next[row] == kNoCode) {
        codes[row] = kNoCode;
      } else {
        codes[row] = pairs_[part - 1].Code((uint64_t{codes[row]} << 32) | next[row]);
      }
    }
  }
  return codes;
}

size_t KeyCodes::size() const { return pairs_.empty() ? parts_[0].size() : pairs_.back().size(); }

}  // namespace millrace::feature
