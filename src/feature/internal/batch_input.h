// What the kernels of one aggregation read: its columns, in the order of the groups, so
// that a key's values lie side by side.
#pragma once

#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/status.h"
#include "feature/exact_sum.h"
#include "feature/internal/batch_groups.h"
#include "feature/internal/key_codes.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// Shared between the threads of an aggregation.
struct AggregationInput {
  const Aggregation* aggregation = nullptr;
  std::optional<Column> of;
  std::optional<Column> where;
  std::optional<FixedPointScale> scale;  // kSum and kMean of doubles, when they fit
  bool narrow_sums = false;              // kSum and kMean of others: within 64 bits
  Buffer<uint32_t> distinct;             // kDistinct: codes of `of`'s values
  size_t distinct_count = 0;

  // The values in the order of the groups: of doubles, or of all others (bool as 0 and 1,
  // strings as rows of `of`, for kDistinct the codes).
  Buffer<double> doubles;
  Buffer<int64_t> ints;
  Buffer<uint8_t> counts;  // 1: the condition holds and the value is not null; empty: all
};

Result<AggregationInput> PrepareInput(const ViewPlan& plan, const Aggregation& aggregation,
                                      const Table& events, int threads);
void GroupInput(const RowGroups& events, int threads, AggregationInput& input);
// Gives the grouped values back.
void UngroupInput(AggregationInput& input);

}  // namespace millrace::feature
