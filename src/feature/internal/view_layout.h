// How a view's events and aggregates lie in memory: fixed by its plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "feature/plan.h"

namespace millrace::feature {

// What an aggregation keeps for each key and window.
enum class Accumulator : uint8_t { kNone, kCount, kSum, kMoments, kExtreme, kEnd, kDistinct };

struct AggregationLayout {
  Aggregate aggregate = Aggregate::kCount;
  Accumulator accumulator = Accumulator::kNone;
  DataType of_type = DataType::kInt64;
  int of = -1;       // slot
  int where = -1;    // slot
  size_t index = 0;  // among the accumulators of its kind in one window
};

// A row: [time][id][presence…][slot…]. Presence bit 0 says that there is an id, bit s + 1 slot s.
struct ViewLayout {
  explicit ViewLayout(const ViewPlan& plan);

  size_t slots = 0;
  size_t presence_words = 1;
  size_t stride = 0;
  bool text_ids = false;
  std::vector<size_t> text_slots;
  std::vector<AggregationLayout> aggregations;
  // Accumulators of each kind in one window.
  size_t counts = 0, sums = 0, moments = 0, extremes = 0, ends = 0, distincts = 0;

  static int64_t Time(const uint64_t* row) { return static_cast<int64_t>(row[0]); }
  static uint64_t Id(const uint64_t* row) { return row[1]; }
  static bool HasId(const uint64_t* row) { return (row[2] & 1) != 0; }
  static bool Has(const uint64_t* row, int slot) {
    const unsigned bit = static_cast<unsigned>(slot) + 1;
    return (row[2 + bit / 64] >> (bit % 64) & 1) != 0;
  }
  uint64_t Slot(const uint64_t* row, int slot) const {
    return row[2 + presence_words + static_cast<size_t>(slot)];
  }
  // Whether the aggregation takes the event: its condition holds and its value is there.
  bool Takes(const AggregationLayout& aggregation, const uint64_t* row) const {
    if (aggregation.where >= 0 && (!Has(row, aggregation.where) || Slot(row, aggregation.where) == 0))
      return false;
    return aggregation.of < 0 || Has(row, aggregation.of);
  }
};

}  // namespace millrace::feature
