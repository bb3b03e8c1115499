// ViewState: what one view holds online: for each key its events and windows.
//
// Keys are spread over shards by hash; a shard has one lock, held for one event
// or one read. Readers of one key also move its windows forward, so they lock,
// too; the exact aggregates make that invisible to anyone else.
//
// Events older than `horizon` (an event time that no read will ever reach back
// to) are let go when their key is touched, and by Sweep. A key itself stays.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "feature/cell.h"
#include "feature/internal/event_ring.h"
#include "feature/internal/key_windows.h"
#include "feature/internal/text_pool.h"
#include "feature/internal/view_layout.h"
#include "feature/plan.h"

namespace millrace::feature {

inline constexpr int64_t kBeginningOfTime = INT64_MIN / 2;

// A place in the order of a source's events.
struct Position {
  enum class Kind : uint8_t {
    kId,       // an event with an id
    kArrival,  // one without, the `arrival`-th: after those with an id at its instant
    kLast,     // after every event at its instant
  };
  int64_t time = 0;
  Kind kind = Kind::kLast;
  Cell id;
  uint64_t arrival = 0;
};

// The bytes of a composite key: each part with its length, so that no two keys share them.
class KeyBytes {
 public:
  // Clears and fills it; false when a part is null, and then the key matches nothing.
  bool Set(std::span<const Cell> parts, std::span<const DataType> types);
  std::string_view bytes() const { return bytes_; }
  uint64_t hash() const { return hash_; }

 private:
  std::string bytes_;
  uint64_t hash_ = 0;
};
uint64_t HashBytes(std::string_view bytes);

// A key of a view: shard and number in it. Valid as long as the ViewState.
using KeyHandle = uint64_t;

// What a read gives for each output asked for: a word by the output's type.
struct ViewRead {
  bool known = false;    // the key has been seen
  bool expired = false;  // its newest event is older than the ttl: every value is null
  std::optional<int64_t> newest;
  std::span<FeatureWord> words;  // one for each output asked for
};

// Working space of one thread; reused between calls.
struct ViewScratch {
  std::vector<uint64_t> row;
  std::vector<FeatureWord> words;
};

class ViewState {
 public:
  explicit ViewState(ViewPlanPtr plan);

  const ViewPlan& plan() const { return *plan_; }
  const ViewPlanPtr& plan_ptr() const { return plan_; }
  const ViewLayout& layout() const { return layout_; }
  std::span<const DataType> key_types() const { return key_types_; }
  // Whether a slot reads a column that is known later.
  bool reads_later() const { return reads_later_; }

  // Adds an event. `slots`: the plan's, evaluated. Not twice the same id.
  KeyHandle Insert(const KeyBytes& key, const Position& at, std::span<const Cell> slots, int64_t horizon);
  // Gives the event other slots; false when the key no longer holds it.
  bool Change(KeyHandle key, const Position& at, std::span<const Cell> slots);
  // The event's slots as they are, texts copied to `texts`; false when it is not held.
  bool Slots(KeyHandle key, const Position& at, std::vector<Cell>& slots,
             std::deque<std::string>& texts) const;

  // Values of `outputs` for a row at `at`. `own`: the slots of the row's own event, when
  // it counts in its own window (it is not counted twice when the state holds it).
  // `on_text(output's place, text)` is called for values of type string, under the lock.
  template <typename OnText>
  void Read(const KeyBytes& key, const Position& at, const std::span<const Cell>* own,
            std::span<const uint32_t> outputs, ViewScratch& scratch, ViewRead& read, const OnText& on_text);

  void Sweep(int64_t horizon);

  struct Totals {
    int64_t keys = 0;
    int64_t events = 0;
    int64_t bytes = 0;
  };
  Totals Count() const;

  // Everything held, key by key, in an order that RestoreKey keeps: for snapshots.
  // Only while nobody writes.
  struct KeyView {
    std::string_view key;
    int64_t evicted_until;
    const EventRing* ring;
    const TextPool* texts;
  };
  template <typename Visit>
  void ForEachKey(const Visit& visit) const {
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      for (const Key& key : shard.keys) visit(KeyView{key.bytes, key.evicted_until, &key.ring, &shard.texts});
    }
  }
  // A key as ForEachKey gave it, to be filled by RestoreRow in order.
  KeyHandle RestoreKey(std::string_view bytes, int64_t evicted_until);
  // Words as in the ring; texts[i] is the text of the i-th text word (the id first, then text_slots).
  void RestoreRow(KeyHandle key, std::span<const uint64_t> words, std::span<const std::string_view> texts);
  // Numbers keys in the order of ForEachKey.
  std::vector<uint64_t> FirstOrdinals() const;

 private:
  static constexpr size_t kShards = 64;
  struct Key {
    std::string bytes;
    EventRing ring;
    int64_t evicted_until = kBeginningOfTime;  // the newest event that was let go
    std::unique_ptr<KeyWindows> windows;       // made by the first read
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    // Open addressing: (high half of the hash << 32 | number + 1), 0 for free.
    std::vector<uint64_t> table;
    std::deque<Key> keys;  // stable addresses
    TextPool texts;        // ids and slots of type string
    int64_t events = 0;
  };

  Shard& ShardOf(uint64_t hash) { return shards_[hash >> 58]; }
  Shard& ShardOfKey(KeyHandle key) const { return const_cast<Shard&>(shards_[key >> 32]); }
  static Key* FindKey(Shard& shard, std::string_view bytes, uint64_t hash);
  static uint32_t FindOrAddKey(Shard& shard, std::string_view bytes, uint64_t hash);

  int ComparePositions(const Shard& shard, const uint64_t* row, const Position& at) const;
  // The first row that stands after `at`.
  int64_t UpperBound(const Shard& shard, const EventRing& ring, const Position& at) const;
  int64_t FirstAfter(const EventRing& ring, int64_t time, int64_t hint) const;
  std::optional<int64_t> FindRow(const Shard& shard, const Key& key, const Position& at) const;
  void WriteRow(Shard& shard, uint64_t* row, const Position& at, std::span<const Cell> slots);
  void ReleaseTexts(Shard& shard, const uint64_t* row);
  void Evict(Shard& shard, Key& key, int64_t horizon);
  void FillOwnRow(const Shard& shard, const Position& at, std::span<const Cell> slots,
                  std::vector<uint64_t>& row) const;
  void ReadKey(Shard& shard, Key& key, const Position& at, const std::span<const Cell>* own,
               std::span<const uint32_t> outputs, ViewScratch& scratch, ViewRead& read);
  void ReadEmpty(const Shard& shard, const Position& at, const std::span<const Cell>* own,
                 std::span<const uint32_t> outputs, ViewScratch& scratch, ViewRead& read);

  ViewPlanPtr plan_;
  ViewLayout layout_;
  std::vector<DataType> key_types_;
  bool reads_later_ = false;
  std::array<Shard, kShards> shards_;
};

template <typename OnText>
void ViewState::Read(const KeyBytes& key, const Position& at, const std::span<const Cell>* own,
                     std::span<const uint32_t> outputs, ViewScratch& scratch, ViewRead& read,
                     const OnText& on_text) {
  scratch.words.assign(outputs.size(), FeatureWord());
  read.words = scratch.words;
  Shard& shard = ShardOf(key.hash());
  const std::lock_guard lock(shard.mutex);
  Key* const found = FindKey(shard, key.bytes(), key.hash());
  read.known = found != nullptr;
  if (found == nullptr) {
    ReadEmpty(shard, at, own, outputs, scratch, read);
    return;
  }
  ReadKey(shard, *found, at, own, outputs, scratch, read);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (plan_->outputs[outputs[i]].type != DataType::kString) continue;
    if (read.words[i].state == FeatureWord::State::kValue) on_text(i, shard.texts.Text(read.words[i].word));
  }
}

}  // namespace millrace::feature
