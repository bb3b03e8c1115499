#include "feature/internal/key_windows.h"

#include <bit>
#include <cmath>

#include "feature/internal/total_order.h"

namespace millrace::feature {
namespace {

double ToDouble(DataType type, uint64_t word) {
  if (type == DataType::kDouble) return std::bit_cast<double>(word);
  return static_cast<double>(static_cast<int64_t>(word));
}

int64_t Ordered(DataType type, uint64_t word) {
  return type == DataType::kDouble ? OrderedBits(std::bit_cast<double>(word)) : static_cast<int64_t>(word);
}

uint64_t FromOrdered(DataType type, int64_t value) {
  return type == DataType::kDouble ? std::bit_cast<uint64_t>(FromOrderedBits(value))
                                   : static_cast<uint64_t>(value);
}

// Equal values, equal words.
uint64_t Identity(DataType type, uint64_t word) {
  if (type != DataType::kDouble) return word;
  const double value = std::bit_cast<double>(word);
  if (std::isnan(value)) return 0x7ff8000000000000;
  return value == 0 ? 0 : word;
}

FeatureWord Value(uint64_t word) { return {FeatureWord::State::kValue, word}; }
FeatureWord Value(double value) { return Value(std::bit_cast<uint64_t>(value)); }
FeatureWord Nothing() { return {FeatureWord::State::kEmpty, 0}; }
FeatureWord NullWord() { return {FeatureWord::State::kNull, 0}; }

void AddTo(ExactSum& sum, DataType type, uint64_t word) {
  if (type == DataType::kDouble) {
    sum.Add(std::bit_cast<double>(word));
  } else {
    sum.AddInt(static_cast<int64_t>(word));
  }
}

void RemoveFrom(ExactSum& sum, DataType type, uint64_t word) {
  if (type == DataType::kDouble) {
    sum.Remove(std::bit_cast<double>(word));
  } else {
    sum.RemoveInt(static_cast<int64_t>(word));
  }
}

template <typename T>
std::unique_ptr<T[]> ArrayOf(size_t size) {
  return size == 0 ? nullptr : std::make_unique<T[]>(size);
}

}  // namespace

KeyWindows::KeyWindows(const ViewLayout& layout, size_t windows)
    : windows_(windows),
      cursors_(ArrayOf<Cursor>(windows)),
      counts_(ArrayOf<int64_t>(windows * layout.counts)),
      sums_(ArrayOf<Sum>(windows * layout.sums)),
      moments_(ArrayOf<ExactMoments>(windows * layout.moments)),
      extremes_(ArrayOf<Extreme>(windows * layout.extremes)),
      ends_(ArrayOf<End>(windows * layout.ends)),
      distincts_(windows * layout.distincts, WordTable(1)) {}

size_t KeyWindows::HeapBytes(const ViewLayout& layout) const {
  size_t bytes = windows_ * (sizeof(Cursor) + layout.counts * sizeof(int64_t) + layout.sums * sizeof(Sum) +
                             layout.moments * sizeof(ExactMoments) + layout.extremes * sizeof(Extreme) +
                             layout.ends * sizeof(End) + layout.distincts * sizeof(WordTable));
  for (size_t i = 0; i < windows_ * layout.sums; ++i) bytes += sums_[i].sum.HeapBytes();
  for (size_t i = 0; i < windows_ * layout.moments; ++i) bytes += moments_[i].HeapBytes();
  for (size_t i = 0; i < windows_ * layout.extremes; ++i) {
    bytes += extremes_[i].queue.capacity() * sizeof(extremes_[i].queue[0]);
  }
  for (const WordTable& table : distincts_) bytes += table.HeapBytes();
  return bytes;
}

void KeyWindows::Reset(const ViewLayout& layout, size_t window, int64_t at) {
  cursors_[window] = {at, at};
  for (size_t i = 0; i < layout.counts; ++i) counts_[window * layout.counts + i] = 0;
  for (size_t i = 0; i < layout.sums; ++i) sums_[window * layout.sums + i] = Sum();
  for (size_t i = 0; i < layout.moments; ++i) moments_[window * layout.moments + i] = ExactMoments();
  for (size_t i = 0; i < layout.extremes; ++i) {
    Extreme& extreme = extremes_[window * layout.extremes + i];
    extreme.queue.clear();
    extreme.head = 0;
    extreme.valid = true;
  }
  for (size_t i = 0; i < layout.ends; ++i) ends_[window * layout.ends + i] = End();
  for (size_t i = 0; i < layout.distincts; ++i) distincts_[window * layout.distincts + i].Clear();
}

void KeyWindows::Slide(const ViewLayout& layout, const EventRing& ring, size_t window, int64_t begin,
                       int64_t end) {
  Cursor& cursor = cursors_[window];
  const int64_t moves = std::abs(begin - cursor.begin) + std::abs(end - cursor.end);
  const bool apart = begin >= cursor.end || end <= cursor.begin;
  if (moves > 0 && (apart || moves > end - begin)) Reset(layout, window, begin);
  const auto row = [&](int64_t sequence) { return ring.Row(sequence, layout.stride); };
  while (cursor.end < end) {
    Enter(layout, window, row(cursor.end), cursor.end, Side::kBack);
    ++cursor.end;
  }
  while (cursor.begin > begin) {
    --cursor.begin;
    Enter(layout, window, row(cursor.begin), cursor.begin, Side::kFront);
  }
  while (cursor.end > end) {
    --cursor.end;
    Leave(layout, window, row(cursor.end), cursor.end, Side::kBack);
  }
  while (cursor.begin < begin) {
    Leave(layout, window, row(cursor.begin), cursor.begin, Side::kFront);
    ++cursor.begin;
  }
}

void KeyWindows::Enter(const ViewLayout& layout, size_t window, const uint64_t* row, int64_t sequence,
                       Side side) {
  for (const AggregationLayout& of : layout.aggregations) {
    if (of.accumulator == Accumulator::kNone || !layout.Takes(of, row)) continue;
    const uint64_t word = of.of >= 0 ? layout.Slot(row, of.of) : 0;
    switch (of.accumulator) {
      case Accumulator::kNone:
        break;
      case Accumulator::kCount:
        ++counts_[window * layout.counts + of.index];
        break;
      case Accumulator::kSum: {
        Sum& sum = sums_[window * layout.sums + of.index];
        AddTo(sum.sum, of.of_type, word);
        ++sum.count;
        break;
      }
      case Accumulator::kMoments:
        moments_[window * layout.moments + of.index].Add(ToDouble(of.of_type, word));
        break;
      case Accumulator::kExtreme: {
        Extreme& extreme = extremes_[window * layout.extremes + of.index];
        if (side != Side::kBack) extreme.valid = false;
        if (!extreme.valid) break;
        const int64_t ordered = Ordered(of.of_type, word);
        const int64_t value = of.aggregate == Aggregate::kMax ? ~ordered : ordered;
        while (extreme.queue.size() > extreme.head && extreme.queue.back().second >= value)
          extreme.queue.pop_back();
        if (extreme.queue.size() == extreme.head) {
          extreme.queue.clear();
          extreme.head = 0;
        }
        extreme.queue.emplace_back(sequence, value);
        break;
      }
      case Accumulator::kEnd: {
        End& end = ends_[window * layout.ends + of.index];
        const bool first = of.aggregate == Aggregate::kFirst;
        const bool only = end.count == 0 && side != Side::kInside;
        if (only || side == (first ? Side::kFront : Side::kBack)) end.sequence = sequence;
        ++end.count;
        break;
      }
      case Accumulator::kDistinct:
        ++*distincts_[window * layout.distincts + of.index].Insert(Identity(of.of_type, word));
        break;
    }
  }
}

void KeyWindows::Leave(const ViewLayout& layout, size_t window, const uint64_t* row, int64_t sequence,
                       Side side) {
  for (const AggregationLayout& of : layout.aggregations) {
    if (of.accumulator == Accumulator::kNone || !layout.Takes(of, row)) continue;
    const uint64_t word = of.of >= 0 ? layout.Slot(row, of.of) : 0;
    switch (of.accumulator) {
      case Accumulator::kNone:
        break;
      case Accumulator::kCount:
        --counts_[window * layout.counts + of.index];
        break;
      case Accumulator::kSum: {
        Sum& sum = sums_[window * layout.sums + of.index];
        RemoveFrom(sum.sum, of.of_type, word);
        --sum.count;
        break;
      }
      case Accumulator::kMoments:
        moments_[window * layout.moments + of.index].Remove(ToDouble(of.of_type, word));
        break;
      case Accumulator::kExtreme: {
        Extreme& extreme = extremes_[window * layout.extremes + of.index];
        if (side != Side::kFront) extreme.valid = false;
        if (!extreme.valid) break;
        if (extreme.head < extreme.queue.size() && extreme.queue[extreme.head].first == sequence)
          ++extreme.head;
        if (extreme.head * 2 > extreme.queue.size() && extreme.head > 16) {
          extreme.queue.erase(extreme.queue.begin(),
                              extreme.queue.begin() + static_cast<int64_t>(extreme.head));
          extreme.head = 0;
        }
        break;
      }
      case Accumulator::kEnd: {
        End& end = ends_[window * layout.ends + of.index];
        --end.count;
        if (end.sequence == sequence) end.sequence = -1;
        break;
      }
      case Accumulator::kDistinct: {
        WordTable& counts = distincts_[window * layout.distincts + of.index];
        const uint64_t identity = Identity(of.of_type, word);
        if (--*counts.Find(identity) == 0) counts.Erase(identity);
        break;
      }
    }
  }
}

void KeyWindows::ForgetSequences(const ViewLayout& layout, size_t window) {
  for (size_t i = 0; i < layout.extremes; ++i) extremes_[window * layout.extremes + i].valid = false;
  for (size_t i = 0; i < layout.ends; ++i) ends_[window * layout.ends + i].sequence = -1;
}

void KeyWindows::Inserted(const ViewLayout& layout, const EventRing& ring, int64_t sequence) {
  for (size_t window = 0; window < windows_; ++window) {
    Cursor& cursor = cursors_[window];
    if (sequence >= cursor.end) continue;
    ForgetSequences(layout, window);
    ++cursor.end;
    if (sequence < cursor.begin) {
      ++cursor.begin;
    } else {
      Enter(layout, window, ring.Row(sequence, layout.stride), sequence, Side::kInside);
    }
  }
}

void KeyWindows::BeforeChange(const ViewLayout& layout, const EventRing& ring, int64_t sequence) {
  for (size_t window = 0; window < windows_; ++window) {
    if (sequence < cursors_[window].begin || sequence >= cursors_[window].end) continue;
    ForgetSequences(layout, window);
    Leave(layout, window, ring.Row(sequence, layout.stride), sequence, Side::kInside);
  }
}

void KeyWindows::AfterChange(const ViewLayout& layout, const EventRing& ring, int64_t sequence) {
  for (size_t window = 0; window < windows_; ++window) {
    if (sequence < cursors_[window].begin || sequence >= cursors_[window].end) continue;
    Enter(layout, window, ring.Row(sequence, layout.stride), sequence, Side::kInside);
  }
}

void KeyWindows::BeforePopFront(const ViewLayout& layout, const EventRing& ring) {
  for (size_t window = 0; window < windows_; ++window) {
    Cursor& cursor = cursors_[window];
    if (cursor.begin > ring.first()) continue;
    if (cursor.end > cursor.begin) {
      Leave(layout, window, ring.Row(ring.first(), layout.stride), ring.first(), Side::kFront);
    } else {
      ++cursor.end;
    }
    ++cursor.begin;
  }
}

FeatureWord KeyWindows::Read(const ViewLayout& layout, const EventRing& ring, size_t window,
                             size_t aggregation, const WindowQuery& query) {
  const AggregationLayout& of = layout.aggregations[aggregation];
  const bool own_counts = query.own != nullptr && layout.Takes(of, query.own);
  std::optional<uint64_t> own;
  if (own_counts) own = of.of >= 0 ? layout.Slot(query.own, of.of) : 0;
  switch (of.aggregate) {
    case Aggregate::kCount: {
      const Cursor& cursor = cursors_[window];
      int64_t count = of.accumulator == Accumulator::kNone ? cursor.end - cursor.begin
                                                           : counts_[window * layout.counts + of.index];
      count += own_counts ? 1 : 0;
      return count == 0 ? Nothing() : Value(static_cast<uint64_t>(count));
    }
    case Aggregate::kSum:
    case Aggregate::kMean:
      return ReadSum(of, sums_[window * layout.sums + of.index], own);
    case Aggregate::kStddev:
      return ReadMoments(of, moments_[window * layout.moments + of.index], own);
    case Aggregate::kMin:
    case Aggregate::kMax:
      return ReadExtreme(layout, ring, of, window, own);
    case Aggregate::kFirst:
    case Aggregate::kLast:
      return ReadEnd(layout, ring, of, window, own);
    case Aggregate::kDistinct:
      return ReadDistinct(of, distincts_[window * layout.distincts + of.index], own);
    case Aggregate::kTimeSinceLast:
      return ReadSinceLast(layout, ring, of, window, query);
  }
  return NullWord();
}

FeatureWord KeyWindows::ReadSum(const AggregationLayout& of, Sum& sum, std::optional<uint64_t> own) const {
  const int64_t count = sum.count + (own ? 1 : 0);
  if (count == 0) return Nothing();
  if (own) AddTo(sum.sum, of.of_type, *own);
  FeatureWord result;
  if (of.aggregate == Aggregate::kMean) {
    result = Value(sum.sum.value() / static_cast<double>(count));
  } else if (of.of_type == DataType::kDouble) {
    result = Value(sum.sum.value());
  } else {
    const std::optional<int64_t> exact = sum.sum.IntValue();
    result = exact ? Value(static_cast<uint64_t>(*exact)) : NullWord();
  }
  if (own) RemoveFrom(sum.sum, of.of_type, *own);
  return result;
}

FeatureWord KeyWindows::ReadMoments(const AggregationLayout& of, ExactMoments& moments,
                                    std::optional<uint64_t> own) const {
  if (moments.count() == 0 && !own) return Nothing();
  if (own) moments.Add(ToDouble(of.of_type, *own));
  const std::optional<double> deviation = moments.StandardDeviation();
  if (own) moments.Remove(ToDouble(of.of_type, *own));
  return deviation ? Value(*deviation) : NullWord();
}

FeatureWord KeyWindows::ReadExtreme(const ViewLayout& layout, const EventRing& ring,
                                    const AggregationLayout& of, size_t window, std::optional<uint64_t> own) {
  Extreme& extreme = extremes_[window * layout.extremes + of.index];
  const bool max = of.aggregate == Aggregate::kMax;
  if (!extreme.valid) {
    extreme.queue.clear();
    extreme.head = 0;
    extreme.valid = true;
    for (int64_t at = cursors_[window].begin; at < cursors_[window].end; ++at) {
      const uint64_t* const row = ring.Row(at, layout.stride);
      if (!layout.Takes(of, row)) continue;
      const int64_t ordered = Ordered(of.of_type, layout.Slot(row, of.of));
      const int64_t value = max ? ~ordered : ordered;
      while (!extreme.queue.empty() && extreme.queue.back().second >= value) extreme.queue.pop_back();
      extreme.queue.emplace_back(at, value);
    }
  }
  std::optional<int64_t> best;
  if (extreme.head < extreme.queue.size()) best = extreme.queue[extreme.head].second;
  if (own) {
    const int64_t ordered = Ordered(of.of_type, *own);
    const int64_t value = max ? ~ordered : ordered;
    if (!best || value < *best) best = value;
  }
  if (!best) return Nothing();
  return Value(FromOrdered(of.of_type, max ? ~*best : *best));
}

FeatureWord KeyWindows::ReadEnd(const ViewLayout& layout, const EventRing& ring, const AggregationLayout& of,
                                size_t window, std::optional<uint64_t> own) {
  End& end = ends_[window * layout.ends + of.index];
  const bool last = of.aggregate == Aggregate::kLast;
  if (own && (last || end.count == 0)) return Value(*own);
  if (end.count == 0) return Nothing();
  const Cursor& cursor = cursors_[window];
  if (end.sequence < 0) {
    if (last) {
      end.sequence = FindLast(layout, ring, of, cursor.begin, cursor.end);
    } else {
      end.sequence = cursor.begin;
      while (!layout.Takes(of, ring.Row(end.sequence, layout.stride))) ++end.sequence;
    }
  }
  return Value(layout.Slot(ring.Row(end.sequence, layout.stride), of.of));
}

FeatureWord KeyWindows::ReadDistinct(const AggregationLayout& of, const WordTable& counts,
                                     std::optional<uint64_t> own) const {
  const bool new_value = own && counts.Find(Identity(of.of_type, *own)) == nullptr;
  const size_t distinct = counts.size() + (new_value ? 1 : 0);
  return distinct == 0 ? Nothing() : Value(static_cast<uint64_t>(distinct));
}

int64_t KeyWindows::FindLast(const ViewLayout& layout, const EventRing& ring, const AggregationLayout& of,
                             int64_t begin, int64_t end) const {
  while (end > begin) {
    --end;
    if (layout.Takes(of, ring.Row(end, layout.stride))) return end;
  }
  return -1;
}

FeatureWord KeyWindows::ReadSinceLast(const ViewLayout& layout, const EventRing& ring,
                                      const AggregationLayout& of, size_t window, const WindowQuery& query) {
  const Cursor& cursor = cursors_[window];
  int64_t found = cursor.end - 1;
  if (query.own_held) {
    found = FindLast(layout, ring, of, cursor.begin, cursor.end - 1);
  } else if (of.accumulator == Accumulator::kEnd) {
    End& end = ends_[window * layout.ends + of.index];
    if (end.count == 0) return Nothing();
    if (end.sequence < 0) end.sequence = FindLast(layout, ring, of, cursor.begin, cursor.end);
    found = end.sequence;
  }
  if (found < cursor.begin) return Nothing();
  const int64_t since = query.time - ViewLayout::Time(ring.Row(found, layout.stride));
  return Value(static_cast<double>(since) / 1e6);
}

}  // namespace millrace::feature
