#include "feature/batch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>
#include <utility>

#include "base/parallel.h"
#include "feature/internal/batch_groups.h"
#include "feature/internal/batch_kernels.h"
#include "feature/internal/batch_output.h"
#include "feature/internal/key_codes.h"
#include "feature/internal/row_ranges.h"

namespace millrace::feature {
namespace {

int ThreadsOf(const BatchOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Some of a view's outputs, no more than fit a staged row: those of whole aggregations
// (or one aggregation of very many windows).
struct OutputGroup {
  std::span<AggregationInput> inputs;
  std::span<OutputColumn> outputs;
};

// One thread's way through its keys.
class KeyWalk {
 public:
  KeyWalk(const ViewPlan& plan, const Batch& batch, const OutputGroup& group, StagedRows& staged)
      : plan_(plan), batch_(batch), staged_(staged), begins_(plan.windows.size()) {
    for (const AggregationInput& input : group.inputs) {
      const Aggregation& aggregation = *input.aggregation;
      kernels_.push_back(Kernel::Create(input));
      for (size_t w = 0; w < plan.windows.size(); ++w)
        outputs_.emplace_back(aggregation.type, aggregation.default_value);
    }
  }

  void Walk(size_t key) {
    const std::vector<uint32_t>& spine = batch_.spine_groups().offsets;
    const std::vector<uint32_t>& events = batch_.event_rows.offsets;
    const size_t rows = spine[key + 1] - spine[key];
    if (rows == 0) return;
    KeyRows of_key;
    of_key.first_event = events[key];
    of_key.times = Part<int64_t>(batch_.event_times, events[key], events[key + 1] - events[key]);
    of_key.spine_times =
        batch_.same_rows ? of_key.times : Part<int64_t>(batch_.spine_times, spine[key], rows);
    if (plan_.delay > Micros(0)) {
      ends_.resize(rows);
      CountUpTo(1, of_key, {plan_.delay.count()}, {ends_.data()});
      of_key.ends = ends_;
      own_.assign(rows, 0);
      of_key.own = own_;
    } else if (batch_.same_rows) {
      while (numbers_.size() < rows) numbers_.push_back(static_cast<uint32_t>(numbers_.size() + 1));
      of_key.ends = std::span<const uint32_t>(numbers_).first(rows);
    } else {
      FindEnds(spine[key], of_key);
    }
    Compute(spine[key], of_key);
  }

  // A row that has no events: all of those are alike.
  void WalkNothing(size_t staged_row) {
    const int64_t time = 0;
    const uint32_t end = 0;
    const uint8_t own = 0;
    KeyRows of_row;
    of_row.spine_times = std::span(&time, 1);
    of_row.ends = std::span(&end, 1);
    of_row.own = std::span(&own, 1);
    Compute(staged_row, of_row);
  }

 private:
  static constexpr size_t kReaches = 4;

  template <typename T>
  static std::span<const T> Part(const Buffer<T>& grouped, size_t first, size_t count) {
    return {grouped.data() + first, count};
  }

  void Compute(size_t first_row, KeyRows& key) {
    for (std::vector<uint32_t>& begins : begins_) {
      begins.resize(key.ends.size());
      key.begins.push_back(begins);
    }
    for (size_t window = 0; window < begins_.size(); window += kReaches) {
      const size_t count = std::min(kReaches, begins_.size() - window);
      std::array<int64_t, kReaches> reaches{};
      std::array<uint32_t*, kReaches> begins{};
      for (size_t i = 0; i < count; ++i) {
        reaches[i] = plan_.delay.count() + plan_.windows[window + i].count();
        begins[i] = begins_[window + i].data();
      }
      CountUpTo(count, key, reaches, begins);
    }
    for (size_t column = 0; column < outputs_.size(); ++column) {
      outputs_[column].Bind(staged_, first_row, column);
    }
    for (size_t i = 0; i < kernels_.size(); ++i) {
      kernels_[i]->Run(key, std::span(outputs_).subspan(i * begins_.size(), begins_.size()));
    }
    if (plan_.ttl) Expire(key);
  }

  // counts[n][i]: how many events there are up to reaches[n] before the i-th spine row. A key's rows
  // and events are in order of time, so a count only grows, mostly by little: it is taken
  // from four comparisons at a time, for a branch an event could not be predicted; and
  // several reaches go side by side, for each waits for its last count.
  template <size_t kCount>
  static void CountUpTo(const KeyRows& key, const std::array<int64_t, kReaches>& reaches,
                        const std::array<uint32_t*, kReaches>& counts) {
    const int64_t* const time = key.times.data();
    const size_t end = key.times.size();
    std::array<size_t, kCount> count{};
    for (size_t i = 0; i < key.spine_times.size(); ++i) {
#pragma GCC unroll 4
      for (size_t n = 0; n < kCount; ++n) {
        const int64_t until = key.spine_times[i] - reaches[n];
        size_t at = count[n];
        while (at + 4 <= end) {
          const size_t more = size_t{time[at] <= until} + size_t{time[at + 1] <= until} +
                              size_t{time[at + 2] <= until} + size_t{time[at + 3] <= until};
          at += more;
          if (more < 4) [[likely]]
            break;
        }
        while (at + 4 > end && at < end && time[at] <= until) ++at;
        counts[n][i] = static_cast<uint32_t>(at);
        count[n] = at;
      }
    }
  }

  static void CountUpTo(size_t count, const KeyRows& key, const std::array<int64_t, kReaches>& reaches,
                        const std::array<uint32_t*, kReaches>& counts) {
    switch (count) {
      case 1:
        return CountUpTo<1>(key, reaches, counts);
      case 2:
        return CountUpTo<2>(key, reaches, counts);
      case 3:
        return CountUpTo<3>(key, reaches, counts);
      default:
        return CountUpTo<kReaches>(key, reaches, counts);
    }
  }

  // By position: events before the row's rank.
  void FindEnds(size_t first_spine, KeyRows& key) {
    const size_t rows = key.spine_times.size();
    const std::span<const uint32_t> events =
        Part<uint32_t>(batch_.event_numbers, key.first_event, key.times.size());
    ends_.resize(rows);
    own_.resize(rows);
    uint32_t end = 0;
    for (size_t i = 0; i < rows; ++i) {
      while (end < events.size() && events[end] < batch_.ranks[first_spine + i]) ++end;
      own_[i] = end > 0 && events[end - 1] == batch_.own[first_spine + i] ? 1 : 0;
      ends_[i] = end;
    }
    key.ends = ends_;
    key.own = own_;
  }

  void Expire(const KeyRows& key) {
    for (size_t i = 0; i < key.ends.size(); ++i) {
      if (key.ends[i] == 0) continue;
      const int64_t newest = key.times[key.ends[i] - 1];
      if (newest > key.spine_times[i] - plan_.delay.count() - plan_.ttl->count()) continue;
      for (KeyOutput& output : outputs_) output.SetNull(i);
    }
  }

  const ViewPlan& plan_;
  const Batch& batch_;
  StagedRows& staged_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<KeyOutput> outputs_;
  std::vector<uint32_t> numbers_;  // 1, 2, 3, …
  std::vector<uint32_t> ends_;
  std::vector<uint8_t> own_;
  std::vector<std::vector<uint32_t>> begins_;
};

Result<std::vector<AggregationInput>> PrepareInputs(const ViewPlan& plan, const Table& events, int threads) {
  std::vector<AggregationInput> inputs(plan.aggregations.size());
  MR_RETURN_IF_ERROR(ParallelFor(threads, inputs.size(), [&](size_t i) -> Status {
    MR_ASSIGN_OR_RETURN(inputs[i], PrepareInput(plan, plan.aggregations[i], events, threads));
    return Ok();
  }));
  return inputs;
}

std::vector<OutputColumn> MakeOutputs(const ViewPlan& plan, size_t rows) {
  std::vector<OutputColumn> outputs;
  outputs.reserve(plan.outputs.size());
  for (const ViewOutput& output : plan.outputs) {
    outputs.emplace_back(output.type, plan.aggregations[output.aggregation].default_value, rows);
  }
  return outputs;
}

// Events with the source's columns in the plan's order, so that indices hold.
Result<Table> InPlanOrder(const ViewPlan& plan, const Table& events) {
  if (events.schema() == plan.source.schema) return events;
  std::vector<std::string> needed;
  for (const Field& field : plan.source.schema.fields()) {
    if (events.schema().Find(field.name)) needed.push_back(field.name);
  }
  MR_ASSIGN_OR_RETURN(const Table present, events.Select(needed));
  std::vector<Column> columns;
  for (const Field& field : plan.source.schema.fields()) {
    const auto found = present.schema().Find(field.name);
    if (found && present.column(*found).type() != field.type) {
      return InvalidArgument("{}: {} is {}, and the plan has it as {}", plan.source.name, field.name,
                             DataTypeName(present.column(*found).type()), DataTypeName(field.type));
    }
    const bool read = plan.Reads(field.name);
    if (!found && read) {
      return InvalidArgument("{}: the events have no column '{}', which {} reads", plan.source.name,
                             field.name, plan.name);
    }
    columns.push_back(found ? present.column(*found) : Column::Nulls(field.type, events.num_rows()));
  }
  return Table::Create(plan.source.schema, std::move(columns));
}

// Where the results of the rows [begin, end) of the spine stand, and the columns they go to.
struct ResultCopy {
  const Batch& batch;
  const StagedRows& staged;
  size_t no_key;  // the staged row for rows without a key
  std::span<OutputColumn> outputs;

  size_t PlaceOf(size_t row) const {
    const uint32_t place = batch.spine_groups().place[row];
    return place == kNoCode ? no_key : place;
  }

  // Any columns.
  void Copy(size_t begin, size_t end) const {
    const std::vector<uint32_t>& mapped = batch.spine.result_rows;
    const bool nulls = staged.any_null();
    for (size_t row = begin; row < end; ++row) {
      const size_t place = PlaceOf(row);
      const size_t to = mapped.empty() ? row : mapped[row];
      for (size_t column = 0; column < outputs.size(); ++column) {
        outputs[column].Set(to, staged.Row(place)[column], nulls && staged.Nulls(place)[column] != 0);
      }
    }
  }

  // kWidth columns of words without nulls, to the rows themselves.
  template <size_t kWidth>
  void CopyWords(size_t begin, size_t end) const {
    constexpr size_t kAhead = 24;  // rows; a place is nowhere near the one before it
    std::array<char*, kWidth> words;
    for (size_t column = 0; column < kWidth; ++column) words[column] = outputs[column].WordBytes();
    for (size_t row = begin; row < end; ++row) {
      if (row + kAhead < end) {
        const uint64_t* const soon = staged.Row(PlaceOf(row + kAhead));
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + kWidth - 1);
      }
      std::array<uint64_t, kWidth> values;
      std::memcpy(values.data(), staged.Row(PlaceOf(row)), sizeof(values));
#pragma GCC unroll 8
      for (size_t column = 0; column < kWidth; ++column) {
        std::memcpy(words[column] + row * sizeof(uint64_t), &values[column], sizeof(uint64_t));
      }
    }
  }

  template <size_t... kWidths>
  void CopyWords(std::index_sequence<kWidths...>, size_t begin, size_t end) const {
    (void)((outputs.size() == kWidths + 1 && (CopyWords<kWidths + 1>(begin, end), true)) || ...);
  }
};

// Staged rows to the result's columns.
void CopyResults(const ResultCopy& copy, int threads) {
  bool only_words = copy.batch.spine.result_rows.empty() && !copy.staged.any_null() &&
                    copy.outputs.size() <= StagedRows::kWidth;
  for (OutputColumn& output : copy.outputs) {
    if (copy.staged.any_null()) output.ExpectNulls();
    only_words = only_words && output.WordBytes() != nullptr;
  }
  ForRanges(threads, copy.batch.spine.size(), [&](size_t begin, size_t end) {
    if (only_words) return copy.CopyWords(std::make_index_sequence<StagedRows::kWidth>(), begin, end);
    copy.Copy(begin, end);
  });
}

// Computes one group for all keys, then puts its rows into columns.
Status ComputeGroup(const ViewPlan& plan, const Batch& batch, const OutputGroup& group, int threads,
                    const std::function<void(int64_t)>& progress, Buffer<uint64_t>& memory) {
  for (AggregationInput& input : group.inputs) GroupInput(batch.event_rows, threads, input);
  const RowGroups& spine = batch.spine_groups();
  StagedRows staged(spine.size() + 1, group.outputs.size(), std::move(memory));
  const std::vector<std::pair<size_t, size_t>> ranges = SplitKeys(batch, 4 * static_cast<size_t>(threads));
  MR_RETURN_IF_ERROR(ParallelFor(threads, ranges.size(), [&](size_t part) {
    KeyWalk walk(plan, batch, group, staged);
    int64_t done = 0;
    for (size_t key = ranges[part].first; key < ranges[part].second; ++key) {
      walk.Walk(key);
      done += spine.offsets[key + 1] - spine.offsets[key];
      if (progress && done >= 50'000) progress(std::exchange(done, 0));
    }
    if (progress && done > 0) progress(done);
    return Ok();
  }));
  for (AggregationInput& input : group.inputs) UngroupInput(input);
  if (spine.size() < spine.place.size()) KeyWalk(plan, batch, group, staged).WalkNothing(spine.size());
  CopyResults({batch, staged, spine.size(), group.outputs}, threads);
  memory = std::move(staged).TakeMemory();
  return Ok();
}

}  // namespace

Result<Table> ComputeFeatures(const ViewPlan& plan, const Table& all_events, const Spine& spine,
                              const BatchOptions& options) {
  const int threads = ThreadsOf(options);
  MR_ASSIGN_OR_RETURN(const Table events, InPlanOrder(plan, all_events));
  MR_ASSIGN_OR_RETURN(const Batch batch, MakeBatch(plan, events, spine, threads));
  MR_ASSIGN_OR_RETURN(std::vector<AggregationInput> inputs, PrepareInputs(plan, batch.events, threads));
  std::vector<OutputColumn> outputs = MakeOutputs(plan, batch.spine.size());
  BatchScratch own_scratch;
  Buffer<uint64_t>& memory = (options.scratch != nullptr ? options.scratch : &own_scratch)->staged_rows;
  const size_t windows = plan.windows.size();
  const size_t at_once = std::max<size_t>(1, StagedRows::kWidth / windows);
  for (size_t first = 0; first < inputs.size(); first += at_once) {
    const size_t count = std::min(at_once, inputs.size() - first);
    const OutputGroup group{std::span(inputs).subspan(first, count),
                            std::span(outputs).subspan(first * windows, count * windows)};
    MR_RETURN_IF_ERROR(
        ComputeGroup(plan, batch, group, threads, first == 0 ? options.progress : nullptr, memory));
  }
  std::vector<Column> columns;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::optional<Column>& of = inputs[plan.outputs[i].aggregation].of;
    columns.push_back(std::move(outputs[i]).Finish(of ? &*of : nullptr));
  }
  return Table::Create(plan.OutputSchema(), std::move(columns));
}

}  // namespace millrace::feature
