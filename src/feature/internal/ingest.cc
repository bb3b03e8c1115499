#include <algorithm>
#include <chrono>

#include "feature/internal/log_entries.h"
#include "feature/internal/online_source.h"
#include "feature/internal/plan_text.h"
#include "feature/internal/table_cells.h"

namespace millrace::feature {
namespace {

// So many events are placed with the lock held at once: a millisecond or two.
constexpr size_t kEventsALock = 512;
// How long somebody who learns tries before the event is queued.
constexpr std::chrono::microseconds kLearnPatience{50};
constexpr size_t kMaxReason = size_t{1} << 10;
constexpr size_t kMaxRowText = size_t{4} << 10;

bool IsRefused(Outcome outcome) {
  return outcome == Outcome::kLate || outcome == Outcome::kAhead || outcome == Outcome::kNoTime;
}

std::string UnusedRecord(const UnusedRow& row) {
  return EncodeUnusedRow({.origin = CutText(row.origin, kMaxReason),
                          .row = row.row,
                          .reason = CutText(row.reason, kMaxReason),
                          .text = CutText(row.text, kMaxRowText)});
}

}  // namespace

void OnlineSource::Count(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAccepted:
      ++meta_.events;
      break;
    case Outcome::kDuplicate:
    case Outcome::kJoined:
      ++meta_.duplicates;
      break;
    case Outcome::kLate:
    case Outcome::kAhead:
    case Outcome::kNoTime:
      ++meta_.late;
      break;
    case Outcome::kUnknownId:
      ++meta_.unknown_ids;
      break;
  }
}

bool OnlineSource::IsAhead(const Cell& time) const {
  if (time.is_null()) return false;
  const int64_t present = std::max(options_.clock->Now().micros, state_->newest());
  return time.integer > present && time.integer - options_.max_ahead.count() > present;
}

std::string OnlineSource::RefuseReason(Outcome outcome, std::span<const Cell> row) const {
  const SourcePlan& source = state_->source();
  if (outcome == Outcome::kNoTime)
    return fmt::format("the event has no {} that can be used", source.event_time_name());
  if (outcome == Outcome::kAhead) {
    return fmt::format("the event at {} is more than {} ahead of the clock: are its times in microseconds?",
                       FormatTime(row[source.event_time].time()), FormatDuration(options_.max_ahead));
  }
  return fmt::format("the event at {} is late: the newest is at {}, and {} takes events up to {} older",
                     FormatTime(row[source.event_time].time()), FormatTime(EventTime{state_->newest()}),
                     source.name, FormatDuration(source.lateness));
}

void OnlineSource::AddRecord(const std::string& record) {
  dirty_ = true;
  log_->Add(record);
  if (captured_) captured_->push_back(record);
}

// The state first, then the log's buffer: both under ingest_, so both in one order.
// Room is made sure of before, so that nothing is in the state that never gets to the log.
Result<Outcome> OnlineSource::ApplyRow(std::span<const Cell> row) {
  if (IsAhead(row[state_->source().event_time])) {
    Count(Outcome::kAhead);
    return Outcome::kAhead;
  }
  const std::string record = EncodeEvent(row, state_->source().schema);
  MR_RETURN_IF_ERROR(log_->Room(record.size()));
  const Outcome outcome = state_->Apply(row, false);
  Count(outcome);
  if (outcome == Outcome::kAccepted || outcome == Outcome::kJoined) AddRecord(record);
  return outcome;
}

Status OnlineSource::TakesMore() const {
  if (dropped()) return Gone();
  MR_RETURN_IF_ERROR(log_->Ready());
  return log_->Room(0).WithContext(key_);
}

Result<AppendResult> OnlineSource::Append(const Table& events) {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  MR_RETURN_IF_ERROR(TakesMore());
  AppendResult result;
  uint64_t position = 0;
  std::optional<Table> rows;
  size_t next = 0;
  do {
    const Ingest lock(*this);
    if (!rows || !(rows->schema() == state_->source().schema)) {
      MR_ASSIGN_OR_RETURN(rows, InSourceOrder(state_->source(), events));
    }
    std::vector<Cell> row(rows->num_columns());
    const size_t end = std::min(rows->num_rows(), next + kEventsALock);
    for (; next < end; ++next) {
      for (size_t column = 0; column < row.size(); ++column) row[column] = CellAt(rows->column(column), next);
      MR_ASSIGN_OR_RETURN(const Outcome outcome, ApplyRow(row));
      result.accepted += outcome == Outcome::kAccepted ? 1 : 0;
      result.joined += outcome == Outcome::kJoined ? 1 : 0;
      result.duplicates += outcome == Outcome::kDuplicate ? 1 : 0;
      if (IsRefused(outcome))
        result.refused.push_back({static_cast<int64_t>(next), RefuseReason(outcome, row)});
    }
    position = log_->position();
  } while (next < rows->num_rows());
  // A duplicate is acknowledged, too: its first copy must be on disk.
  MR_RETURN_IF_ERROR(log_->Wait(position));
  return result;
}

// The update's columns as cells, or what is wrong with it.
Result<std::vector<ColumnCell>> OnlineSource::CheckUpdate(const LateColumns& update) const {
  const SourcePlan& source = state_->source();
  if (TypeOf(update.event_id) != IdType(source)) {
    return InvalidArgument("{} is no {} as {} has it", ToText(update.event_id), source.event_id_name(), key_);
  }
  std::vector<ColumnCell> cells;
  for (const auto& [name, value] : update.columns) {
    const auto column = source.schema.Find(name);
    if (!column || !source.known_after.contains(name)) {
      return InvalidArgument("{} is no column of {} that is known later", name, key_);
    }
    if (!IsNull(value) && TypeOf(value) != source.schema[*column].type) {
      return InvalidArgument("{} is {}, and it should be {}", name, ToText(value),
                             DataTypeName(source.schema[*column].type));
    }
    cells.emplace_back(*column, ToCell(value));
  }
  return cells;
}

Result<Outcome> OnlineSource::ApplyUpdate(const LateColumns& update, std::span<const ColumnCell> cells) {
  const SourcePlan& source = state_->source();
  const Cell id = ToCell(update.event_id);
  const std::string record = EncodeLateColumns(id, IdType(source), cells, source.schema);
  MR_RETURN_IF_ERROR(log_->Room(record.size()));
  const Outcome outcome = state_->Join(id, cells);
  Count(outcome);
  if (outcome == Outcome::kJoined) AddRecord(record);
  return outcome;
}

Result<AppendResult> OnlineSource::Update(std::span<const LateColumns> updates) {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  MR_RETURN_IF_ERROR(TakesMore());
  AppendResult result;
  uint64_t position = 0;
  for (size_t next = 0; next < updates.size();) {
    const Ingest lock(*this);
    const SourcePlan& source = state_->source();
    if (!source.event_id)
      return InvalidArgument("{} has no event ids, so nothing can be joined to its events", key_);
    for (const size_t end = std::min(updates.size(), next + kEventsALock); next < end; ++next) {
      const auto refuse = [&](std::string reason) {
        result.refused.push_back({static_cast<int64_t>(next), std::move(reason)});
      };
      const Result<std::vector<ColumnCell>> cells = CheckUpdate(updates[next]);
      if (!cells.ok()) {
        refuse(cells.status().message());
        continue;
      }
      MR_ASSIGN_OR_RETURN(const Outcome outcome, ApplyUpdate(updates[next], *cells));
      result.joined += outcome == Outcome::kJoined ? 1 : 0;
      result.duplicates += outcome == Outcome::kDuplicate ? 1 : 0;
      if (outcome == Outcome::kUnknownId) {
        refuse(fmt::format("no event with {} {} is held", source.event_id_name(),
                           ToText(updates[next].event_id)));
      }
    }
    position = log_->position();
  }
  MR_RETURN_IF_ERROR(log_->Wait(position));
  return result;
}

Status OnlineSource::KeepUnused(std::span<const UnusedRow> rows) {
  if (rows.empty()) return Ok();
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  MR_RETURN_IF_ERROR(TakesMore());
  uint64_t position = 0;
  for (size_t next = 0; next < rows.size();) {
    const Ingest lock(*this);
    for (const size_t end = std::min(rows.size(), next + kEventsALock); next < end; ++next) {
      const std::string record = UnusedRecord(rows[next]);
      MR_RETURN_IF_ERROR(log_->Room(record.size()));
      AddRecord(record);
    }
    position = log_->position();
  }
  return log_->Wait(position);
}

// Kept where there is room: whoever learned it waits for no answer.
void OnlineSource::RefuseLearned(std::span<const Cell> event, const std::string& reason) {
  const std::string record = UnusedRecord(
      {.origin = "learn", .row = 0, .reason = reason, .text = RowText(event, state_->source().schema)});
  if (log_->Room(record.size()).ok()) AddRecord(record);
  if (options_.on_refused) options_.on_refused(key_, reason);
}

Status OnlineSource::LearnNow(std::span<const Cell> event) {
  MR_ASSIGN_OR_RETURN(const Outcome outcome, ApplyRow(event));
  if (IsRefused(outcome)) RefuseLearned(event, RefuseReason(outcome, event));
  return Ok();
}

Status OnlineSource::Learn(std::span<const Cell> event, const Schema* columns) {
  const std::shared_ptr<SourceState> held = state();
  if (held == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  const Schema& schema = held->source().schema;
  if (columns != nullptr && !(schema == *columns))
    return FailedPrecondition("the columns of {} have changed since the event was made", key_);
  if (event.size() != schema.size()) {
    return InvalidArgument("an event of {} has {} columns, and {} are given", key_, schema.size(),
                           event.size());
  }
  std::optional<std::chrono::steady_clock::time_point> deadline;
  do {
    std::unique_lock lock(ingest_, std::try_to_lock);
    if (!lock.owns_lock()) {
      if (!deadline) deadline = std::chrono::steady_clock::now() + kLearnPatience;
      continue;
    }
    TakeLearned();
    // Nobody can have changed the columns but by a Load that ended just now.
    const Status status =
        state_ == held || state_->source().schema == schema
            ? LearnNow(event)
            : FailedPrecondition("the columns of {} have changed since the event was made", key_);
    lock.unlock();
    TakeLearnedIfFree();
    return status;
  } while (std::chrono::steady_clock::now() < *deadline);
  MR_RETURN_IF_ERROR(learned_.Add({held, EncodeEvent(event, schema)}));
  TakeLearnedIfFree();
  return Ok();
}

void OnlineSource::TakeLearned() {
  if (learned_.empty()) return;
  for (const LearnQueue::Item& item : learned_.Take()) {
    const EntryReader reader(item.made_for->source(), state_->source());
    const Result<std::optional<LogEntry>> entry = reader.Read(item.record);
    const Status status = !entry.ok() ? entry.status() : *entry ? LearnNow((*entry)->row) : Ok();
    if (!status.ok() && options_.on_refused) options_.on_refused(key_, status.message());
  }
}

// After every release of ingest_ and after every event queued: then one of the two sees
// the other, and nothing stays in the queue while the lock is free.
void OnlineSource::TakeLearnedIfFree() {
  while (!learned_.empty()) {
    const std::unique_lock lock(ingest_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    TakeLearned();
  }
}

Status OnlineSource::Flush() {
  if (state() == nullptr) return Ok();
  uint64_t position = 0;
  {
    const Ingest lock(*this);
    position = log_->position();
  }
  const Status status = log_->Wait(position);
  return dropped() ? Ok() : status;
}

}  // namespace millrace::feature
