// The rows of a batch, by key: which events and which spine rows each key has,
// in order of position, and how far into its events each spine row sees.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "feature/batch.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// Rows of one side, grouped by key: those of key k are rows[offsets[k], offsets[k+1]).
struct RowGroups {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> offsets;
  std::span<const uint32_t> Of(size_t key) const {
    return std::span<const uint32_t>(rows).subspan(offsets[key], offsets[key + 1] - offsets[key]);
  }
};

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
  RowGroups spine_rows;  // the same object's rows are in `event_rows` when same_rows
  bool same_rows = false;
  std::vector<uint32_t> unmatched;  // spine rows whose key is null or has no events
  size_t keys = 0;
  const RowGroups& spine_groups() const { return same_rows ? event_rows : spine_rows; }
};

Result<Batch> MakeBatch(const ViewPlan& plan, const Table& events, const Spine& spine, int threads);

// Splits keys into `parts` ranges of about equal numbers of rows.
std::vector<std::pair<size_t, size_t>> SplitKeys(const Batch& batch, size_t parts);

}  // namespace millrace::feature
