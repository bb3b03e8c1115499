// Aggregation over the windows of one key: the inner loops of a batch.
//
// A kernel first packs the key's values that count (where the condition holds
// and the value is not null) into a dense array, then answers every spine row
// from two indices into it that only grow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "feature/exact_sum.h"
#include "feature/internal/batch_output.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// One key's events and spine rows, in order of position.
struct KeyRows {
  std::span<const uint32_t> events;   // rows of the events' table
  std::span<const int64_t> times;     // of the events
  std::span<const uint32_t> results;  // rows of the result
  std::span<const int64_t> spine_times;
  std::span<const uint32_t> ends;                 // events [begin, end) are in the window
  std::vector<std::span<const uint32_t>> begins;  // by window
  std::span<const uint8_t> own;  // the last event in the window is the row itself; empty: all
};

// What the kernels of one aggregation share between threads: its columns, once.
struct AggregationInput {
  const Aggregation* aggregation = nullptr;
  std::optional<Column> of;
  std::optional<Column> where;
  std::optional<FixedPointScale> scale;  // kSum and kMean of doubles, when they fit
  std::vector<uint32_t> codes;           // kDistinct: of `of`'s values
  size_t code_count = 0;
};

Result<AggregationInput> PrepareInput(const ViewPlan& plan, const Aggregation& aggregation,
                                      const Table& events);

// One thread's kernel of one aggregation; it keeps its scratch between keys.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // `outputs`: of the aggregation, one a window.
  void Run(const KeyRows& key, std::span<OutputColumn* const> outputs);

  static std::unique_ptr<Kernel> Create(const AggregationInput& input);

  explicit Kernel(const AggregationInput& input) : input_(input) {}

 protected:
  struct Windows {
    std::span<const uint32_t> begins;  // into the packed rows
    std::span<const uint32_t> ends;
  };
  // Called once a key, before its windows. `packed`: rows of the events' table.
  virtual void Load(std::span<const uint32_t> packed) = 0;
  virtual void Window(const KeyRows& key, const Windows& windows, OutputColumn& out) = 0;

  const AggregationInput& input_;
  std::span<const uint32_t> packed_;        // the events that count
  std::span<const uint32_t> packed_count_;  // how many of the first i events count; empty: i

 private:
  void Pack(const KeyRows& key);

  std::vector<uint32_t> packed_rows_;
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> ends_;
  std::vector<uint32_t> begins_;
};

}  // namespace millrace::feature
