// The rows of a batch, by key: which events and which spine rows each key has,
// in order of position, and how far into its events each spine row sees.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "feature/batch.h"
#include "feature/internal/key_codes.h"
#include "feature/internal/row_ranges.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// Rows of one side, grouped by key, in order of position within a key. The grouped
// rows of key k are [offsets[k], offsets[k+1]); what is computed over a key's rows is
// first copied into that order (Grouped), so that the inner loops read memory in order.
struct RowGroups {
  std::vector<uint32_t> offsets;
  Buffer<uint32_t> place;  // of each row among the grouped; kNoCode: it has no key
  size_t keys() const { return offsets.size() - 1; }
  size_t size() const { return offsets.back(); }
};

// The rows' values at their places. of(row) is called for each row that has one, in
// order, from up to `threads` threads.
template <typename T, typename Of>
Buffer<T> Grouped(const RowGroups& groups, int threads, Of of) {
  auto grouped = Buffer<T>::Uninitialized(groups.size());
  ForRanges(threads, groups.place.size(), [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      const uint32_t place = groups.place[row];
      if (place != kNoCode) grouped[place] = of(row);
    }
  });
  return grouped;
}

// Where spine rows stand among the events.
struct SpineRows {
  // Row of the result; the order is that of positions. Empty: row i is result row i.
  std::vector<uint32_t> result_rows;
  std::vector<int64_t> times;  // empty: the events'
  size_t count = 0;
  std::vector<uint32_t> ranks;  // how many events have a position not after it; empty: i + 1
  std::vector<uint32_t> own;    // the event that it is; kNoCode for none; empty: i
  size_t size() const { return count; }
};

struct Batch {
  Table events;          // sorted by position
  SpineRows spine;       // sorted by position
  RowGroups event_rows;  // those that the view sees
  RowGroups spine_rows;  // empty when same_rows: those of the events
  bool same_rows = false;
  size_t keys = 0;
  // The grouped events' times and, unless same_rows, rows.
  Buffer<int64_t> event_times;
  Buffer<uint32_t> event_numbers;
  // Of the grouped spine, unless same_rows: as in SpineRows, never empty.
  Buffer<int64_t> spine_times;
  Buffer<uint32_t> ranks;
  Buffer<uint32_t> own;
  const RowGroups& spine_groups() const { return same_rows ? event_rows : spine_rows; }
};

Result<Batch> MakeBatch(const ViewPlan& plan, const Table& events, const Spine& spine, int threads);

// Splits keys into `parts` ranges of about equal numbers of rows.
std::vector<std::pair<size_t, size_t>> SplitKeys(const Batch& batch, size_t parts);

}  // namespace millrace::feature
