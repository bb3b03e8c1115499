// Counts of latencies in buckets that are at most 1.6% wide, so that percentiles
// of a hundred million requests take a few kilobytes (as HdrHistogram does).
// Private to src/autoscale. One thread at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace millrace::autoscale::internal {

class LatencyHistogram {
 public:
  void Add(int64_t nanoseconds) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(0, nanoseconds));
    ++counts_[IndexOf(value)];
    ++total_;
    sum_ += static_cast<double>(value);
    most_ = std::max(most_, value);
  }

  void Add(const LatencyHistogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    sum_ += other.sum_;
    most_ = std::max(most_, other.most_);
  }

  void Clear() {
    std::fill(counts_.begin(), counts_.end(), 0);
    total_ = most_ = 0;
    sum_ = 0;
  }

  uint64_t total() const { return total_; }
  double MeanMs() const { return total_ == 0 ? 0 : sum_ / static_cast<double>(total_) / 1e6; }
  double MaxMs() const { return static_cast<double>(most_) / 1e6; }

  // The latency that `fraction` of all stay below, in ms; 0 when there are none.
  double PercentileMs(double fraction) const {
    if (total_ == 0) return 0;
    const auto rank = static_cast<uint64_t>(fraction * static_cast<double>(total_ - 1)) + 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::min(MiddleOf(i), static_cast<double>(most_)) / 1e6;
    }
    return MaxMs();
  }

 private:
  static constexpr int kBits = 6;  // buckets an octave: 2^6
  static constexpr uint64_t kLinear = uint64_t{1} << kBits;

  static size_t IndexOf(uint64_t value) {
    if (value < kLinear) return static_cast<size_t>(value);
    const int shift = std::bit_width(value) - 1 - kBits;
    return static_cast<size_t>((static_cast<uint64_t>(shift + 1) << kBits) + ((value >> shift) - kLinear));
  }
  static double MiddleOf(size_t index) {
    if (index < kLinear) return static_cast<double>(index);
    const auto shift = static_cast<int>(index >> kBits) - 1;
    const uint64_t low = ((index & (kLinear - 1)) + kLinear) << shift;
    return static_cast<double>(low) + static_cast<double>(uint64_t{1} << shift) / 2;
  }

  std::vector<uint32_t> counts_ = std::vector<uint32_t>(size_t{64 - kBits + 1} << kBits);
  uint64_t total_ = 0, most_ = 0;
  double sum_ = 0;
};

}  // namespace millrace::autoscale::internal
