// VersionSlot<T>: the current version of an immutable T, which readers pin
// without waiting and a writer replaces.
//
// Load costs two additions on a counter that mostly the calling thread uses and
// one on the version's own; it never waits, also not during an Exchange. What it
// returns stays alive until the last holder lets go. Exchange waits only for
// readers that are inside Load at that moment (nanoseconds), never for holders.
//
// Why it is right: a reader announces itself in a counter before it reads the
// pointer, both sequentially consistent. A reader that saw the old pointer
// therefore announced itself before the exchange, and stays counted until it has
// its own reference; once Exchange has seen every counter at zero after the
// exchange, no such reader is left. Readers alternate between two sets of
// counters, so that new ones do not keep a set from draining (as in sleepable
// RCU: McKenney, "Sleepable Read-Copy Update", 2006).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "telemetry/metrics.h"

namespace millrace::inference {

template <typename T>
class VersionSlot {
 public:
  VersionSlot() = default;
  // No thread may be using the slot; versions that are held live on.
  ~VersionSlot() { delete current_.load(); }
  VersionSlot(const VersionSlot&) = delete;
  VersionSlot& operator=(const VersionSlot&) = delete;

  // The current version; null before the first Exchange. Shared: a reader keeps
  // its version while the slot moves on.
  std::shared_ptr<const T> Load() const {
    Readers& readers = readers_[telemetry::ThisShard()];
    const uint32_t set = epoch_.load(std::memory_order_seq_cst) & 1U;
    readers.count[set].fetch_add(1, std::memory_order_seq_cst);
    const Box* box = current_.load(std::memory_order_seq_cst);
    std::shared_ptr<const T> version = box == nullptr ? nullptr : *box;
    readers.count[set].fetch_sub(1, std::memory_order_release);
    return version;
  }

  // Publishes `next` (null: nothing) and returns what was there.
  std::shared_ptr<const T> Exchange(std::shared_ptr<const T> next) {
    const std::lock_guard<std::mutex> lock(writers_);
    auto box = next == nullptr ? nullptr : std::make_unique<Box>(std::move(next));
    const std::unique_ptr<Box> old(current_.exchange(box.release(), std::memory_order_seq_cst));
    WaitForReaders((epoch_.load() + 1) & 1U);
    WaitForReaders(epoch_.fetch_add(1, std::memory_order_seq_cst) & 1U);
    return old == nullptr ? nullptr : std::move(*old);
  }

 private:
  using Box = std::shared_ptr<const T>;
  struct alignas(64) Readers {
    std::array<std::atomic<int64_t>, 2> count{};
  };

  void WaitForReaders(uint32_t set) const {
    for (const Readers& readers : readers_) {
      while (readers.count[set].load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
    }
  }

  std::mutex writers_;
  std::atomic<Box*> current_{nullptr};
  std::atomic<uint32_t> epoch_{0};
  mutable std::array<Readers, telemetry::kShards> readers_;
};

}  // namespace millrace::inference
