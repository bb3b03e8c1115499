#include "feature/internal/source_state.h"

#include <algorithm>

#include "base/parallel.h"
#include "feature/internal/table_cells.h"

namespace millrace::feature {
namespace {

std::vector<size_t> LaterViews(const std::vector<ViewPlanPtr>& views) {
  std::vector<size_t> later;
  for (size_t i = 0; i < views.size(); ++i) {
    const bool reads = std::any_of(views[i]->slots.begin(), views[i]->slots.end(),
                                   [](const Slot& slot) { return slot.known_later; });
    if (reads) later.push_back(i);
  }
  return later;
}

// a - b, no earlier than the beginning of time.
int64_t Before(int64_t a, Micros b) {
  return a < kBeginningOfTime + b.count() ? kBeginningOfTime : a - b.count();
}

}  // namespace

SourceState::SourceState(SourcePlan source, std::vector<ViewPlanPtr> views, Micros history)
    : source_(std::move(source)),
      history_(history),
      later_views_(LaterViews(views)),
      ids_(1 + later_views_.size(), HashBytes("ids")) {
  for (ViewPlanPtr& view : views) {
    Programs programs;
    for (const Slot& slot : view->slots) programs.slots.emplace_back(slot.expression);
    if (view->where) programs.where.emplace_back(*view->where);
    programs.cells.resize(view->slots.size());
    programs.key_parts.resize(view->keys.size());
    programs_.push_back(std::move(programs));
    id_reach_ = std::max(id_reach_, view->Reach());
    views_.push_back(std::make_unique<ViewState>(std::move(view)));
  }
  // At least an instant: an event that is just not late must be known.
  for (const auto& [name, after] : source_.known_after) id_reach_ = std::max(id_reach_, after);
}

ViewState* SourceState::FindView(std::string_view name) const {
  for (size_t i = views_.size(); i > 0; --i) {
    if (views_[i - 1]->plan().name == name) return views_[i - 1].get();
  }
  return nullptr;
}

ViewState* SourceState::FindDigest(std::string_view digest) const {
  for (const auto& view : views_) {
    if (view->plan().digest == digest) return view.get();
  }
  return nullptr;
}

bool SourceState::text_ids() const {
  return source_.event_id && source_.schema[*source_.event_id].type == DataType::kString;
}

int64_t SourceState::ViewHorizon(const ViewPlan& plan) const {
  if (newest() == INT64_MIN) return kBeginningOfTime;
  return Before(newest(), source_.lateness + history_ + plan.Reach());
}

int64_t SourceState::IdHorizon() const {
  if (newest() == INT64_MIN) return kBeginningOfTime;
  return Before(newest(), source_.lateness + history_ + id_reach_);
}

// When ids are swept depends on when the process began and took snapshots; what an event is must not.
// So one that is due to be swept is not found.
uint64_t* SourceState::FindId(const Cell& id) {
  const uint64_t key = text_ids() ? id_texts_.Find(id.text()) : static_cast<uint64_t>(id.integer);
  if (text_ids() && key == TextPool::kUnknown) return nullptr;
  uint64_t* const words = ids_.Find(key);
  if (words == nullptr || static_cast<int64_t>(words[0]) > IdHorizon()) return words;
  EraseId(key);
  return nullptr;
}

void SourceState::EraseId(uint64_t key) {
  ids_.Erase(key);
  if (text_ids()) id_texts_.Release(key);
}

uint64_t* SourceState::InsertId(const Cell& id, int64_t time) {
  uint64_t* const words =
      ids_.Insert(text_ids() ? id_texts_.Acquire(id.text()) : static_cast<uint64_t>(id.integer));
  words[0] = static_cast<uint64_t>(time);
  return words;
}

// Sweeping costs a pass, and doubles have to come in between: constant time an event.
void SourceState::SweepIds() {
  const int64_t horizon = IdHorizon();
  std::vector<uint64_t> old;
  ids_.ForEach([&](uint64_t key, const uint64_t* words) {
    if (static_cast<int64_t>(words[0]) <= horizon) old.push_back(key);
  });
  for (const uint64_t key : old) EraseId(key);
  ids_after_sweep_ = ids_.size();
}

void SourceState::Sweep() {
  SweepIds();
  SweepViews();
}

void SourceState::SweepViews() {
  for (const auto& view : views_) view->Sweep(ViewHorizon(view->plan()));
}

Position SourceState::PositionOf(const Cell& id, int64_t time) const {
  if (id.is_null()) return {time, Position::Kind::kArrival, Cell(), arrivals_};
  return {time, Position::Kind::kId, id, 0};
}

void SourceState::EvaluateSlots(size_t view, std::span<const Cell> row) {
  Programs& programs = programs_[view];
  const ViewPlan& plan = views_[view]->plan();
  for (size_t i = 0; i < plan.slots.size(); ++i) {
    const Expression& expression = plan.slots[i].expression;
    programs.cells[i] = expression.IsColumn() ? row[expression.ColumnIndices()[0]]
                                              : expression.EvaluateRow(row, programs.slots[i]);
  }
}

// 0 when the view does not see the event, else the key's handle plus one.
KeyHandle SourceState::InsertInto(size_t view, std::span<const Cell> row, const Position& at) {
  Programs& programs = programs_[view];
  const ViewPlan& plan = views_[view]->plan();
  if (plan.where) {
    const Cell passes = plan.where->EvaluateRow(row, programs.where[0]);
    if (passes.is_null() || passes.boolean == 0) return 0;
  }
  for (size_t i = 0; i < plan.keys.size(); ++i) programs.key_parts[i] = row[plan.keys[i]];
  if (!programs.key.Set(programs.key_parts, views_[view]->key_types())) return 0;
  EvaluateSlots(view, row);
  return views_[view]->Insert(programs.key, at, programs.cells, ViewHorizon(plan)) + 1;
}

std::vector<ColumnCell> SourceState::LaterColumns(std::span<const Cell> row) const {
  std::vector<ColumnCell> later;
  for (const auto& [name, after] : source_.known_after) {
    const size_t column = source_.schema.Find(name).value();
    if (!row[column].is_null()) later.emplace_back(column, row[column]);
  }
  return later;
}

Outcome SourceState::Apply(std::span<const Cell> row, bool replay) {
  const Cell& time_cell = row[source_.event_time];
  const Cell id = source_.event_id ? row[*source_.event_id] : Cell();
  if (!id.is_null() && FindId(id) != nullptr) {
    const std::vector<ColumnCell> later = LaterColumns(row);
    return later.empty() ? Outcome::kDuplicate : Join(id, later);
  }
  if (time_cell.is_null()) return Outcome::kNoTime;
  const int64_t time = time_cell.integer;
  if (time <= kBeginningOfTime || time >= -kBeginningOfTime) return Outcome::kNoTime;
  if (newest() != INT64_MIN) {
    if (replay && time <= IdHorizon()) return Outcome::kLate;
    if (!replay && time < Before(newest(), source_.lateness)) return Outcome::kLate;
  }
  if (time > newest()) newest_.store(time, std::memory_order_relaxed);
  const Position at = PositionOf(id, time);
  if (id.is_null()) ++arrivals_;
  uint64_t* words = nullptr;
  if (!id.is_null()) {
    if (ids_.size() > 2 * ids_after_sweep_ + 4096) SweepIds();
    words = InsertId(id, time);
  }
  for (size_t view = 0, later = 0; view < views_.size(); ++view) {
    const KeyHandle handle = InsertInto(view, row, at);
    if (later == later_views_.size() || later_views_[later] != view) continue;
    ++later;
    if (words != nullptr) words[later] = handle;
  }
  return Outcome::kAccepted;
}

// What is a duplicate is not logged, so it is one only where a view holds the very values: one that
// does not see the event (or may have let it go), or keeps no more than a result of the column, cannot tell.
Outcome SourceState::Join(const Cell& id, std::span<const ColumnCell> given) {
  const uint64_t* const words = FindId(id);
  if (words == nullptr) return Outcome::kUnknownId;
  std::vector<ColumnCell> columns;
  for (const ColumnCell& column : given) {
    if (!column.second.is_null()) columns.push_back(column);
  }
  if (columns.empty()) return Outcome::kDuplicate;
  const Position at = PositionOf(id, static_cast<int64_t>(words[0]));
  bool had_all = false;
  for (size_t later = 0; later < later_views_.size(); ++later) {
    if (words[later + 1] == 0) continue;
    if (at.time <= ViewHorizon(views_[later_views_[later]]->plan())) continue;
    had_all = ChangeIn(later_views_[later], words[later + 1] - 1, at, columns) || had_all;
  }
  return had_all ? Outcome::kDuplicate : Outcome::kJoined;
}

// Computes again, from the columns that the view keeps, what reads a column known later.
bool SourceState::ChangeIn(size_t view, KeyHandle key, const Position& at,
                           std::span<const ColumnCell> columns) {
  const ViewPlan& plan = views_[view]->plan();
  std::vector<Cell> slots;
  std::deque<std::string> texts;
  if (!views_[view]->Slots(key, at, slots, texts)) return false;
  std::vector<Cell> row(source_.schema.size());
  std::vector<uint8_t> kept(source_.schema.size(), 0);
  for (size_t i = 0; i < plan.slots.size(); ++i) {
    if (!plan.slots[i].expression.IsColumn()) continue;
    const size_t column = plan.slots[i].expression.ColumnIndices()[0];
    row[column] = slots[i];
    kept[column] = 1;
  }
  const bool had_all = std::all_of(columns.begin(), columns.end(), [&](const ColumnCell& column) {
    return kept[column.first] != 0 &&
           SameCell(row[column.first], column.second, source_.schema[column.first].type);
  });
  if (had_all) return true;
  for (const ColumnCell& column : columns) row[column.first] = column.second;
  bool changed = false;
  for (size_t i = 0; i < plan.slots.size(); ++i) {
    if (!plan.slots[i].known_later) continue;
    const Expression& expression = plan.slots[i].expression;
    const Cell now = expression.IsColumn() ? row[expression.ColumnIndices()[0]]
                                           : expression.EvaluateRow(row, programs_[view].slots[i]);
    changed = changed || !SameCell(now, slots[i], plan.slots[i].type);
    slots[i] = now;
  }
  if (changed) views_[view]->Change(key, at, slots);
  return false;
}

Status SourceState::Load(const Table& events, const std::function<void(int64_t)>& progress) {
  const std::span<const int64_t> times = events.column(source_.event_time).ints();
  const Column& time_column = events.column(source_.event_time);
  std::vector<uint8_t> skip(times.size(), 0);
  for (size_t row = 0; row < times.size(); ++row) {
    if (time_column.IsNull(row) || times[row] <= kBeginningOfTime || times[row] >= -kBeginningOfTime) {
      return InvalidArgument("{}: row {} has no {} that can be used", source_.name, row,
                             source_.event_time_name());
    }
    if (times[row] > newest()) newest_.store(times[row], std::memory_order_relaxed);
  }
  const int64_t horizon = IdHorizon();
  std::vector<Cell> id_cells(times.size());
  if (source_.event_id) {
    const Column& ids = events.column(*source_.event_id);
    for (size_t row = 0; row < times.size(); ++row) {
      id_cells[row] = CellAt(ids, row);
      if (id_cells[row].is_null() || times[row] <= horizon) continue;
      if (FindId(id_cells[row]) != nullptr) {
        skip[row] = 1;
      } else {
        InsertId(id_cells[row], times[row]);
      }
    }
  }
  std::vector<std::vector<uint64_t>> handles(views_.size());
  for (const size_t view : later_views_) handles[view].resize(times.size());
  MR_RETURN_IF_ERROR(ParallelFor(0, views_.size(), [&](size_t view) {
    return LoadView(view, events, skip, handles[view], view == 0 ? progress : nullptr);
  }));
  for (size_t later = 0; later < later_views_.size(); ++later) {
    for (size_t row = 0; row < times.size(); ++row) {
      if (skip[row] != 0 || id_cells[row].is_null() || times[row] <= horizon) continue;
      FindId(id_cells[row])[later + 1] = handles[later_views_[later]][row];
    }
  }
  arrivals_ = times.size();
  ids_after_sweep_ = ids_.size();
  return Ok();
}

Status SourceState::LoadView(size_t view, const Table& events, std::span<const uint8_t> skip,
                             std::span<uint64_t> handles, const std::function<void(int64_t)>& progress) {
  const ViewPlan& plan = views_[view]->plan();
  std::vector<Column> slots;
  for (const Slot& slot : plan.slots) {
    MR_ASSIGN_OR_RETURN(Column column, slot.expression.Evaluate(events));
    slots.push_back(std::move(column));
  }
  std::optional<Column> where;
  if (plan.where) {
    MR_ASSIGN_OR_RETURN(where, plan.where->Evaluate(events));
  }
  const Column& times = events.column(source_.event_time);
  const int64_t horizon = ViewHorizon(plan);
  Programs& programs = programs_[view];
  for (size_t row = 0; row < events.num_rows(); ++row) {
    if (progress && row % 65'536 == 65'535) progress(65'536);
    if (skip[row] != 0 || (where && (where->IsNull(row) || where->bools()[row] == 0))) continue;
    for (size_t i = 0; i < plan.keys.size(); ++i)
      programs.key_parts[i] = CellAt(events.column(plan.keys[i]), row);
    if (!programs.key.Set(programs.key_parts, views_[view]->key_types())) continue;
    for (size_t i = 0; i < slots.size(); ++i) programs.cells[i] = CellAt(slots[i], row);
    const Cell id = source_.event_id ? CellAt(events.column(*source_.event_id), row) : Cell();
    Position at{times.ints()[row], Position::Kind::kId, id, 0};
    if (id.is_null()) {
      at.kind = Position::Kind::kArrival;
      at.arrival = row;
    }
    const KeyHandle handle = views_[view]->Insert(programs.key, at, programs.cells, horizon) + 1;
    if (!handles.empty()) handles[row] = handle;
  }
  return Ok();
}

void SourceState::Restore(int64_t newest_time, uint64_t arrivals) {
  newest_.store(newest_time, std::memory_order_relaxed);
  arrivals_ = arrivals;
}

void SourceState::RestoreId(const Cell& id, int64_t time, std::span<const uint64_t> handles) {
  uint64_t* const words = InsertId(id, time);
  std::copy(handles.begin(), handles.end(), words + 1);
  ids_after_sweep_ = ids_.size();
}

}  // namespace millrace::feature
