#include "feature/internal/batch_kernels.h"

#include <limits>

#include "feature/internal/total_order.h"

namespace millrace::feature {
namespace {

class CountKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed&) override {}
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    const bool zero = input_.aggregation->default_value == Value(int64_t{0});
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      const uint32_t count = windows.ends[i] - windows.begins[i];
      if (count == 0 && !zero) {
        out.SetDefault(i);
      } else {
        out.SetInt(i, count);
      }
    }
  }
};

// Integers whose sum cannot leave 64 bits are added up in them; others in 128.
template <typename Sum>
class IntSumKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed& packed) override {
    sums_.resize(packed.size() + 1);
    Sum sum = 0;
    sums_[0] = sum;
    packed.ForEach(input_.ints, [&](size_t i, int64_t value) { sums_[i + 1] = sum += value; });
  }
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    const bool mean = input_.aggregation->aggregate == Aggregate::kMean;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      const uint32_t begin = windows.begins[i];
      const uint32_t end = windows.ends[i];
      if (begin == end) {
        out.SetDefault(i);
        continue;
      }
      const Sum sum = sums_[end] - sums_[begin];
      if (mean) {
        out.SetDouble(i, Rounded(sum) / static_cast<double>(end - begin));
      } else if (sum > std::numeric_limits<int64_t>::max() || sum < std::numeric_limits<int64_t>::min()) {
        out.SetNull(i);
      } else {
        out.SetInt(i, static_cast<int64_t>(sum));
      }
    }
  }

 private:
  static double Rounded(int64_t sum) { return static_cast<double>(sum); }
  static double Rounded(Int128 sum) { return FixedPointScale::Integers().Round(sum); }
  std::vector<Sum> sums_;
};

class FixedSumKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed& packed) override {
    sums_.resize(packed.size() + 1);
    const FixedPointScale scale = *input_.scale;
    Int128 sum = 0;
    sums_[0] = sum;
    packed.ForEach(input_.doubles, [&](size_t i, double value) {
      sum += scale.FromDouble(value);
      sums_[i + 1] = sum;
    });
  }
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    const bool mean = input_.aggregation->aggregate == Aggregate::kMean;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      const uint32_t begin = windows.begins[i];
      const uint32_t end = windows.ends[i];
      if (begin == end) {
        out.SetDefault(i);
        continue;
      }
      const double sum = input_.scale->Round(sums_[end] - sums_[begin]);
      out.SetDouble(i, mean ? sum / static_cast<double>(end - begin) : sum);
    }
  }

 private:
  std::vector<Int128> sums_;
};

// Adds what enters and removes what leaves: for states without a difference.
template <typename State>
class SlidingKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed& packed) override {
    values_.resize(packed.size());
    if (input_.doubles.empty()) {
      packed.ForEach(input_.ints, [&](size_t i, int64_t value) { values_[i] = static_cast<double>(value); });
    } else {
      packed.ForEach(input_.doubles, [&](size_t i, double value) { values_[i] = value; });
    }
  }
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    State state;
    uint32_t begin = 0;
    uint32_t end = 0;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      while (end < windows.ends[i]) state.Add(values_[end++]);
      while (begin < windows.begins[i]) state.Remove(values_[begin++]);
      if (begin == end) {
        out.SetDefault(i);
      } else if (const std::optional<double> value = Value(state, end - begin)) {
        out.SetDouble(i, *value);
      } else {
        out.SetNull(i);
      }
    }
  }

 private:
  std::optional<double> Value(const ExactMoments& state, uint32_t) const { return state.StandardDeviation(); }
  std::optional<double> Value(const ExactSum& state, uint32_t count) const {
    if (input_.aggregation->aggregate == Aggregate::kSum) return state.value();
    return state.value() / static_cast<double>(count);
  }
  std::vector<double> values_;
};

// The monotonic queue: candidates in order of position, each better than all after it.
class ExtremeKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed& packed) override {
    // Minima of the negated order are maxima; ~x has no overflow.
    const bool max = input_.aggregation->aggregate == Aggregate::kMax;
    const auto flipped = [max](int64_t value) { return max ? ~value : value; };
    values_.resize(packed.size());
    if (input_.of->type() == DataType::kDouble) {
      packed.ForEach(input_.doubles, [&](size_t i, double x) { values_[i] = flipped(OrderedBits(x)); });
    } else {
      packed.ForEach(input_.ints, [&](size_t i, int64_t value) { values_[i] = flipped(value); });
    }
    queue_.resize(packed.size());
  }
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    size_t head = 0;
    size_t tail = 0;
    uint32_t next = 0;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      for (; next < windows.ends[i]; ++next) {
        while (tail > head && values_[queue_[tail - 1]] >= values_[next]) --tail;
        queue_[tail++] = next;
      }
      while (head < tail && queue_[head] < windows.begins[i]) ++head;
      if (head == tail) {
        out.SetDefault(i);
      } else {
        Set(out, i, values_[queue_[head]]);
      }
    }
  }

 private:
  void Set(KeyOutput& out, size_t row, int64_t packed_value) const {
    const int64_t value = input_.aggregation->aggregate == Aggregate::kMax ? ~packed_value : packed_value;
    switch (input_.of->type()) {
      case DataType::kDouble:
        return out.SetDouble(row, FromOrderedBits(value));
      case DataType::kBool:
        return out.SetBool(row, value != 0);
      default:
        return out.SetInt(row, value);
    }
  }
  std::vector<int64_t> values_;
  std::vector<uint32_t> queue_;
};

class EndKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed& packed) override { packed_ = packed; }
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    const bool first = input_.aggregation->aggregate == Aggregate::kFirst;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      if (windows.begins[i] == windows.ends[i]) {
        out.SetDefault(i);
      } else {
        Set(out, i, packed_[first ? windows.begins[i] : windows.ends[i] - 1]);
      }
    }
  }

 private:
  void Set(KeyOutput& out, size_t row, size_t grouped) const {
    switch (input_.of->type()) {
      case DataType::kDouble:
        return out.SetDouble(row, input_.doubles[grouped]);
      case DataType::kBool:
        return out.SetBool(row, input_.ints[grouped] != 0);
      case DataType::kString:
        return out.SetSource(row, input_.ints[grouped]);
      default:
        return out.SetInt(row, input_.ints[grouped]);
    }
  }
  Packed packed_;
};

class DistinctKernel : public Kernel {
 public:
  explicit DistinctKernel(const AggregationInput& input) : Kernel(input), counts_(input.distinct_count, 0) {}
  void Load(const Packed& packed) override { packed_ = packed; }
  void Window(const KeyRows&, const Windows& windows, KeyOutput& out) override {
    uint32_t begin = 0;
    uint32_t end = 0;
    int64_t distinct = 0;
    const auto code = [&](uint32_t i) { return static_cast<size_t>(input_.ints[packed_[i]]); };
    const auto remove = [&] { distinct -= --counts_[code(begin++)] == 0 ? 1 : 0; };
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      while (end < windows.ends[i]) distinct += counts_[code(end++)]++ == 0 ? 1 : 0;
      while (begin < windows.begins[i]) remove();
      if (begin == end) {
        out.SetDefault(i);
      } else {
        out.SetInt(i, distinct);
      }
    }
    while (begin < end) remove();
  }

 private:
  Packed packed_;
  std::vector<uint32_t> counts_;  // by code; all 0 between windows
};

class SinceLastKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(const Packed&) override {}
  void Window(const KeyRows& key, const Windows& windows, KeyOutput& out) override {
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      uint32_t end = windows.ends[i];
      const uint32_t last = key.ends[i];
      const bool own = last > 0 && (key.own.empty() || key.own[i] != 0);
      const bool own_counts =
          own && (packed_count_.empty() || packed_count_[last] != packed_count_[last - 1]);
      if (own_counts && end > windows.begins[i]) --end;
      if (end <= windows.begins[i]) {
        out.SetDefault(i);
        continue;
      }
      const int64_t newest = packed_count_.empty() ? key.times[end - 1] : TimeOf(key, end - 1);
      out.SetDouble(i, static_cast<double>(key.spine_times[i] - newest) / 1e6);
    }
  }

 private:
  // The time of the n-th packed event: the first i with n + 1 of the first i + 1 events.
  int64_t TimeOf(const KeyRows& key, uint32_t n) const {
    size_t low = 0;
    size_t high = key.times.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (packed_count_[middle + 1] <= n) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return key.times[low];
  }
};

std::unique_ptr<Kernel> SumKernel(const AggregationInput& input) {
  if (input.of->type() == DataType::kDouble) {
    if (input.scale) return std::make_unique<FixedSumKernel>(input);
    return std::make_unique<SlidingKernel<ExactSum>>(input);
  }
  if (input.narrow_sums) return std::make_unique<IntSumKernel<int64_t>>(input);
  return std::make_unique<IntSumKernel<Int128>>(input);
}

}  // namespace

std::unique_ptr<Kernel> Kernel::Create(const AggregationInput& input) {
  switch (input.aggregation->aggregate) {
    case Aggregate::kCount:
      return std::make_unique<CountKernel>(input);
    case Aggregate::kSum:
    case Aggregate::kMean:
      return SumKernel(input);
    case Aggregate::kMin:
    case Aggregate::kMax:
      return std::make_unique<ExtremeKernel>(input);
    case Aggregate::kStddev:
      return std::make_unique<SlidingKernel<ExactMoments>>(input);
    case Aggregate::kFirst:
    case Aggregate::kLast:
      return std::make_unique<EndKernel>(input);
    case Aggregate::kDistinct:
      return std::make_unique<DistinctKernel>(input);
    case Aggregate::kTimeSinceLast:
      return std::make_unique<SinceLastKernel>(input);
  }
  return nullptr;
}

Kernel::Packed Kernel::Pack(const KeyRows& key) {
  if (input_.counts.empty()) {
    packed_count_ = {};
    return {key.first_event, key.times.size()};
  }
  picked_.clear();
  counts_.resize(key.times.size() + 1);
  counts_[0] = 0;
  for (size_t i = 0; i < key.times.size(); ++i) {
    if (input_.counts[key.first_event + i] != 0) picked_.push_back(static_cast<uint32_t>(i));
    counts_[i + 1] = static_cast<uint32_t>(picked_.size());
  }
  packed_count_ = counts_;
  return {key.first_event, picked_.size(), picked_.data()};
}

void Kernel::Run(const KeyRows& key, std::span<KeyOutput> outputs) {
  Load(Pack(key));
  std::span<const uint32_t> ends = key.ends;
  if (!packed_count_.empty()) {
    ends_.resize(key.ends.size());
    for (size_t i = 0; i < ends_.size(); ++i) ends_[i] = packed_count_[key.ends[i]];
    ends = ends_;
  }
  for (size_t window = 0; window < outputs.size(); ++window) {
    std::span<const uint32_t> begins = key.begins[window];
    if (!packed_count_.empty()) {
      begins_.resize(begins.size());
      for (size_t i = 0; i < begins_.size(); ++i) begins_[i] = packed_count_[key.begins[window][i]];
      begins = begins_;
    }
    Window(key, {begins, ends}, outputs[window]);
  }
}

}  // namespace millrace::feature
