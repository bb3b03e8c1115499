#include "feature/internal/view_state.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "base/status.h"

namespace millrace::feature {
namespace {

// Chosen anew by each process, so that nobody outside can make keys collide.
uint64_t ProcessSeed() {
  static const uint64_t seed = [] {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
  }();
  return seed;
}

uint64_t WordOf(DataType type, const Cell& cell) {
  return type == DataType::kBool ? uint64_t{cell.boolean != 0} : static_cast<uint64_t>(cell.integer);
}

constexpr size_t kKeyEntryBytes = 24;  // its share of the table and of the deque's blocks

}  // namespace

uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = ProcessSeed() ^ (bytes.size() * 0x9e3779b97f4a7c15);
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = MixBits(hash ^ word) + 0x9e3779b97f4a7c15;
    bytes.remove_prefix(8);
  }
  uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return MixBits(hash ^ rest);
}

bool KeyBytes::Set(std::span<const Cell> parts, std::span<const DataType> types) {
  bytes_.clear();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].is_null()) return false;
    if (types[i] == DataType::kString) {
      const uint32_t length = parts[i].length;
      bytes_.append(reinterpret_cast<const char*>(&length), sizeof length);
      bytes_.append(parts[i].text());
    } else {
      const uint64_t word = WordOf(types[i], parts[i]);
      bytes_.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
  }
  hash_ = HashBytes(bytes_);
  return true;
}

ViewState::ViewState(ViewPlanPtr plan) : plan_(std::move(plan)), layout_(*plan_) {
  for (const size_t key : plan_->keys) key_types_.push_back(plan_->source.schema[key].type);
  reads_later_ =
      std::any_of(plan_->slots.begin(), plan_->slots.end(), [](const Slot& s) { return s.known_later; });
}

ViewState::Key* ViewState::FindKey(Shard& shard, std::string_view bytes, uint64_t hash) {
  if (shard.table.empty()) return nullptr;
  const size_t mask = shard.table.size() - 1;
  const uint64_t tag = hash & 0xffffffff00000000;
  for (size_t slot = hash & mask; shard.table[slot] != 0; slot = (slot + 1) & mask) {
    if ((shard.table[slot] & 0xffffffff00000000) != tag) continue;
    Key& key = shard.keys[(shard.table[slot] & 0xffffffff) - 1];
    if (key.bytes == bytes) return &key;
  }
  return nullptr;
}

uint32_t ViewState::FindOrAddKey(Shard& shard, std::string_view bytes, uint64_t hash) {
  const auto place = [&](uint64_t entry, uint64_t low) {
    const size_t mask = shard.table.size() - 1;
    size_t slot = low & mask;
    while (shard.table[slot] != 0) slot = (slot + 1) & mask;
    shard.table[slot] = entry;
  };
  if (!shard.table.empty()) {
    const size_t mask = shard.table.size() - 1;
    const uint64_t tag = hash & 0xffffffff00000000;
    for (size_t slot = hash & mask; shard.table[slot] != 0; slot = (slot + 1) & mask) {
      const uint32_t number = static_cast<uint32_t>(shard.table[slot]) - 1;
      if ((shard.table[slot] & 0xffffffff00000000) == tag && shard.keys[number].bytes == bytes) return number;
    }
  }
  if ((shard.keys.size() + 1) * 3 > shard.table.size() * 2) {
    shard.table.assign(std::max<size_t>(16, shard.table.size() * 2), 0);
    for (size_t i = 0; i < shard.keys.size(); ++i) {
      const uint64_t old = HashBytes(shard.keys[i].bytes);
      place((old & 0xffffffff00000000) | (i + 1), old);
    }
  }
  const uint32_t number = static_cast<uint32_t>(shard.keys.size());
  shard.keys.emplace_back().bytes = bytes;
  place((hash & 0xffffffff00000000) | (uint64_t{number} + 1), hash);
  return number;
}

// Below 0 when the row stands before `at`, 0 when it is that very event.
int ViewState::ComparePositions(const Shard& shard, const uint64_t* row, const Position& at) const {
  const int64_t time = ViewLayout::Time(row);
  if (time != at.time) return time < at.time ? -1 : 1;
  if (at.kind == Position::Kind::kLast) return -1;
  const bool has_id = ViewLayout::HasId(row);
  if (has_id != (at.kind == Position::Kind::kId)) return has_id ? -1 : 1;
  if (!has_id) {
    return ViewLayout::Id(row) < at.arrival ? -1 : ViewLayout::Id(row) > at.arrival ? 1 : 0;
  }
  if (layout_.text_ids) return shard.texts.Text(ViewLayout::Id(row)).compare(at.id.text());
  const int64_t id = static_cast<int64_t>(ViewLayout::Id(row));
  return id < at.id.integer ? -1 : id > at.id.integer ? 1 : 0;
}

// Events mostly come in order, and reads are mostly at the end.
int64_t ViewState::UpperBound(const Shard& shard, const EventRing& ring, const Position& at) const {
  int64_t high = ring.last();
  if (high == ring.first() || ComparePositions(shard, ring.Row(high - 1, layout_.stride), at) <= 0)
    return high;
  int64_t low = ring.first();
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (ComparePositions(shard, ring.Row(middle, layout_.stride), at) <= 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The first row whose time is after `time`, sought outwards from `hint`, where it mostly is.
int64_t ViewState::FirstAfter(const EventRing& ring, int64_t time, int64_t hint) const {
  const auto after = [&](int64_t at) { return ViewLayout::Time(ring.Row(at, layout_.stride)) > time; };
  int64_t low = ring.first();
  int64_t high = ring.last();
  hint = std::clamp(hint, low, high);
  if (hint < high && !after(hint)) {
    low = hint + 1;
    for (int64_t step = 1; low + step <= high; step *= 2) {
      if (after(low + step - 1)) {
        high = low + step - 1;
        break;
      }
      low += step;
    }
  } else {
    high = hint;
    for (int64_t step = 1; high - step >= low; step *= 2) {
      if (!after(high - step)) {
        low = high - step + 1;
        break;
      }
      high -= step;
    }
  }
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (after(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::optional<int64_t> ViewState::FindRow(const Shard& shard, const Key& key, const Position& at) const {
  const int64_t after = UpperBound(shard, key.ring, at);
  if (after == key.ring.first()) return std::nullopt;
  if (ComparePositions(shard, key.ring.Row(after - 1, layout_.stride), at) != 0) return std::nullopt;
  return after - 1;
}

void ViewState::WriteRow(Shard& shard, uint64_t* row, const Position& at, std::span<const Cell> slots) {
  const bool has_id = at.kind == Position::Kind::kId;
  row[0] = static_cast<uint64_t>(at.time);
  row[1] = !has_id            ? at.arrival
           : layout_.text_ids ? shard.texts.Acquire(at.id.text())
                              : static_cast<uint64_t>(at.id.integer);
  uint64_t* const presence = row + 2;
  for (size_t i = 0; i < layout_.presence_words; ++i) presence[i] = 0;
  presence[0] = has_id ? 1 : 0;
  uint64_t* const words = presence + layout_.presence_words;
  for (size_t slot = 0; slot < slots.size(); ++slot) {
    words[slot] = 0;
    if (slots[slot].is_null()) continue;
    presence[(slot + 1) / 64] |= uint64_t{1} << ((slot + 1) % 64);
    const DataType type = plan_->slots[slot].type;
    words[slot] =
        type == DataType::kString ? shard.texts.Acquire(slots[slot].text()) : WordOf(type, slots[slot]);
  }
}

void ViewState::ReleaseTexts(Shard& shard, const uint64_t* row) {
  if (layout_.text_ids && ViewLayout::HasId(row)) shard.texts.Release(ViewLayout::Id(row));
  for (const size_t slot : layout_.text_slots) {
    const int number = static_cast<int>(slot);
    if (ViewLayout::Has(row, number)) shard.texts.Release(layout_.Slot(row, number));
  }
}

void ViewState::Evict(Shard& shard, Key& key, int64_t horizon) {
  while (key.ring.size() > 0) {
    const uint64_t* const row = key.ring.Row(key.ring.first(), layout_.stride);
    if (ViewLayout::Time(row) > horizon) return;
    key.evicted_until = ViewLayout::Time(row);
    if (key.windows) key.windows->BeforePopFront(layout_, key.ring);
    ReleaseTexts(shard, row);
    key.ring.PopFront();
    --shard.events;
  }
}

KeyHandle ViewState::Insert(const KeyBytes& key_bytes, const Position& at, std::span<const Cell> slots,
                            int64_t horizon) {
  Shard& shard = ShardOf(key_bytes.hash());
  const uint64_t shard_number = key_bytes.hash() >> 58;
  const std::lock_guard lock(shard.mutex);
  const uint32_t number = FindOrAddKey(shard, key_bytes.bytes(), key_bytes.hash());
  Key& key = shard.keys[number];
  Evict(shard, key, horizon);
  if (at.time <= horizon) {
    key.evicted_until = std::max(key.evicted_until, at.time);
    return (shard_number << 32) | number;
  }
  const int64_t sequence = UpperBound(shard, key.ring, at);
  WriteRow(shard, key.ring.Insert(sequence, layout_.stride), at, slots);
  ++shard.events;
  if (key.windows) key.windows->Inserted(layout_, key.ring, sequence);
  return (shard_number << 32) | number;
}

bool ViewState::Change(KeyHandle handle, const Position& at, std::span<const Cell> slots) {
  Shard& shard = ShardOfKey(handle);
  const std::lock_guard lock(shard.mutex);
  Key& key = shard.keys[handle & 0xffffffff];
  const std::optional<int64_t> sequence = FindRow(shard, key, at);
  if (!sequence) return false;
  uint64_t* const row = key.ring.Row(*sequence, layout_.stride);
  if (key.windows) key.windows->BeforeChange(layout_, key.ring, *sequence);
  std::vector<uint64_t> old(row, row + layout_.stride);
  WriteRow(shard, row, at, slots);
  ReleaseTexts(shard, old.data());
  if (key.windows) key.windows->AfterChange(layout_, key.ring, *sequence);
  return true;
}

bool ViewState::Slots(KeyHandle handle, const Position& at, std::vector<Cell>& slots,
                      std::deque<std::string>& texts) const {
  Shard& shard = ShardOfKey(handle);
  const std::lock_guard lock(shard.mutex);
  const std::optional<int64_t> sequence = FindRow(shard, shard.keys[handle & 0xffffffff], at);
  if (!sequence) return false;
  const uint64_t* const row = shard.keys[handle & 0xffffffff].ring.Row(*sequence, layout_.stride);
  slots.assign(layout_.slots, Cell());
  for (size_t slot = 0; slot < layout_.slots; ++slot) {
    const int number = static_cast<int>(slot);
    if (!ViewLayout::Has(row, number)) continue;
    const uint64_t word = layout_.Slot(row, number);
    if (plan_->slots[slot].type == DataType::kString) {
      slots[slot] = Cell::Text(texts.emplace_back(shard.texts.Text(word)));
    } else if (plan_->slots[slot].type == DataType::kBool) {
      slots[slot] = Cell::Bool(word != 0);
    } else {
      slots[slot] = Cell::Int(static_cast<int64_t>(word));  // the bits of a double, too
    }
  }
  return true;
}

// As WriteRow, but nothing is held: a text that nobody holds is unlike any other.
void ViewState::FillOwnRow(const Shard& shard, const Position& at, std::span<const Cell> slots,
                           std::vector<uint64_t>& row) const {
  row.assign(layout_.stride, 0);
  row[0] = static_cast<uint64_t>(at.time);
  uint64_t* const presence = row.data() + 2;
  uint64_t* const words = presence + layout_.presence_words;
  for (size_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].is_null()) continue;
    presence[(slot + 1) / 64] |= uint64_t{1} << ((slot + 1) % 64);
    const DataType type = plan_->slots[slot].type;
    words[slot] =
        type == DataType::kString ? shard.texts.Find(slots[slot].text()) : WordOf(type, slots[slot]);
  }
}

void ViewState::ReadKey(Shard& shard, Key& key, const Position& at, const std::span<const Cell>* own,
                        std::span<const uint32_t> outputs, ViewScratch& scratch, ViewRead& read) {
  const int64_t delay = plan_->delay.count();
  const bool at_position = delay == 0;
  const int64_t end =
      at_position ? UpperBound(shard, key.ring, at) : FirstAfter(key.ring, at.time - delay, key.ring.last());
  WindowQuery query;
  query.time = at.time;
  if (at_position && at.kind == Position::Kind::kId && end > key.ring.first()) {
    query.own_held = ComparePositions(shard, key.ring.Row(end - 1, layout_.stride), at) == 0;
  }
  if (own != nullptr && !query.own_held) {
    FillOwnRow(shard, at, *own, scratch.row);
    query.own = scratch.row.data();
  }
  if (query.own != nullptr) {
    read.newest = at.time;
  } else if (end > key.ring.first()) {
    read.newest = ViewLayout::Time(key.ring.Row(end - 1, layout_.stride));
  } else if (key.evicted_until != kBeginningOfTime && key.evicted_until <= at.time - delay) {
    read.newest = key.evicted_until;
  }
  read.expired = plan_->ttl && read.newest && *read.newest <= at.time - delay - plan_->ttl->count();
  if (read.expired) return;
  if (!key.windows) key.windows = std::make_unique<KeyWindows>(layout_, plan_->windows.size());
  size_t window = plan_->windows.size();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ViewOutput& output = plan_->outputs[outputs[i]];
    if (output.window != window) {
      window = output.window;
      const int64_t after = at.time - delay - plan_->windows[window].count();
      const int64_t begin = std::min(end, FirstAfter(key.ring, after, key.windows->begin(window)));
      key.windows->Slide(layout_, key.ring, window, begin, end);
    }
    read.words[i] = key.windows->Read(layout_, key.ring, window, output.aggregation, query);
  }
}

// A key that was never seen: its windows hold the row's own event at most.
void ViewState::ReadEmpty(const Shard& shard, const Position& at, const std::span<const Cell>* own,
                          std::span<const uint32_t> outputs, ViewScratch& scratch, ViewRead& read) {
  if (own == nullptr) return;
  FillOwnRow(shard, at, *own, scratch.row);
  WindowQuery query;
  query.time = at.time;
  query.own = scratch.row.data();
  const EventRing none;
  KeyWindows windows(layout_, 1);
  for (size_t i = 0; i < outputs.size(); ++i) {
    read.words[i] = windows.Read(layout_, none, 0, plan_->outputs[outputs[i]].aggregation, query);
  }
}

void ViewState::Sweep(int64_t horizon) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (Key& key : shard.keys) Evict(shard, key, horizon);
  }
}

ViewState::Totals ViewState::Count() const {
  Totals totals;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    totals.keys += static_cast<int64_t>(shard.keys.size());
    totals.events += shard.events;
    size_t bytes = sizeof(Shard) + shard.table.capacity() * sizeof(uint64_t) + shard.texts.bytes();
    for (const Key& key : shard.keys) {
      bytes += sizeof(Key) + kKeyEntryBytes + key.ring.HeapBytes(layout_.stride);
      if (key.bytes.capacity() > 15) bytes += key.bytes.capacity() + 1;
      if (key.windows) bytes += sizeof(KeyWindows) + key.windows->HeapBytes(layout_);
    }
    totals.bytes += static_cast<int64_t>(bytes);
  }
  return totals;
}

KeyHandle ViewState::RestoreKey(std::string_view bytes, int64_t evicted_until) {
  const uint64_t hash = HashBytes(bytes);
  Shard& shard = ShardOf(hash);
  const std::lock_guard lock(shard.mutex);
  const uint32_t number = FindOrAddKey(shard, bytes, hash);
  shard.keys[number].evicted_until = evicted_until;
  return ((hash >> 58) << 32) | number;
}

void ViewState::RestoreRow(KeyHandle handle, std::span<const uint64_t> words,
                           std::span<const std::string_view> texts) {
  Shard& shard = ShardOfKey(handle);
  const std::lock_guard lock(shard.mutex);
  Key& key = shard.keys[handle & 0xffffffff];
  uint64_t* const row = key.ring.Insert(key.ring.last(), layout_.stride);
  std::copy(words.begin(), words.end(), row);
  size_t text = 0;
  if (layout_.text_ids && ViewLayout::HasId(row)) row[1] = shard.texts.Acquire(texts[text++]);
  for (const size_t slot : layout_.text_slots) {
    if (!ViewLayout::Has(row, static_cast<int>(slot))) continue;
    row[2 + layout_.presence_words + slot] = shard.texts.Acquire(texts[text++]);
  }
  ++shard.events;
}

std::vector<uint64_t> ViewState::FirstOrdinals() const {
  std::vector<uint64_t> first;
  uint64_t next = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    first.push_back(next);
    next += shard.keys.size();
  }
  return first;
}

}  // namespace millrace::feature
