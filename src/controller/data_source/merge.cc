#include "controller/data_source/merge.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <unordered_set>

namespace millrace::controller::data_source {
namespace {

// Ids as keys of a map: int64 as they are, strings as numbers given in order of appearance.
class IdCodes {
 public:
  explicit IdCodes(const Column& pushed) : is_text_(pushed.type() == DataType::kString) {
    for (size_t i = 0; i < pushed.size(); ++i) {
      if (pushed.IsNull(i)) continue;
      if (is_text_) {
        texts_.emplace(pushed.String(i), static_cast<int64_t>(texts_.size()));
      } else {
        numbers_.insert(pushed.ints()[i]);
      }
    }
  }

  // Empty for null, and for an id that was not pushed.
  std::optional<int64_t> Find(const Column& ids, size_t row) const {
    if (ids.IsNull(row)) return std::nullopt;
    if (is_text_) {
      const auto found = texts_.find(std::string(ids.String(row)));
      return found == texts_.end() ? std::nullopt : std::optional<int64_t>(found->second);
    }
    const int64_t id = ids.ints()[row];
    return numbers_.contains(id) ? std::optional<int64_t>(id) : std::nullopt;
  }

 private:
  bool is_text_;
  std::unordered_map<std::string, int64_t> texts_;
  std::unordered_set<int64_t> numbers_;
};

}  // namespace

bool Precedes(const Table& a_table, size_t a, const Table& b_table, size_t b,
              const feature::SourcePlan& plan) {
  const int64_t a_time = a_table.column(plan.event_time).ints()[a];
  const int64_t b_time = b_table.column(plan.event_time).ints()[b];
  if (a_time != b_time) return a_time < b_time;
  if (!plan.event_id) return false;
  const Column& a_ids = a_table.column(*plan.event_id);
  const Column& b_ids = b_table.column(*plan.event_id);
  if (a_ids.IsNull(a) || b_ids.IsNull(b)) return !a_ids.IsNull(a) && b_ids.IsNull(b);
  if (a_ids.type() == DataType::kString) return a_ids.String(a) < b_ids.String(b);
  return a_ids.ints()[a] < b_ids.ints()[b];
}

Result<Fold> FoldPushed(const Table& events, const Table& pushed, const feature::SourcePlan& plan) {
  Fold fold;
  const Column& times = pushed.column(plan.event_time);
  const int64_t num_events = static_cast<int64_t>(events.num_rows());
  if (!plan.event_id) {
    for (size_t i = 0; i < pushed.num_rows(); ++i) {
      if (!times.IsNull(i)) fold.added.push_back(static_cast<int64_t>(i));
    }
    return fold;
  }
  const Column& pushed_ids = pushed.column(*plan.event_id);
  MR_ASSIGN_OR_RETURN(const Column ids, events.Find(plan.event_id_name()));
  const IdCodes codes(pushed_ids);
  std::unordered_map<int64_t, int64_t> place;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (const auto code = codes.Find(ids, i)) place[*code] = static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < pushed.num_rows(); ++i) {
    const std::optional<int64_t> code = codes.Find(pushed_ids, i);
    const auto found = code ? place.find(*code) : place.end();
    if (found != place.end()) {
      fold.fills[found->second].push_back(static_cast<int64_t>(i));
    } else if (!times.IsNull(i)) {
      if (code) place[*code] = num_events + static_cast<int64_t>(fold.added.size());
      fold.added.push_back(static_cast<int64_t>(i));
    }
  }
  return fold;
}

Result<Table> ApplyFold(const Table& tail, int64_t first, int64_t num_events, const Table& pushed,
                        const Fold& fold, const feature::SourcePlan& plan) {
  const std::vector<Table> parts = {tail, pushed};
  MR_ASSIGN_OR_RETURN(const Table both, Table::Concatenate(parts));
  const int64_t behind = static_cast<int64_t>(tail.num_rows());
  std::vector<int64_t> order(tail.num_rows());
  std::iota(order.begin(), order.end(), int64_t{0});
  for (const int64_t row : fold.added) order.push_back(behind + row);
  const auto precedes = [&](int64_t a, int64_t b) {
    return Precedes(both, static_cast<size_t>(a), both, static_cast<size_t>(b), plan);
  };
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(behind);
  std::stable_sort(middle, order.end(), precedes);
  std::inplace_merge(order.begin(), middle, order.end(), precedes);
  std::unordered_map<int64_t, const std::vector<int64_t>*> fills;  // by row of `both`
  for (const auto& [event, rows] : fold.fills) {
    const int64_t row =
        event < num_events ? event - first : behind + fold.added[static_cast<size_t>(event - num_events)];
    fills[row] = &rows;
  }
  std::vector<Column> columns;
  for (size_t c = 0; c < both.num_columns(); ++c) {
    if (fills.empty() || !plan.known_after.contains(both.schema()[c].name)) {
      columns.push_back(both.column(c).Take(order));
      continue;
    }
    std::vector<int64_t> from = order;
    for (int64_t& row : from) {
      const auto found = fills.find(row);
      if (found == fills.end()) continue;
      for (const int64_t fill : *found->second) {
        if (!pushed.column(c).IsNull(static_cast<size_t>(fill))) row = behind + fill;
      }
    }
    columns.push_back(both.column(c).Take(from));
  }
  return Table::Create(both.schema(), std::move(columns));
}

Result<Table> MergePushed(Table events, const Table& pushed, const feature::SourcePlan& plan) {
  if (pushed.num_rows() == 0) return events;
  MR_ASSIGN_OR_RETURN(const Fold fold, FoldPushed(events, pushed, plan));
  if (fold.added.empty() && fold.fills.empty()) return events;
  return ApplyFold(events, 0, static_cast<int64_t>(events.num_rows()), pushed, fold, plan);
}

}  // namespace millrace::controller::data_source
