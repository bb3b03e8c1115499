#include "feature/internal/batch_groups.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/parallel.h"
#include "feature/internal/key_codes.h"

namespace millrace::feature {
namespace {

// The columns that make a row's position.
struct PositionColumns {
  Column time;
  std::optional<Column> id;

  // Ids compare as their type does; none comes after all. Equal: 0.
  int CompareIds(size_t a, const PositionColumns& other, size_t b) const {
    const bool null_a = !id || id->IsNull(a);
    const bool null_b = !other.id || other.id->IsNull(b);
    if (null_a || null_b) return static_cast<int>(null_a) - static_cast<int>(null_b);
    if (id->type() == DataType::kString) return id->String(a).compare(other.id->String(b));
    const int64_t left = id->ints()[a];
    const int64_t right = other.id->ints()[b];
    return left < right ? -1 : left > right ? 1 : 0;
  }
  int Compare(size_t a, const PositionColumns& other, size_t b) const {
    const int64_t left = time.ints()[a];
    const int64_t right = other.time.ints()[b];
    if (left != right) return left < right ? -1 : 1;
    return CompareIds(a, other, b);
  }
};

Result<Column> TypedColumn(const Table& table, const std::string& name, DataType type,
                           std::string_view what) {
  Result<Column> column = table.Find(name);
  if (!column.ok()) return column.status().WithContext(what);
  if (column->type() != type) {
    return InvalidArgument("{}: {} is {}, and it should be {}", what, name, DataTypeName(column->type()),
                           DataTypeName(type));
  }
  return column;
}

Result<PositionColumns> Positions(const Table& table, const std::string& time, const std::string& id,
                                  DataType id_type, std::string_view what) {
  MR_ASSIGN_OR_RETURN(Column times, TypedColumn(table, time, DataType::kTimestamp, what));
  for (size_t row = 0; times.has_nulls() && row < times.size(); ++row) {
    if (times.IsNull(row)) return InvalidArgument("{}: row {} has no {}", what, row, time);
  }
  PositionColumns made{std::move(times), std::nullopt};
  if (!id.empty()) {
    MR_ASSIGN_OR_RETURN(made.id, TypedColumn(table, id, id_type, what));
  }
  return made;
}

bool IsSorted(const PositionColumns& positions, int threads) {
  const std::span<const int64_t> times = positions.time.ints();
  std::atomic<bool> sorted{true};
  ForRanges(threads, times.size(), [&](size_t begin, size_t end) {
    for (size_t row = std::max<size_t>(begin, 1); row < end; ++row) {
      if (times[row - 1] < times[row]) continue;
      if (times[row - 1] == times[row] && positions.CompareIds(row - 1, positions, row) <= 0) continue;
      return sorted.store(false, std::memory_order_relaxed);
    }
  });
  return sorted.load();
}

std::vector<int64_t> SortedOrder(const PositionColumns& positions) {
  std::vector<int64_t> order(positions.time.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return positions.Compare(static_cast<size_t>(a), positions, static_cast<size_t>(b)) < 0;
  });
  return order;
}

// Row to[i] of the sorted rows is row from[i] of the others; rows that stay are left out.
struct RowMoves {
  std::vector<int64_t> to;
  std::vector<int64_t> from;
};

// The moves within [begin, end), rows in order of time of which those at one instant
// may be out of order.
void FindMoves(const PositionColumns& positions, size_t begin, size_t end, RowMoves& moves) {
  const std::span<const int64_t> times = positions.time.ints();
  const auto before = [&](int64_t a, int64_t b) {
    return positions.CompareIds(static_cast<size_t>(a), positions, static_cast<size_t>(b)) < 0;
  };
  std::vector<int64_t> order;
  for (size_t first = begin, last = begin; first < end; first = last) {
    while (++last < end && times[last] == times[first]) continue;
    if (last - first == 1) continue;
    order.resize(last - first);
    std::iota(order.begin(), order.end(), static_cast<int64_t>(first));
    if (std::is_sorted(order.begin(), order.end(), before)) continue;
    std::stable_sort(order.begin(), order.end(), before);
    for (size_t i = 0; i < order.size(); ++i) {
      const auto to = static_cast<int64_t>(first + i);
      if (order[i] == to) continue;
      moves.to.push_back(to);
      moves.from.push_back(order[i]);
    }
  }
}

RowMoves FindMoves(const PositionColumns& positions) {
  const std::span<const int64_t> times = positions.time.ints();
  RowMoves all;
  if (!std::is_sorted(times.begin(), times.end())) {
    all.from = SortedOrder(positions);
    all.to.resize(all.from.size());
    std::iota(all.to.begin(), all.to.end(), 0);
    return all;
  }
  std::mutex mutex;  // of `all`
  ForRanges(0, times.size(), [&](size_t begin, size_t end) {
    // An instant belongs to the range that it begins in.
    while (begin > 0 && begin < times.size() && times[begin] == times[begin - 1]) ++begin;
    while (end > 0 && end < times.size() && times[end] == times[end - 1]) ++end;
    RowMoves moves;
    FindMoves(positions, begin, end, moves);
    const std::lock_guard lock(mutex);
    all.to.insert(all.to.end(), moves.to.begin(), moves.to.end());
    all.from.insert(all.from.end(), moves.from.begin(), moves.from.end());
  });
  return all;
}

Result<std::vector<Column>> KeyColumns(const ViewPlan& plan, const Table& table,
                                       const std::vector<std::string>& names, std::string_view what) {
  if (names.size() != plan.keys.size()) {
    return InvalidArgument("{}: {} has {} key columns, and {} are given", what, plan.name, plan.keys.size(),
                           names.size());
  }
  std::vector<Column> keys;
  for (size_t i = 0; i < names.size(); ++i) {
    MR_ASSIGN_OR_RETURN(Column key,
                        TypedColumn(table, names[i], plan.source.schema[plan.keys[i]].type, what));
    keys.push_back(std::move(key));
  }
  return keys;
}

// The table's rows in the given order, a column a thread.
Result<Table> TakeRows(const Table& table, const std::vector<int64_t>& order, int threads) {
  std::vector<std::optional<Column>> taken(table.num_columns());
  MR_RETURN_IF_ERROR(ParallelFor(threads, taken.size(), [&](size_t i) {
    taken[i] = table.column(i).Take(order);
    return Ok();
  }));
  std::vector<Column> columns;
  for (std::optional<Column>& column : taken) columns.push_back(std::move(*column));
  return Table::Create(table.schema(), std::move(columns));
}

// Counting sort: stable, so rows of a key keep their order. Each thread counts and then
// places a range of the rows, behind those of the ranges before.
RowGroups GroupByKey(std::span<const uint32_t> codes, size_t keys, int threads) {
  RowGroups groups;
  const bool few_keys = keys < codes.size() / 16;  // else the counts would be more than the rows
  const std::vector<RowRange> ranges = SplitRows(few_keys ? threads : 1, codes.size());
  std::vector<std::vector<uint32_t>> next(ranges.size());  // by range and key
  (void)ParallelFor(threads, ranges.size(), [&](size_t range) {
    next[range].assign(keys, 0);
    for (size_t row = ranges[range].begin; row < ranges[range].end; ++row) {
      if (codes[row] != kNoCode) ++next[range][codes[row]];
    }
    return Ok();
  }).ok();
  groups.offsets.reserve(keys + 1);
  uint32_t offset = 0;
  for (size_t key = 0; key < keys; ++key) {
    groups.offsets.push_back(offset);
    for (std::vector<uint32_t>& of_range : next) offset += std::exchange(of_range[key], offset);
  }
  groups.offsets.push_back(offset);
  groups.place = Buffer<uint32_t>::Uninitialized(codes.size());
  (void)ParallelFor(threads, ranges.size(), [&](size_t range) {
    for (size_t row = ranges[range].begin; row < ranges[range].end; ++row) {
      groups.place[row] = codes[row] == kNoCode ? kNoCode : next[range][codes[row]]++;
    }
    return Ok();
  }).ok();
  return groups;
}

// What the walk over the keys reads, in the order of the groups.
void GroupPositions(Batch& batch, std::span<const int64_t> times, int threads) {
  const RowGroups& events = batch.event_rows;
  batch.event_times = Grouped<int64_t>(events, threads, [&](size_t row) { return times[row]; });
  if (batch.same_rows) return;
  const auto number = [](size_t row) { return static_cast<uint32_t>(row); };
  batch.event_numbers = Grouped<uint32_t>(events, threads, number);
  const SpineRows& spine = batch.spine;
  const std::span<const int64_t> spine_times = spine.times.empty() ? times : std::span(spine.times);
  batch.spine_times =
      Grouped<int64_t>(batch.spine_rows, threads, [&](size_t row) { return spine_times[row]; });
  batch.ranks = Grouped<uint32_t>(batch.spine_rows, threads, [&](size_t row) {
    return spine.ranks.empty() ? number(row) + 1 : spine.ranks[row];
  });
  batch.own = Grouped<uint32_t>(batch.spine_rows, threads, [&](size_t row) {
    return spine.own.empty() ? (spine.ranks.empty() ? number(row) : kNoCode) : spine.own[row];
  });
}

// Clears the codes of events that the view's condition leaves out.
Status ApplyWhere(const ViewPlan& plan, const Table& events, Buffer<uint32_t>& codes) {
  if (!plan.where) return Ok();
  MR_ASSIGN_OR_RETURN(const Column passes, plan.where->Evaluate(events));
  for (size_t row = 0; row < codes.size(); ++row) {
    if (passes.IsNull(row) || passes.bools()[row] == 0) codes[row] = kNoCode;
  }
  return Ok();
}

SpineRows SpineOfEvents(const PositionColumns& positions, const std::vector<int64_t>& order) {
  SpineRows spine;
  spine.count = positions.time.size();
  spine.result_rows.assign(order.begin(), order.end());
  return spine;
}

// Events by row number (of the table as it was given), each at its own position.
Result<SpineRows> SpineOfEventRows(const Spine& rows, const PositionColumns& positions,
                                   const std::vector<int64_t>& order) {
  const size_t count = positions.time.size();
  std::vector<uint32_t> place(count);  // of a row of the table, among the sorted events
  for (size_t i = 0; i < count; ++i) {
    place[order.empty() ? i : static_cast<size_t>(order[i])] = static_cast<uint32_t>(i);
  }
  const std::vector<int64_t>& wanted = *rows.event_rows;
  for (const int64_t row : wanted) {
    if (row < 0 || static_cast<size_t>(row) >= count)
      return InvalidArgument("there is no event in row {}", row);
  }
  SpineRows spine;
  spine.result_rows.resize(wanted.size());
  std::iota(spine.result_rows.begin(), spine.result_rows.end(), 0);
  const auto place_of = [&](uint32_t i) { return place[static_cast<size_t>(wanted[i])]; };
  std::stable_sort(spine.result_rows.begin(), spine.result_rows.end(),
                   [&](uint32_t a, uint32_t b) { return place_of(a) < place_of(b); });
  for (const uint32_t row : spine.result_rows) {
    const uint32_t event = place_of(row);
    spine.times.push_back(positions.time.ints()[event]);
    spine.ranks.push_back(event + 1);
    spine.own.push_back(event);
  }
  spine.count = spine.times.size();
  return spine;
}

SpineRows SpineOfRows(const PositionColumns& rows, const PositionColumns& events) {
  const std::vector<int64_t> order = SortedOrder(rows);
  SpineRows spine;
  size_t rank = 0;
  for (const int64_t signed_row : order) {
    const size_t row = static_cast<size_t>(signed_row);
    // A row without an id stands after every event at its instant, those without an id too.
    while (rank < events.time.size() && events.Compare(rank, rows, row) <= 0) ++rank;
    const bool has_id = rows.id && !rows.id->IsNull(row);
    const bool is_event = has_id && rank > 0 && events.Compare(rank - 1, rows, row) == 0;
    spine.result_rows.push_back(static_cast<uint32_t>(row));
    spine.times.push_back(rows.time.ints()[row]);
    spine.ranks.push_back(static_cast<uint32_t>(rank));
    spine.own.push_back(is_event ? static_cast<uint32_t>(rank - 1) : kNoCode);
  }
  spine.count = spine.times.size();
  return spine;
}

Buffer<uint32_t> TakeCodes(const Buffer<uint32_t>& codes, const std::vector<uint32_t>& rows) {
  auto taken = Buffer<uint32_t>::Uninitialized(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) taken[i] = codes[rows[i]];
  return taken;
}

}  // namespace

Result<Table> SortByPosition(const SourcePlan& source, Table events) {
  const DataType id_type = source.event_id ? source.schema[*source.event_id].type : DataType::kInt64;
  RowMoves moves;
  {
    MR_ASSIGN_OR_RETURN(
        const PositionColumns positions,
        Positions(events, source.event_time_name(), source.event_id_name(), id_type, source.name));
    moves = FindMoves(positions);
  }  // the columns are the table's alone again
  return std::move(events).Move(moves.to, moves.from);
}

Result<Batch> MakeBatch(const ViewPlan& plan, const Table& events, const Spine& spine, int threads) {
  if (events.num_rows() >= kNoCode || (spine.rows && spine.rows->num_rows() >= kNoCode)) {
    return InvalidArgument("more than {} rows in one batch", kNoCode - 1);
  }
  const SourcePlan& source = plan.source;
  const DataType id_type = source.event_id ? source.schema[*source.event_id].type : DataType::kInt64;
  MR_ASSIGN_OR_RETURN(PositionColumns positions, Positions(events, source.event_time_name(),
                                                           source.event_id_name(), id_type, source.name));
  Batch batch;
  batch.events = events;
  std::vector<int64_t> order;
  if (!IsSorted(positions, threads)) {
    order = SortedOrder(positions);
    MR_ASSIGN_OR_RETURN(batch.events, TakeRows(events, order, threads));
    MR_ASSIGN_OR_RETURN(positions, Positions(batch.events, source.event_time_name(), source.event_id_name(),
                                             id_type, source.name));
  }
  std::vector<DataType> types;
  for (const size_t key : plan.keys) types.push_back(source.schema[key].type);
  KeyCodes key_codes(types);
  MR_ASSIGN_OR_RETURN(const std::vector<Column> keys,
                      KeyColumns(plan, batch.events, plan.spec.entities, source.name));
  Buffer<uint32_t> codes = key_codes.Encode(keys, threads);
  Buffer<uint32_t> spine_codes;
  if (spine.rows) {
    MR_ASSIGN_OR_RETURN(const PositionColumns rows,
                        Positions(*spine.rows, spine.time, spine.id, id_type, "spine"));
    MR_ASSIGN_OR_RETURN(const std::vector<Column> row_keys,
                        KeyColumns(plan, *spine.rows, spine.keys, "spine"));
    batch.spine = SpineOfRows(rows, positions);
    spine_codes = TakeCodes(key_codes.Encode(row_keys, threads), batch.spine.result_rows);
  } else if (spine.event_rows) {
    MR_ASSIGN_OR_RETURN(batch.spine, SpineOfEventRows(spine, positions, order));
    spine_codes = TakeCodes(codes, batch.spine.own);
  } else {
    batch.spine = SpineOfEvents(positions, order);
    batch.same_rows = !plan.where;
    if (plan.where) {
      spine_codes = Buffer<uint32_t>::Uninitialized(codes.size());
      std::copy(codes.begin(), codes.end(), spine_codes.begin());
    }
  }
  MR_RETURN_IF_ERROR(ApplyWhere(plan, batch.events, codes));
  batch.keys = key_codes.size();
  batch.event_rows = GroupByKey(codes, batch.keys, threads);
  if (!batch.same_rows) batch.spine_rows = GroupByKey(spine_codes, batch.keys, threads);
  GroupPositions(batch, positions.time.ints(), threads);
  return batch;
}

std::vector<std::pair<size_t, size_t>> SplitKeys(const Batch& batch, size_t parts) {
  const std::vector<uint32_t>& offsets = batch.spine_groups().offsets;
  std::vector<std::pair<size_t, size_t>> ranges;
  size_t begin = 0;
  for (size_t part = 1; part <= parts; ++part) {
    const uint64_t goal = uint64_t{offsets.back()} * part / parts;
    size_t end =
        static_cast<size_t>(std::lower_bound(offsets.begin(), offsets.end(), goal) - offsets.begin());
    end = part == parts ? batch.keys : std::clamp(end, begin, batch.keys);
    if (end > begin) ranges.emplace_back(begin, end);
    begin = end;
  }
  return ranges;
}

}  // namespace millrace::feature
