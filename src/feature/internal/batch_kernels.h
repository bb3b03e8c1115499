// Aggregation over the windows of one key: the inner loops of a batch.
//
// A kernel loads the key's values that count (where the condition holds and the value is
// not null) into an array, then answers every spine row from two indices into it that
// only grow.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "feature/internal/batch_input.h"
#include "feature/internal/batch_output.h"

namespace millrace::feature {

// One key's events and spine rows, in order of position.
struct KeyRows {
  size_t first_event = 0;          // among the grouped
  std::span<const int64_t> times;  // of the events
  std::span<const int64_t> spine_times;
  std::span<const uint32_t> ends;                 // events [begin, end) are in the window
  std::vector<std::span<const uint32_t>> begins;  // by window
  std::span<const uint8_t> own;  // the last event in the window is the row itself; empty: all
};

// One thread's kernel of one aggregation; it keeps its scratch between keys.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // `outputs`: of the aggregation, one a window.
  void Run(const KeyRows& key, std::span<KeyOutput> outputs);

  static std::unique_ptr<Kernel> Create(const AggregationInput& input);

  explicit Kernel(const AggregationInput& input) : input_(input) {}

 protected:
  // The key's events that count: `count` of the grouped events, from `first` on.
  struct Packed {
    size_t first = 0;
    size_t count = 0;
    const uint32_t* picked = nullptr;  // which, from `first`; null: all

    size_t size() const { return count; }
    size_t operator[](size_t i) const { return first + (picked == nullptr ? i : picked[i]); }
    template <typename T, typename Take>
    void ForEach(const Buffer<T>& grouped, Take take) const {
      const T* const values = grouped.data() + first;
      if (picked == nullptr) {
        for (size_t i = 0; i < count; ++i) take(i, values[i]);
      } else {
        for (size_t i = 0; i < count; ++i) take(i, values[picked[i]]);
      }
    }
  };
  struct Windows {
    std::span<const uint32_t> begins;  // into the packed events
    std::span<const uint32_t> ends;
  };
  // Called once a key, before its windows.
  virtual void Load(const Packed& packed) = 0;
  virtual void Window(const KeyRows& key, const Windows& windows, KeyOutput& out) = 0;

  const AggregationInput& input_;
  std::span<const uint32_t> packed_count_;  // how many of the first i events count; empty: i

 private:
  Packed Pack(const KeyRows& key);

  std::vector<uint32_t> picked_;
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> ends_;
  std::vector<uint32_t> begins_;
};

}  // namespace millrace::feature
