#include "feature/internal/online_source.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "feature/internal/event_codec.h"
#include "feature/internal/plan_text.h"
#include "feature/internal/table_cells.h"

namespace millrace::feature {
namespace {

constexpr uint64_t kMaxSnapshot = uint64_t{64} << 30;

DataType IdType(const SourcePlan& source) {
  return source.event_id ? source.schema[*source.event_id].type : DataType::kInt64;
}

// How many records from `from` on lie before the first segment.
uint64_t Missing(const std::vector<LogSegment>& segments, uint64_t from) {
  return segments.empty() || segments.front().first <= from ? 0 : segments.front().first - from;
}

void WarnOfMissing(const std::string& key, uint64_t missing) {
  if (missing == 0) return;
  LogError("pushed events left the log before the offline tables took them",
           {{"source", key}, {"records", std::to_string(missing)}});
}

// Events with the source's columns; only those that are known later may be missing.
Result<Table> InSourceOrder(const SourcePlan& source, const Table& events) {
  std::vector<Column> columns;
  for (const Field& field : source.schema.fields()) {
    const auto found = events.schema().Find(field.name);
    if (!found && !source.known_after.contains(field.name)) {
      return InvalidArgument("the events have no column '{}', which {} has", field.name, source.name);
    }
    if (found && events.column(*found).type() != field.type) {
      return InvalidArgument("{} is {} in the events, and {} in {}", field.name,
                             DataTypeName(events.column(*found).type()), DataTypeName(field.type),
                             source.name);
    }
    columns.push_back(found ? events.column(*found) : Column::Nulls(field.type, events.num_rows()));
  }
  return Table::Create(source.schema, std::move(columns));
}

}  // namespace

Result<std::unique_ptr<OnlineSource>> OnlineSource::Open(std::string key, std::string directory,
                                                         const OnlineStoreOptions& options) {
  MR_RETURN_IF_ERROR(MakeDirectories(directory));
  std::unique_ptr<OnlineSource> source(new OnlineSource(std::move(key), std::move(directory), options));
  MR_RETURN_IF_ERROR(source->Recover());
  return source;
}

std::shared_ptr<SourceState> OnlineSource::state() const {
  const std::lock_guard lock(pointer_);
  return state_;
}

// The schema of the records and, for people, which source it is.
std::string OnlineSource::LogHeader(const SourceState& state) const {
  return SourceToJson(state.source()).dump();
}

// Snapshot, then the log behind it; what is torn was never acknowledged.
Status OnlineSource::Recover() {
  if (!FileExists(SnapshotPath())) return Ok();
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(SnapshotPath(), kMaxSnapshot));
  MR_ASSIGN_OR_RETURN(SourceSnapshotData data, DecodeSnapshot(bytes, SnapshotPath(), options_.history));
  meta_ = data.meta;
  MR_ASSIGN_OR_RETURN(const Replayed replayed, Replay(*data.state, meta_.position));
  if (replayed.missing > 0) {
    return DataLoss("{}: {} records of the log behind the snapshot are missing, from {} on", directory_,
                    replayed.missing, meta_.position);
  }
  meta_.events += replayed.accepted;
  dirty_ = replayed.next > meta_.position;
  MR_ASSIGN_OR_RETURN(
      log_, EventLog::Create(directory_, LogHeader(*data.state), replayed.next, options_.max_buffer_bytes));
  state_ = std::move(data.state);
  Prune();
  return Ok();
}

// Applies the log's records from `from` on.
Result<OnlineSource::Replayed> OnlineSource::Replay(SourceState& state, uint64_t from) const {
  const Schema& schema = state.source().schema;
  Replayed replayed{from, 0, 0};
  MR_ASSIGN_OR_RETURN(const std::vector<LogSegment> segments, ListSegments(directory_));
  replayed.missing = Missing(segments, from);
  for (size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    if (!last && segments[i + 1].first <= from) continue;
    std::optional<uint64_t> following;
    if (!last) following = segments[i + 1].first;
    MR_ASSIGN_OR_RETURN(
        const SegmentRead read,
        ReadSegment(segments[i].path, from, following, [&](uint64_t, std::string_view payload) -> Status {
          MR_ASSIGN_OR_RETURN(const LogEntry entry, DecodeEntry(payload, schema, IdType(state.source())));
          const Outcome outcome =
              entry.late_columns ? state.Join(entry.id, entry.columns) : state.Apply(entry.row, true);
          replayed.accepted += outcome == Outcome::kAccepted ? 1 : 0;
          return Ok();
        }));
    replayed.next = std::max(replayed.next, read.next);
  }
  return replayed;
}

Status OnlineSource::Load(const SourcePlan& source, std::vector<ViewPlanPtr> views, const Table& events,
                          const LoadOptions& load) {
  for (const ViewPlanPtr& view : views) {
    if (!(view->source.schema == source.schema) || view->source.name != source.name) {
      return InvalidArgument("FeatureView {} was compiled for another schema of {}", view->name, source.name);
    }
  }
  MR_ASSIGN_OR_RETURN(const Table rows, InSourceOrder(source, events));
  auto made = std::make_shared<SourceState>(source, std::move(views), options_.history);
  MR_RETURN_IF_ERROR(made->Load(rows, load.progress));

  const std::lock_guard one_at_a_time(maintenance_);
  const std::lock_guard lock(ingest_);
  SnapshotMeta meta = meta_;
  meta.marker = load.marker;
  if (log_ == nullptr) {
    // Nothing was ever logged, or a crash came before the first snapshot.
    MR_ASSIGN_OR_RETURN(const std::vector<LogSegment> strays, ListSegments(directory_));
    for (const LogSegment& stray : strays) ::unlink(stray.path.c_str());
    // Who loads may remember an older log of the source (it was dropped, or its files
    // are gone): positions go on from there, so that none means two events.
    meta.position = std::max(meta.position, load.through);
  } else {
    MR_RETURN_IF_ERROR(log_->Wait(log_->position()));
    if (state_->source().schema == source.schema) {
      MR_ASSIGN_OR_RETURN(const Replayed replayed, Replay(*made, load.through));
      WarnOfMissing(key_, replayed.missing);
    } else if (load.through < log_->position()) {
      LogWarning("the schema changed: what was pushed before is only in the source's own rows",
                 {{"source", key_}});
    }
    meta.position = log_->position();
  }
  MR_RETURN_IF_ERROR(WriteFileAtomically(SnapshotPath(), EncodeSnapshot(*made, meta), 0600));
  if (log_ == nullptr) {
    MR_ASSIGN_OR_RETURN(
        log_, EventLog::Create(directory_, LogHeader(*made), meta.position, options_.max_buffer_bytes));
  } else {
    MR_RETURN_IF_ERROR(log_->Roll(LogHeader(*made)));
  }
  if (state_ != nullptr && !(state_->source().schema == source.schema)) ForgetOldSegments();
  meta_ = meta;
  dirty_ = false;
  {
    const std::lock_guard pointer(pointer_);
    state_ = std::move(made);
  }
  Prune();
  return Ok();
}

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

namespace {
bool IsRefused(Outcome outcome) {
  return outcome == Outcome::kLate || outcome == Outcome::kAhead || outcome == Outcome::kNoTime;
}
}  // namespace

bool OnlineSource::IsAhead(const Cell& time) const {
  if (time.is_null()) return false;
  const int64_t present = std::max(options_.clock->Now().micros, state_->newest());
  return time.integer > present && time.integer - options_.max_ahead.count() > present;
}

Status OnlineSource::RefuseReason(Outcome outcome, std::span<const Cell> row) const {
  const SourcePlan& source = state_->source();
  if (outcome == Outcome::kNoTime)
    return InvalidArgument("the event has no {} that can be used", source.event_time_name());
  if (outcome == Outcome::kAhead) {
    return InvalidArgument(
        "the event at {} is more than {} ahead of the clock: are its times in microseconds?",
        FormatTime(row[source.event_time].time()), FormatDuration(options_.max_ahead));
  }
  return InvalidArgument("the event at {} is late: the newest is at {}, and {} takes events up to {} older",
                         FormatTime(row[source.event_time].time()), FormatTime(EventTime{state_->newest()}),
                         source.name, FormatDuration(source.lateness));
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
  if (outcome == Outcome::kAccepted || outcome == Outcome::kJoined) {
    dirty_ = true;
    log_->Add(record);
  }
  return outcome;
}

Result<AppendResult> OnlineSource::Append(const Table& events) {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  MR_RETURN_IF_ERROR(log_->Ready());
  AppendResult result;
  uint64_t position = 0;
  {
    const std::lock_guard lock(ingest_);
    MR_ASSIGN_OR_RETURN(const Table rows, InSourceOrder(state_->source(), events));
    std::vector<Cell> row(rows.num_columns());
    for (size_t i = 0; i < rows.num_rows(); ++i) {
      for (size_t column = 0; column < row.size(); ++column) row[column] = CellAt(rows.column(column), i);
      MR_ASSIGN_OR_RETURN(const Outcome outcome, ApplyRow(row));
      result.accepted += outcome == Outcome::kAccepted ? 1 : 0;
      result.joined += outcome == Outcome::kJoined ? 1 : 0;
      result.duplicates += outcome == Outcome::kDuplicate ? 1 : 0;
      if (IsRefused(outcome)) {
        result.refused.push_back({static_cast<int64_t>(i), RefuseReason(outcome, row).message()});
      }
    }
    position = log_->position();
  }
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
  if (outcome == Outcome::kJoined) {
    dirty_ = true;
    log_->Add(record);
  }
  return outcome;
}

Result<AppendResult> OnlineSource::Update(std::span<const LateColumns> updates) {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  MR_RETURN_IF_ERROR(log_->Ready());
  AppendResult result;
  uint64_t position = 0;
  {
    const std::lock_guard lock(ingest_);
    const SourcePlan& source = state_->source();
    if (!source.event_id)
      return InvalidArgument("{} has no event ids, so nothing can be joined to its events", key_);
    for (size_t i = 0; i < updates.size(); ++i) {
      const Result<std::vector<ColumnCell>> cells = CheckUpdate(updates[i]);
      if (!cells.ok()) {
        result.refused.push_back({static_cast<int64_t>(i), cells.status().message()});
        continue;
      }
      MR_ASSIGN_OR_RETURN(const Outcome outcome, ApplyUpdate(updates[i], *cells));
      result.joined += outcome == Outcome::kJoined ? 1 : 0;
      result.duplicates += outcome == Outcome::kDuplicate ? 1 : 0;
      if (outcome == Outcome::kUnknownId) {
        result.refused.push_back(
            {static_cast<int64_t>(i), fmt::format("no event with {} {} is held", source.event_id_name(),
                                                  ToText(updates[i].event_id))});
      }
    }
    position = log_->position();
  }
  MR_RETURN_IF_ERROR(log_->Wait(position));
  return result;
}

Status OnlineSource::Learn(std::span<const Cell> event, const Schema* columns) {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  std::string refused;
  {
    const std::lock_guard lock(ingest_);
    if (columns != nullptr && !(state_->source().schema == *columns)) {
      return FailedPrecondition("the columns of {} have changed since the event was made", key_);
    }
    if (event.size() != state_->source().schema.size()) {
      return InvalidArgument("an event of {} has {} columns, and {} are given", key_,
                             state_->source().schema.size(), event.size());
    }
    MR_ASSIGN_OR_RETURN(const Outcome outcome, ApplyRow(event));
    if (IsRefused(outcome)) refused = RefuseReason(outcome, event).message();
  }
  if (!refused.empty() && options_.on_refused) options_.on_refused(key_, refused);
  return Ok();
}

Status OnlineSource::Flush() {
  if (state() == nullptr) return Ok();
  return log_->Wait(log_->position());
}

bool OnlineSource::WantsSnapshot() const {
  return state() != nullptr && log_->segment_bytes() > options_.snapshot_log_bytes;
}

// Writers wait while the state is encoded, not while it is written. The log is on
// disk up to the snapshot's position before the snapshot is, so it has no gap.
Status OnlineSource::Snapshot() {
  const std::lock_guard one_at_a_time(maintenance_);
  std::string bytes;
  SnapshotMeta meta;
  {
    const std::lock_guard lock(ingest_);
    if (state_ == nullptr || !dirty_) return Ok();
    state_->Sweep();
    meta = meta_;
    meta.position = log_->position();
    bytes = EncodeSnapshot(*state_, meta);
    dirty_ = false;
  }
  Status status = log_->Wait(meta.position);
  if (status.ok()) status = WriteFileAtomically(SnapshotPath(), bytes, 0600);
  const std::lock_guard lock(ingest_);
  if (status.ok()) {
    meta_.position = meta.position;
    status = log_->Roll(LogHeader(*state_));
  }
  dirty_ = dirty_ || !status.ok();
  Prune();
  return status;
}

// Segments before the snapshot are kept for ReadLog and for rebuilt views, as long
// as all of them together are no longer than a few snapshots' worth.
void OnlineSource::Prune() {
  const Result<std::vector<LogSegment>> segments = OldSegments();
  if (!segments.ok()) return;
  const uint64_t keep = options_.snapshot_log_bytes * 4;
  uint64_t bytes = 0;
  for (size_t i = segments->size(); i > 0; --i) {
    std::error_code error;
    const uint64_t size = std::filesystem::file_size((*segments)[i - 1].path, error);
    if (error) continue;
    const uint64_t many = (segments->size() - i) << 20;  // each counts as a megabyte at least
    if (bytes + size > keep || many > keep) {
      for (size_t old = 0; old < i; ++old) ::unlink((*segments)[old].path.c_str());
      break;
    }
    bytes += size;
  }
  old_log_bytes_.store(static_cast<int64_t>(bytes));
}

void OnlineSource::ForgetOldSegments() {
  const Result<std::vector<LogSegment>> segments = ListSegments(directory_);
  for (size_t i = 0; segments.ok() && i + 1 < segments->size(); ++i) ::unlink((*segments)[i].path.c_str());
}

// Those that the snapshot has made unnecessary for recovery.
Result<std::vector<LogSegment>> OnlineSource::OldSegments() const {
  MR_ASSIGN_OR_RETURN(const std::vector<LogSegment> segments, ListSegments(directory_));
  std::vector<LogSegment> old;
  for (size_t i = 0; i + 1 < segments.size(); ++i) {
    if (segments[i + 1].first <= meta_.position) old.push_back(segments[i]);
  }
  return old;
}

Result<LogRange> OnlineSource::ReadLog(uint64_t after) const {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  const std::lock_guard one_at_a_time(maintenance_);  // no segment goes meanwhile; writers go on
  const std::shared_ptr<SourceState> held = state();
  const SourcePlan& source = held->source();
  std::vector<ColumnBuilder> builders;
  for (const Field& field : source.schema.fields()) builders.emplace_back(field.type);
  LogRange range;
  range.through = log_->position();
  MR_RETURN_IF_ERROR(log_->Wait(range.through));
  MR_ASSIGN_OR_RETURN(const std::vector<LogSegment> segments, ListSegments(directory_));
  WarnOfMissing(key_, Missing(segments, after));
  for (size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    if (!last && segments[i + 1].first <= after) continue;
    std::optional<uint64_t> following;
    if (!last) following = segments[i + 1].first;
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(segments[i].path, uint64_t{4} << 30));
    MR_ASSIGN_OR_RETURN(
        const SegmentRead read,
        ReadSegmentBytes(
            bytes, segments[i].path, after, following,
            [&](uint64_t position, std::string_view payload) -> Status {
              if (position >= range.through) return Ok();
              MR_ASSIGN_OR_RETURN(const LogEntry entry, DecodeEntry(payload, source.schema, IdType(source)));
              if (entry.late_columns) {
                LateColumns update{ToValue(entry.id, IdType(source)), {}};
                for (const auto& [column, cell] : entry.columns) {
                  update.columns.emplace_back(source.schema[column].name,
                                              ToValue(cell, source.schema[column].type));
                }
                range.updates.push_back(std::move(update));
                return Ok();
              }
              for (size_t c = 0; c < builders.size(); ++c) {
                MR_RETURN_IF_ERROR(builders[c].Append(ToValue(entry.row[c], source.schema[c].type)));
              }
              return Ok();
            }));
    (void)read;
  }
  std::vector<Column> columns;
  for (ColumnBuilder& builder : builders) columns.push_back(std::move(builder).Finish());
  MR_ASSIGN_OR_RETURN(range.events, Table::Create(source.schema, std::move(columns)));
  return range;
}

std::optional<std::string> OnlineSource::Marker() const {
  const std::lock_guard lock(ingest_);
  if (state_ == nullptr) return std::nullopt;
  return meta_.marker;
}

SourceStats OnlineSource::Stats() const {
  SourceStats stats;
  stats.key = key_;
  std::shared_ptr<SourceState> held;
  {
    const std::lock_guard lock(ingest_);
    held = state_;
    if (held == nullptr) return stats;
    stats.marker = meta_.marker;
    stats.events = meta_.events;
    stats.late = meta_.late;
    stats.duplicates = meta_.duplicates;
    stats.unknown_ids = meta_.unknown_ids;
    stats.ids = static_cast<int64_t>(held->ids());
    stats.id_bytes = static_cast<int64_t>(held->id_bytes());
    stats.log_position = log_->position();
  }
  stats.log_bytes = static_cast<int64_t>(log_->segment_bytes()) + old_log_bytes_.load();
  if (held->newest() != INT64_MIN) stats.newest = EventTime{held->newest()};
  for (const auto& view : held->views()) {
    const ViewState::Totals totals = view->Count();
    stats.views.push_back({view->plan().name, view->plan().digest, totals.keys, totals.events, totals.bytes});
  }
  return stats;
}

}  // namespace millrace::feature
