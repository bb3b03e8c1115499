// The windows of one key, moved over its ring: cursors and exact aggregates.
//
// A window is the rows [begin, end) of the ring. Sliding it adds what enters and
// removes what leaves, at either end; all aggregates are exact, so its value is
// that of its rows, however it got there. Sums and counts take constant time a
// row. Minima and maxima are monotonic queues while the window moves forward and
// are rebuilt by one pass over it after anything else. Not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "feature/exact_sum.h"
#include "feature/internal/event_ring.h"
#include "feature/internal/view_layout.h"
#include "feature/internal/word_table.h"

namespace millrace::feature {

// A feature's value: its bits by the output's type, unless there is none.
struct FeatureWord {
  enum class State : uint8_t { kValue, kNull, kEmpty };  // kEmpty: nothing to aggregate, the default applies
  State state = State::kEmpty;
  uint64_t word = 0;
};

// What a row asks of a window.
struct WindowQuery {
  int64_t time = 0;               // of the row, for time_since_last
  const uint64_t* own = nullptr;  // its own event as a row, when the ring does not hold it and it counts
  bool own_held = false;          // its own event is the ring's row end - 1
};

class KeyWindows {
 public:
  KeyWindows(const ViewLayout& layout, size_t windows);

  // Moves a window to rows [begin, end).
  void Slide(const ViewLayout& layout, const EventRing& ring, size_t window, int64_t begin, int64_t end);
  FeatureWord Read(const ViewLayout& layout, const EventRing& ring, size_t window, size_t aggregation,
                   const WindowQuery& query);

  // Called around changes of the ring.
  void Inserted(const ViewLayout& layout, const EventRing& ring, int64_t sequence);
  void BeforeChange(const ViewLayout& layout, const EventRing& ring, int64_t sequence);
  void AfterChange(const ViewLayout& layout, const EventRing& ring, int64_t sequence);
  void BeforePopFront(const ViewLayout& layout, const EventRing& ring);

  int64_t begin(size_t window) const { return cursors_[window].begin; }
  size_t HeapBytes(const ViewLayout& layout) const;

 private:
  struct Cursor {
    int64_t begin = 0;
    int64_t end = 0;
  };
  struct Sum {
    ExactSum sum;
    int64_t count = 0;
  };
  struct Extreme {
    std::vector<std::pair<int64_t, int64_t>> queue;  // (sequence, ordered value); from `head`
    size_t head = 0;
    bool valid = true;
  };
  struct End {
    int64_t count = 0;
    int64_t sequence = -1;  // of the first (or last) row that counts; -1: not known
  };
  // Which end of the window a row enters or leaves by.
  enum class Side : uint8_t { kFront, kBack, kInside };

  void Reset(const ViewLayout& layout, size_t window, int64_t at);
  void Enter(const ViewLayout& layout, size_t window, const uint64_t* row, int64_t sequence, Side side);
  void Leave(const ViewLayout& layout, size_t window, const uint64_t* row, int64_t sequence, Side side);
  void ForgetSequences(const ViewLayout& layout, size_t window);

  FeatureWord ReadSum(const AggregationLayout& of, Sum& sum, std::optional<uint64_t> own) const;
  FeatureWord ReadMoments(const AggregationLayout& of, ExactMoments& moments,
                          std::optional<uint64_t> own) const;
  FeatureWord ReadExtreme(const ViewLayout& layout, const EventRing& ring, const AggregationLayout& of,
                          size_t window, std::optional<uint64_t> own);
  FeatureWord ReadEnd(const ViewLayout& layout, const EventRing& ring, const AggregationLayout& of,
                      size_t window, std::optional<uint64_t> own);
  FeatureWord ReadDistinct(const AggregationLayout& of, const WordTable& counts,
                           std::optional<uint64_t> own) const;
  FeatureWord ReadSinceLast(const ViewLayout& layout, const EventRing& ring, const AggregationLayout& of,
                            size_t window, const WindowQuery& query);
  // The newest row of [begin, end) that the aggregation takes; -1 for none.
  int64_t FindLast(const ViewLayout& layout, const EventRing& ring, const AggregationLayout& of,
                   int64_t begin, int64_t end) const;

  size_t windows_;
  std::unique_ptr<Cursor[]> cursors_;
  std::unique_ptr<int64_t[]> counts_;
  std::unique_ptr<Sum[]> sums_;
  std::unique_ptr<ExactMoments[]> moments_;
  std::unique_ptr<Extreme[]> extremes_;
  std::unique_ptr<End[]> ends_;
  std::vector<WordTable> distincts_;
};

}  // namespace millrace::feature
