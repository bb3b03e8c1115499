// Work over a batch's rows, a range of them a task.
//
//   ForRanges(threads, rows, [&](size_t begin, size_t end) { … });
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/parallel.h"

namespace millrace::feature {

struct RowRange {
  size_t begin = 0;
  size_t end = 0;
};

// A few ranges for each thread (0: one a core), so that one that is held up holds up
// little; one range when there is little to do.
inline std::vector<RowRange> SplitRows(int threads, size_t rows) {
  constexpr size_t kFewRows = 50'000;
  const size_t workers =
      threads > 0 ? static_cast<size_t>(threads) : std::max(1U, std::thread::hardware_concurrency());
  const size_t parts = rows < kFewRows || workers == 1 ? 1 : 4 * workers;
  std::vector<RowRange> ranges;
  for (size_t part = 0; part < parts; ++part) {
    ranges.push_back({rows * part / parts, rows * (part + 1) / parts});
  }
  return ranges;
}

// Precondition: work(begin, end) may run for distinct ranges at once.
template <typename Work>
void ForRanges(int threads, size_t rows, const Work& work) {
  const std::vector<RowRange> ranges = SplitRows(threads, rows);
  (void)ParallelFor(threads, ranges.size(), [&](size_t i) {
    work(ranges[i].begin, ranges[i].end);
    return Ok();
  }).ok();
}

// The lowest and the highest value; (INT64_MAX, INT64_MIN) of none.
inline std::pair<int64_t, int64_t> RangeOf(std::span<const int64_t> values, int threads) {
  std::pair<int64_t, int64_t> all(INT64_MAX, INT64_MIN);
  std::mutex mutex;  // of `all`
  ForRanges(threads, values.size(), [&](size_t begin, size_t end) {
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    for (size_t row = begin; row < end; ++row) {
      low = values[row] < low ? values[row] : low;
      high = values[row] > high ? values[row] : high;
    }
    const std::lock_guard lock(mutex);
    all = {std::min(all.first, low), std::max(all.second, high)};
  });
  return all;
}

}  // namespace millrace::feature
