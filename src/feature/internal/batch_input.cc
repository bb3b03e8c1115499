#include "feature/internal/batch_input.h"

#include <mutex>

#include "feature/internal/row_ranges.h"

namespace millrace::feature {
namespace {

// Whether the sum of all values is sure to stay within 64 bits.
bool SumsStayNarrow(const Column& column, int threads) {
  if (column.type() == DataType::kBool || column.size() == 0) return true;
  const auto [low, high] = RangeOf(column.ints(), threads);
  const int64_t limit = (int64_t{1} << 62) / (static_cast<int64_t>(column.size()) + 1);
  return -limit < low && high < limit;
}

std::optional<FixedPointScale> FitScale(const Column& column, int threads) {
  FixedPointScale::Extent all;
  std::mutex mutex;  // of `all`
  ForRanges(threads, column.size(), [&](size_t begin, size_t end) {
    const std::span<const uint8_t> valid =
        column.has_nulls() ? column.valid().subspan(begin, end - begin) : column.valid();
    const auto extent = FixedPointScale::ExtentOf(column.doubles().subspan(begin, end - begin), valid);
    const std::lock_guard lock(mutex);
    all.Add(extent);
  });
  return FixedPointScale::Fit(all, column.size());
}

}  // namespace

Result<AggregationInput> PrepareInput(const ViewPlan& plan, const Aggregation& aggregation,
                                      const Table& events, int threads) {
  AggregationInput input;
  input.aggregation = &aggregation;
  if (aggregation.where) {
    MR_ASSIGN_OR_RETURN(input.where, plan.slots[*aggregation.where].expression.Evaluate(events));
  }
  if (!aggregation.of) return input;
  MR_ASSIGN_OR_RETURN(input.of, plan.slots[*aggregation.of].expression.Evaluate(events));
  const bool sums = aggregation.aggregate == Aggregate::kSum || aggregation.aggregate == Aggregate::kMean;
  if (sums && input.of->type() == DataType::kDouble) {
    input.scale = FitScale(*input.of, threads);
  } else if (sums) {
    input.narrow_sums = SumsStayNarrow(*input.of, threads);
  }
  if (aggregation.aggregate == Aggregate::kDistinct) {
    ValueCodes codes(input.of->type());
    input.distinct = codes.Encode(*input.of, threads);
    input.distinct_count = codes.size();
  }
  return input;
}

void GroupInput(const RowGroups& events, int threads, AggregationInput& input) {
  const std::optional<Column>& of = input.of;
  const bool nulls = of && of->has_nulls();
  if (nulls || input.where) {
    input.counts = Grouped<uint8_t>(events, threads, [&](size_t row) -> uint8_t {
      const bool holds = !input.where || (!input.where->IsNull(row) && input.where->bools()[row] != 0);
      return holds && !(nulls && of->IsNull(row)) ? 1 : 0;
    });
  }
  if (!of || input.aggregation->aggregate == Aggregate::kCount) return;
  const auto ints = [&](auto value) { input.ints = Grouped<int64_t>(events, threads, value); };
  if (input.aggregation->aggregate == Aggregate::kDistinct) {
    return ints([&](size_t row) { return int64_t{input.distinct[row]}; });
  }
  switch (of->type()) {
    case DataType::kDouble: {
      const std::span<const double> values = of->doubles();
      input.doubles = Grouped<double>(events, threads, [&](size_t row) { return values[row]; });
      return;
    }
    case DataType::kBool:
      return ints([&](size_t row) { return int64_t{of->bools()[row] != 0}; });
    case DataType::kString:
      return ints([](size_t row) { return static_cast<int64_t>(row); });
    case DataType::kInt64:
    case DataType::kTimestamp:
      return ints([values = of->ints()](size_t row) { return values[row]; });
  }
}

void UngroupInput(AggregationInput& input) {
  input.doubles = {};
  input.ints = {};
  input.counts = {};
}

}  // namespace millrace::feature
