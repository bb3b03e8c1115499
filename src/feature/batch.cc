#include "feature/batch.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/parallel.h"
#include "feature/internal/batch_groups.h"
#include "feature/internal/batch_kernels.h"
#include "feature/internal/batch_output.h"
#include "feature/internal/huge_pages.h"
#include "feature/internal/key_codes.h"

namespace millrace::feature {
namespace {

int ThreadsOf(const BatchOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Some of a view's outputs, no more than fit a staged row: those of whole aggregations
// (or one aggregation of very many windows).
struct OutputGroup {
  std::span<const AggregationInput> inputs;
  std::span<OutputColumn> outputs;
  StagedRows* staged = nullptr;
};

// One thread's way through its keys.
class KeyWalk {
 public:
  KeyWalk(const ViewPlan& plan, const Batch& batch, const OutputGroup& group)
      : plan_(plan), batch_(batch), group_(group) {
    const size_t windows = plan.windows.size();
    for (size_t i = 0; i < group.inputs.size(); ++i) {
      const Aggregation& aggregation = *group.inputs[i].aggregation;
      kernels_.push_back(Kernel::Create(group.inputs[i]));
      for (size_t w = 0; w < windows; ++w)
        of_key_.emplace_back(aggregation.type, aggregation.default_value, 0);
    }
    for (OutputColumn& column : of_key_) targets_.push_back(&column);
    words_.resize(of_key_.size());
    begins_.resize(windows);
    event_times_ = batch.events.column(plan.source.event_time).ints();
  }

  void Walk(std::span<const uint32_t> spine, std::span<const uint32_t> events) {
    if (spine.empty()) return;
    KeyRows key;
    key.events = events;
    LoadTimes(events);
    key.times = times_;
    LoadSpine(spine, key);
    FindEnds(spine, key);
    FindBegins(key);
    for (OutputColumn& column : of_key_) column.Reset(spine.size());
    const size_t windows = plan_.windows.size();
    for (size_t i = 0; i < kernels_.size(); ++i) {
      kernels_[i]->Run(key, std::span(targets_).subspan(i * windows, windows));
    }
    if (plan_.ttl) Expire(key);
    Scatter(spine);
  }

 private:
  void LoadTimes(std::span<const uint32_t> events) {
    times_.resize(events.size());
    for (size_t i = 0; i < events.size(); ++i) times_[i] = event_times_[events[i]];
  }

  void LoadSpine(std::span<const uint32_t> spine, KeyRows& key) {
    while (numbers_.size() < spine.size()) numbers_.push_back(static_cast<uint32_t>(numbers_.size()));
    key.results = std::span<const uint32_t>(numbers_).first(spine.size());
    if (SameAsEvents(spine, key)) {
      key.spine_times = key.times;
    } else {
      spine_times_.resize(spine.size());
      for (size_t i = 0; i < spine.size(); ++i) {
        spine_times_[i] = batch_.spine.times.empty() ? event_times_[spine[i]] : batch_.spine.times[spine[i]];
      }
      key.spine_times = spine_times_;
    }
  }

  static bool SameAsEvents(std::span<const uint32_t> spine, const KeyRows& key) {
    return spine.data() == key.events.data() && spine.size() == key.events.size();
  }

  void FindEnds(std::span<const uint32_t> spine, KeyRows& key) {
    ends_.resize(spine.size());
    own_.assign(spine.size(), 0);
    uint32_t end = 0;
    if (plan_.delay > Micros(0)) {
      for (size_t i = 0; i < spine.size(); ++i) {
        const int64_t until = key.spine_times[i] - plan_.delay.count();
        while (end < key.times.size() && key.times[end] <= until) ++end;
        ends_[i] = end;
      }
    } else {
      const SpineRows& rows = batch_.spine;
      for (size_t i = 0; i < spine.size(); ++i) {
        const uint32_t rank = rows.ranks.empty() ? spine[i] + 1 : rows.ranks[spine[i]];
        while (end < key.events.size() && key.events[end] < rank) ++end;
        const uint32_t own =
            rows.own.empty() ? (rows.ranks.empty() ? spine[i] : kNoCode) : rows.own[spine[i]];
        own_[i] = end > 0 && key.events[end - 1] == own ? 1 : 0;
        ends_[i] = end;
      }
    }
    key.ends = ends_;
    key.own = own_;
  }

  void FindBegins(KeyRows& key) {
    key.begins.clear();
    for (size_t window = 0; window < plan_.windows.size(); ++window) {
      std::vector<uint32_t>& begins = begins_[window];
      begins.resize(ends_.size());
      const int64_t reach = plan_.delay.count() + plan_.windows[window].count();
      uint32_t begin = 0;
      for (size_t i = 0; i < begins.size(); ++i) {
        const int64_t after = key.spine_times[i] - reach;
        while (begin < ends_[i] && key.times[begin] <= after) ++begin;
        begins[i] = begin;
      }
      key.begins.push_back(begins);
    }
  }

  void Expire(const KeyRows& key) {
    for (size_t i = 0; i < key.ends.size(); ++i) {
      if (key.ends[i] == 0) continue;
      const int64_t newest = key.times[key.ends[i] - 1];
      if (newest > key.spine_times[i] - plan_.delay.count() - plan_.ttl->count()) continue;
      for (OutputColumn& column : of_key_) column.SetNull(i);
    }
  }

  // The key's results to their places: one write of adjacent words a row.
  void Scatter(std::span<const uint32_t> spine) {
    const std::vector<uint32_t>& mapped = batch_.spine.result_rows;
    for (size_t column = 0; column < of_key_.size(); ++column) words_[column] = of_key_[column].WordBytes();
    for (size_t i = 0; i < spine.size(); ++i) {
      uint64_t* const to = group_.staged->Row(mapped.empty() ? spine[i] : mapped[spine[i]]);
      for (size_t column = 0; column < words_.size(); ++column) {
        std::memcpy(to + column, words_[column] + i * sizeof(uint64_t), sizeof(uint64_t));
      }
    }
    for (size_t column = 0; column < of_key_.size(); ++column) {
      for (size_t i = 0; of_key_[column].any_null() && i < spine.size(); ++i) {
        if (!of_key_[column].IsMissing(i)) continue;
        group_.outputs[column].SetNull(mapped.empty() ? spine[i] : mapped[spine[i]]);
      }
    }
  }

  const ViewPlan& plan_;
  const Batch& batch_;
  const OutputGroup& group_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<OutputColumn> of_key_;  // as group_.outputs, for the rows of one key
  std::vector<OutputColumn*> targets_;
  std::vector<const char*> words_;
  std::vector<uint32_t> numbers_;  // 0, 1, 2, …
  std::span<const int64_t> event_times_;
  std::vector<int64_t> times_;
  std::vector<int64_t> spine_times_;
  std::vector<uint32_t> ends_;
  std::vector<uint8_t> own_;
  std::vector<std::vector<uint32_t>> begins_;
};

Result<std::vector<AggregationInput>> PrepareInputs(const ViewPlan& plan, const Table& events, int threads) {
  std::vector<AggregationInput> inputs(plan.aggregations.size());
  MR_RETURN_IF_ERROR(ParallelFor(threads, inputs.size(), [&](size_t i) -> Status {
    MR_ASSIGN_OR_RETURN(inputs[i], PrepareInput(plan, plan.aggregations[i], events));
    return Ok();
  }));
  return inputs;
}

Result<std::vector<OutputColumn>> MakeOutputs(const ViewPlan& plan, size_t rows, int threads) {
  std::vector<std::optional<OutputColumn>> made(plan.outputs.size());
  MR_RETURN_IF_ERROR(ParallelFor(threads, made.size(), [&](size_t i) {
    const ViewOutput& output = plan.outputs[i];
    made[i].emplace(output.type, plan.aggregations[output.aggregation].default_value, rows);
    return Ok();
  }));
  std::vector<OutputColumn> outputs;
  outputs.reserve(made.size());
  for (std::optional<OutputColumn>& output : made) outputs.push_back(std::move(*output));
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

// Computes one group for all keys, then puts its rows into columns.
Status ComputeGroup(const ViewPlan& plan, const Batch& batch, OutputGroup group, int threads,
                    const std::function<void(int64_t)>& progress) {
  StagedRows staged(batch.spine.size(), group.outputs.size());
  group.staged = &staged;
  const std::vector<std::pair<size_t, size_t>> ranges = SplitKeys(batch, static_cast<size_t>(threads));
  MR_RETURN_IF_ERROR(ParallelFor(threads, ranges.size(), [&](size_t part) {
    KeyWalk walk(plan, batch, group);
    int64_t done = 0;
    for (size_t key = ranges[part].first; key < ranges[part].second; ++key) {
      const std::span<const uint32_t> rows = batch.spine_groups().Of(key);
      walk.Walk(rows, batch.event_rows.Of(key));
      done += static_cast<int64_t>(rows.size());
      if (progress && done >= 50'000) progress(std::exchange(done, 0));
    }
    if (progress && done > 0) progress(done);
    return Ok();
  }));
  KeyWalk(plan, batch, group).Walk(batch.unmatched, {});
  constexpr size_t kBlock = 4096;
  const size_t blocks = (batch.spine.size() + kBlock - 1) / kBlock;
  return ParallelFor(threads, blocks, [&](size_t block) {
    const size_t end = std::min(batch.spine.size(), (block + 1) * kBlock);
    for (size_t column = 0; column < group.outputs.size(); ++column) {
      group.outputs[column].CopyFrom(staged, column, block * kBlock, end);
    }
    return Ok();
  });
}

}  // namespace

Result<Table> ComputeFeatures(const ViewPlan& plan, const Table& all_events, const Spine& spine,
                              const BatchOptions& options) {
  const int threads = ThreadsOf(options);
  MR_ASSIGN_OR_RETURN(const Table events, InPlanOrder(plan, all_events));
  MR_ASSIGN_OR_RETURN(const Batch batch, MakeBatch(plan, events, spine, threads));
  MR_ASSIGN_OR_RETURN(const std::vector<AggregationInput> inputs, PrepareInputs(plan, batch.events, threads));
  MR_ASSIGN_OR_RETURN(std::vector<OutputColumn> outputs, MakeOutputs(plan, batch.spine.size(), threads));
  const size_t windows = plan.windows.size();
  const size_t at_once = std::max<size_t>(1, StagedRows::kWidth / windows);
  for (size_t first = 0; first < inputs.size(); first += at_once) {
    const size_t count = std::min(at_once, inputs.size() - first);
    const OutputGroup group{std::span(inputs).subspan(first, count),
                            std::span(outputs).subspan(first * windows, count * windows), nullptr};
    MR_RETURN_IF_ERROR(ComputeGroup(plan, batch, group, threads, first == 0 ? options.progress : nullptr));
  }
  std::vector<Column> columns;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::optional<Column>& of = inputs[plan.outputs[i].aggregation].of;
    columns.push_back(std::move(outputs[i]).Finish(of ? &*of : nullptr));
  }
  return Table::Create(plan.OutputSchema(), std::move(columns));
}

}  // namespace millrace::feature
