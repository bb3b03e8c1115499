#include "feature/internal/batch_kernels.h"

#include <limits>

#include "feature/internal/key_codes.h"
#include "feature/internal/total_order.h"

namespace millrace::feature {
namespace {

double DoubleAt(const Column& column, size_t row) {
  switch (column.type()) {
    case DataType::kDouble:
      return column.doubles()[row];
    case DataType::kBool:
      return column.bools()[row] != 0 ? 1.0 : 0.0;
    default:
      return static_cast<double>(column.ints()[row]);
  }
}

int64_t IntAt(const Column& column, size_t row) {
  return column.type() == DataType::kBool ? int64_t{column.bools()[row] != 0} : column.ints()[row];
}

class CountKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(std::span<const uint32_t>) override {}
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    const bool zero = input_.aggregation->default_value == Value(int64_t{0});
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      const uint32_t count = windows.ends[i] - windows.begins[i];
      if (count == 0 && !zero) {
        out.SetDefault(key.results[i]);
      } else {
        out.SetInt(key.results[i], count);
      }
    }
  }
};

// Integers whose sum cannot leave 64 bits are added up in them; others in 128.
template <typename Sum>
class IntSumKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(std::span<const uint32_t> packed) override {
    sums_.resize(packed.size() + 1);
    sums_[0] = 0;
    for (size_t i = 0; i < packed.size(); ++i) sums_[i + 1] = sums_[i] + IntAt(*input_.of, packed[i]);
  }
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    const bool mean = input_.aggregation->aggregate == Aggregate::kMean;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      const uint32_t begin = windows.begins[i];
      const uint32_t end = windows.ends[i];
      const size_t row = key.results[i];
      if (begin == end) {
        out.SetDefault(row);
        continue;
      }
      const Sum sum = sums_[end] - sums_[begin];
      if (mean) {
        out.SetDouble(row, Rounded(sum) / static_cast<double>(end - begin));
      } else if (sum > std::numeric_limits<int64_t>::max() || sum < std::numeric_limits<int64_t>::min()) {
        out.SetNull(row);
      } else {
        out.SetInt(row, static_cast<int64_t>(sum));
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
  void Load(std::span<const uint32_t> packed) override {
    const std::span<const double> values = input_.of->doubles();
    sums_.resize(packed.size() + 1);
    Int128 sum = 0;
    sums_[0] = 0;
    for (size_t i = 0; i < packed.size(); ++i) {
      sum += input_.scale->FromDouble(values[packed[i]]);
      sums_[i + 1] = sum;
    }
  }
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    const bool mean = input_.aggregation->aggregate == Aggregate::kMean;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      const uint32_t begin = windows.begins[i];
      const uint32_t end = windows.ends[i];
      if (begin == end) {
        out.SetDefault(key.results[i]);
        continue;
      }
      const double sum = input_.scale->Round(sums_[end] - sums_[begin]);
      out.SetDouble(key.results[i], mean ? sum / static_cast<double>(end - begin) : sum);
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
  void Load(std::span<const uint32_t> packed) override {
    values_.resize(packed.size());
    for (size_t i = 0; i < packed.size(); ++i) values_[i] = DoubleAt(*input_.of, packed[i]);
  }
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    State state;
    uint32_t begin = 0;
    uint32_t end = 0;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      while (end < windows.ends[i]) state.Add(values_[end++]);
      while (begin < windows.begins[i]) state.Remove(values_[begin++]);
      if (begin == end) {
        out.SetDefault(key.results[i]);
      } else if (const std::optional<double> value = Value(state, end - begin)) {
        out.SetDouble(key.results[i], *value);
      } else {
        out.SetNull(key.results[i]);
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
  void Load(std::span<const uint32_t> packed) override {
    // Minima of the negated order are maxima; ~x has no overflow.
    const bool max = input_.aggregation->aggregate == Aggregate::kMax;
    values_.resize(packed.size());
    for (size_t i = 0; i < packed.size(); ++i) {
      const int64_t value = input_.of->type() == DataType::kDouble
                                ? OrderedBits(input_.of->doubles()[packed[i]])
                                : IntAt(*input_.of, packed[i]);
      values_[i] = max ? ~value : value;
    }
    queue_.resize(packed.size());
  }
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
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
        out.SetDefault(key.results[i]);
      } else {
        Set(out, key.results[i], values_[queue_[head]]);
      }
    }
  }

 private:
  void Set(OutputColumn& out, size_t row, int64_t packed_value) const {
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
  void Load(std::span<const uint32_t> packed) override { rows_ = packed; }
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    const bool first = input_.aggregation->aggregate == Aggregate::kFirst;
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      if (windows.begins[i] == windows.ends[i]) {
        out.SetDefault(key.results[i]);
      } else {
        Set(out, key.results[i], rows_[first ? windows.begins[i] : windows.ends[i] - 1]);
      }
    }
  }

 private:
  void Set(OutputColumn& out, size_t row, uint32_t source) const {
    switch (input_.of->type()) {
      case DataType::kDouble:
        return out.SetDouble(row, input_.of->doubles()[source]);
      case DataType::kBool:
        return out.SetBool(row, input_.of->bools()[source] != 0);
      case DataType::kString:
        return out.SetSource(row, source);
      default:
        return out.SetInt(row, input_.of->ints()[source]);
    }
  }
  std::span<const uint32_t> rows_;
};

class DistinctKernel : public Kernel {
 public:
  explicit DistinctKernel(const AggregationInput& input) : Kernel(input), counts_(input.code_count, 0) {}
  void Load(std::span<const uint32_t> packed) override { rows_ = packed; }
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    uint32_t begin = 0;
    uint32_t end = 0;
    int64_t distinct = 0;
    const auto remove = [&] { distinct -= --counts_[input_.codes[rows_[begin++]]] == 0 ? 1 : 0; };
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      while (end < windows.ends[i]) distinct += counts_[input_.codes[rows_[end++]]]++ == 0 ? 1 : 0;
      while (begin < windows.begins[i]) remove();
      if (begin == end) {
        out.SetDefault(key.results[i]);
      } else {
        out.SetInt(key.results[i], distinct);
      }
    }
    while (begin < end) remove();
  }

 private:
  std::span<const uint32_t> rows_;
  std::vector<uint32_t> counts_;  // by code; all 0 between windows
};

class SinceLastKernel : public Kernel {
 public:
  using Kernel::Kernel;
  void Load(std::span<const uint32_t>) override {}
  void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) override {
    for (size_t i = 0; i < windows.ends.size(); ++i) {
      uint32_t end = windows.ends[i];
      const uint32_t last = key.ends[i];
      const bool own = last > 0 && (key.own.empty() || key.own[i] != 0);
      const bool own_counts =
          own && (packed_count_.empty() || packed_count_[last] != packed_count_[last - 1]);
      if (own_counts && end > windows.begins[i]) --end;
      if (end <= windows.begins[i]) {
        out.SetDefault(key.results[i]);
        continue;
      }
      const int64_t newest = packed_count_.empty() ? key.times[end - 1] : TimeOf(key, end - 1);
      out.SetDouble(key.results[i], static_cast<double>(key.spine_times[i] - newest) / 1e6);
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

// Whether the sum of all values is sure to stay within 64 bits.
bool SumsStayNarrow(const Column& column) {
  if (column.type() == DataType::kBool) return true;
  uint64_t largest = 0;
  for (const int64_t value : column.ints()) {
    const uint64_t magnitude =
        value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest < (uint64_t{1} << 62) / (column.size() + 1);
}

std::unique_ptr<Kernel> SumKernel(const AggregationInput& input) {
  if (input.of->type() == DataType::kDouble) {
    if (input.scale) return std::make_unique<FixedSumKernel>(input);
    return std::make_unique<SlidingKernel<ExactSum>>(input);
  }
  if (SumsStayNarrow(*input.of)) return std::make_unique<IntSumKernel<int64_t>>(input);
  return std::make_unique<IntSumKernel<Int128>>(input);
}

}  // namespace

Result<AggregationInput> PrepareInput(const ViewPlan& plan, const Aggregation& aggregation,
                                      const Table& events) {
  AggregationInput input;
  input.aggregation = &aggregation;
  if (aggregation.where) {
    MR_ASSIGN_OR_RETURN(input.where, plan.slots[*aggregation.where].expression.Evaluate(events));
  }
  if (!aggregation.of) return input;
  MR_ASSIGN_OR_RETURN(input.of, plan.slots[*aggregation.of].expression.Evaluate(events));
  const bool sums = aggregation.aggregate == Aggregate::kSum || aggregation.aggregate == Aggregate::kMean;
  if (sums && input.of->type() == DataType::kDouble) {
    input.scale = FixedPointScale::Fit(input.of->doubles(), input.of->valid());
  }
  if (aggregation.aggregate == Aggregate::kDistinct) {
    ValueCodes codes(input.of->type());
    input.codes = codes.Encode(*input.of);
    input.code_count = codes.size();
  }
  return input;
}

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

void Kernel::Pack(const KeyRows& key) {
  const bool nulls = input_.of && input_.of->has_nulls();
  if (!nulls && !input_.where) {
    packed_ = key.events;
    packed_count_ = {};
    return;
  }
  packed_rows_.clear();
  counts_.resize(key.events.size() + 1);
  counts_[0] = 0;
  for (size_t i = 0; i < key.events.size(); ++i) {
    const uint32_t row = key.events[i];
    const bool passes = !input_.where || (!input_.where->IsNull(row) && input_.where->bools()[row] != 0);
    if (passes && !(nulls && input_.of->IsNull(row))) packed_rows_.push_back(row);
    counts_[i + 1] = static_cast<uint32_t>(packed_rows_.size());
  }
  packed_ = packed_rows_;
  packed_count_ = counts_;
}

void Kernel::Run(const KeyRows& key, std::span<OutputColumn* const> outputs) {
  Pack(key);
  Load(packed_);
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
    Window(key, {begins, ends}, *outputs[window]);
  }
}

}  // namespace millrace::feature
