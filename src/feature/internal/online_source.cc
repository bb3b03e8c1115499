#include "feature/internal/online_source.h"

#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "feature/internal/log_entries.h"
#include "feature/internal/plan_text.h"

namespace millrace::feature {
namespace {

constexpr uint64_t kMaxSnapshot = uint64_t{64} << 30;
// A new state has caught up when no more than this is left: placed in well under a millisecond.
constexpr size_t kCaughtUp = 64;
constexpr int kMaxRounds = 20;

Outcome Place(SourceState& state, const LogEntry& entry) {
  switch (entry.kind) {
    case LogEntry::Kind::kEvent:
      return state.Apply(entry.row, true);
    case LogEntry::Kind::kLateColumns:
      return state.Join(entry.id, entry.columns);
    case LogEntry::Kind::kUnusedRow:
      break;
  }
  return Outcome::kDuplicate;
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
  return FormatJson(SourceToJson(state.source()));
}

// Snapshot, then the log behind it; what is torn was never acknowledged.
Status OnlineSource::Recover() {
  if (!FileExists(SnapshotPath())) return Ok();
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(SnapshotPath(), kMaxSnapshot));
  MR_ASSIGN_OR_RETURN(SourceSnapshotData data, DecodeSnapshot(bytes, SnapshotPath(), options_.history));
  meta_ = data.meta;
  confirmed_.store(meta_.confirmed);
  MR_ASSIGN_OR_RETURN(const Replayed replayed, Replay(*data.state, meta_.position, UINT64_MAX));
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

// Applies the log's entries from `from` on.
Result<OnlineSource::Replayed> OnlineSource::Replay(SourceState& state, uint64_t from, uint64_t until) const {
  Replayed replayed;
  MR_ASSIGN_OR_RETURN(
      const EntriesRead read,
      ReadEntries(directory_, state.source(), from, until, [&](uint64_t, const LogEntry& entry) -> Status {
        const Outcome outcome = Place(state, entry);
        replayed.accepted += outcome == Outcome::kAccepted ? 1 : 0;
        return Ok();
      }));
  replayed.next = read.next;
  replayed.missing = read.missing;
  return replayed;
}

Status OnlineSource::WriteSnapshot(const SourceState& state, const SnapshotMeta& meta) const {
  return WriteFileAtomically(SnapshotPath(), EncodeSnapshot(state, meta), 0600);
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

  const Maintenance one_at_a_time(*this);
  if (dropped()) return Gone();
  if (log_ == nullptr) return LoadFirst(std::move(made), load);
  MR_RETURN_IF_ERROR(log_->WaitForSegment());
  uint64_t from = 0;
  {
    const Ingest lock(*this);
    from = log_->position();
    captured_.emplace();
  }
  const Status status = SwitchTo(std::move(made), load, from);
  {
    const Ingest lock(*this);
    captured_.reset();
  }
  Prune();
  return status;
}

// Nothing was ever logged, or a crash came before the first snapshot.
Status OnlineSource::LoadFirst(std::shared_ptr<SourceState> made, const LoadOptions& load) {
  MR_ASSIGN_OR_RETURN(const std::vector<LogSegment> strays, ListSegments(directory_));
  for (const LogSegment& stray : strays) ::unlink(stray.path.c_str());
  SnapshotMeta meta;
  meta.marker = load.marker;
  // Who loads may remember an older log of the source (it was dropped, or its files
  // are gone): positions go on from there, so that none means two events.
  meta.position = std::max(load.through, load.reached);
  meta.confirmed = load.through;
  MR_RETURN_IF_ERROR(WriteSnapshot(*made, meta));
  MR_ASSIGN_OR_RETURN(
      auto log, EventLog::Create(directory_, LogHeader(*made), meta.position, options_.max_buffer_bytes));
  {
    const Ingest lock(*this);
    const std::lock_guard pointer(pointer_);
    log_ = std::move(log);
    meta_ = meta;
    confirmed_.store(meta.confirmed);
    state_ = std::move(made);
  }
  Prune();
  return Ok();
}

// The new state gets what the log holds up to `from`, then what was captured since. Its
// snapshot is on disk before it serves; a crash in between finds the log behind it.
Status OnlineSource::SwitchTo(std::shared_ptr<SourceState> made, const LoadOptions& load, uint64_t from) {
  MR_RETURN_IF_ERROR(log_->Wait(from));
  MR_ASSIGN_OR_RETURN(const Replayed replayed, Replay(*made, load.through, from));
  if (replayed.missing > 0 && confirmed_.load() > load.through) {
    return Unavailable("the offline tables of {} went on while it was loaded: it is loaded again", key_);
  }
  // What lies before `reached` is in an offline table, and will be in the next state.
  if (load.through + replayed.missing > load.reached) WarnOfMissing(replayed.missing);
  SnapshotMeta meta;
  {
    const Ingest lock(*this);
    meta = meta_;
  }
  meta.marker = load.marker;
  meta.position = from;
  meta.confirmed = std::max(confirmed_.load(), load.through);
  MR_RETURN_IF_ERROR(WriteSnapshot(*made, meta));
  MR_RETURN_IF_ERROR(CatchUp(made, load.marker, from));
  Advance(load.through);
  return log_->WaitForSegment();
}

Status OnlineSource::CatchUp(const std::shared_ptr<SourceState>& made, const std::string& marker,
                             uint64_t from) {
  const EntryReader reader(state()->source(), made->source());
  const auto place = [&](const std::vector<std::string>& records) -> Status {
    for (const std::string& record : records) {
      MR_ASSIGN_OR_RETURN(const std::optional<LogEntry> entry, reader.Read(record));
      if (entry) Place(*made, *entry);
    }
    return Ok();
  };
  for (int round = 0;; ++round) {
    std::vector<std::string> records;
    {
      const Ingest lock(*this);
      records.swap(*captured_);
      if (records.size() <= kCaughtUp || round == kMaxRounds) {
        MR_RETURN_IF_ERROR(place(records));
        const bool same_columns = state_->source().schema == made->source().schema;
        if (!same_columns) {
          LogInfo("the columns of a source have changed; events that were pushed before keep those that stay",
                  {{"source", key_}});
        }
        log_->BeginSegment(LogHeader(*made));
        meta_.marker = marker;
        meta_.position = from;
        dirty_ = log_->position() > from;
        const std::lock_guard pointer(pointer_);
        state_ = made;
        return Ok();
      }
    }
    MR_RETURN_IF_ERROR(place(records));
  }
}

bool OnlineSource::WantsSnapshot() const {
  return !dropped() && state() != nullptr && log_->segment_bytes() > options_.snapshot_log_bytes;
}

// The snapshot on disk and the log behind it, up to meta.position, as a new snapshot.
Status OnlineSource::Compact(SnapshotMeta meta) const {
  std::shared_ptr<SourceState> made;
  uint64_t from = 0;
  {
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(SnapshotPath(), kMaxSnapshot));
    MR_ASSIGN_OR_RETURN(SourceSnapshotData data, DecodeSnapshot(bytes, SnapshotPath(), options_.history));
    from = data.meta.position;
    made = std::move(data.state);
  }
  MR_ASSIGN_OR_RETURN(const Replayed replayed, Replay(*made, from, meta.position));
  if (replayed.missing > 0 || replayed.next < meta.position) {
    return DataLoss("{}: the log behind the snapshot has no records from {} to {}", directory_, replayed.next,
                    meta.position);
  }
  made->Sweep();
  return WriteSnapshot(*made, meta);
}

// Nobody waits for it: the log goes on in a new segment, and the old ones are closed.
Status OnlineSource::Snapshot() {
  if (state() == nullptr) return Ok();
  const Maintenance one_at_a_time(*this);
  if (dropped()) return Ok();
  MR_RETURN_IF_ERROR(log_->WaitForSegment());
  SnapshotMeta meta;
  std::shared_ptr<SourceState> held;
  {
    const Ingest lock(*this);
    if (!dirty_) return Ok();
    dirty_ = false;
    meta = meta_;
    meta.position = log_->BeginSegment(LogHeader(*state_));
    held = state_;
  }
  meta.confirmed = confirmed_.load();
  Status status = log_->WaitForSegment();
  if (status.ok()) status = Compact(meta);
  held->SweepViews();
  {
    const Ingest lock(*this);
    if (status.ok()) meta_.position = meta.position;
    dirty_ = dirty_ || !status.ok();
  }
  Prune();
  return status;
}

Status OnlineSource::Close() {
  if (state() == nullptr) return Ok();
  const Maintenance one_at_a_time(*this);
  if (dropped()) return Ok();
  const Ingest lock(*this);
  if (!dirty_) return Ok();
  state_->Sweep();
  SnapshotMeta meta = meta_;
  meta.position = log_->position();
  meta.confirmed = confirmed_.load();
  MR_RETURN_IF_ERROR(log_->Wait(meta.position));
  MR_RETURN_IF_ERROR(WriteSnapshot(*state_, meta));
  dirty_ = false;
  return Ok();
}

Status OnlineSource::Gone() const {
  return Unavailable("the online state of {} is being removed; a new one can be loaded after that", key_);
}

// With maintenance_: whoever got it before is done with the files, whoever gets it after sees that
// they are not its own any more. The log ends as well, or its writer might begin a segment later,
// in the directory of a new source of this name.
void OnlineSource::EndFiles() {
  dropped_.store(true);
  const Maintenance one_at_a_time(*this);
  if (log_ != nullptr) log_->Close();
}

std::optional<std::string> OnlineSource::Marker() {
  const Ingest lock(*this);
  if (state_ == nullptr) return std::nullopt;
  return meta_.marker;
}

SourceStats OnlineSource::Stats() {
  SourceStats stats;
  stats.key = key_;
  std::shared_ptr<SourceState> held;
  {
    const Ingest lock(*this);
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
  const uint64_t segment = log_->segment_bytes();
  stats.log_bytes = static_cast<int64_t>(segment) + old_log_bytes_.load();
  stats.confirmed = confirmed_.load();
  stats.unconfirmed_limit = static_cast<int64_t>(options_.max_unconfirmed_bytes);
  stats.unconfirmed_bytes = static_cast<int64_t>(old_unconfirmed_bytes_.load());
  if (stats.log_position > stats.confirmed) stats.unconfirmed_bytes += static_cast<int64_t>(segment);
  if (held->newest() != INT64_MIN) stats.newest = EventTime{held->newest()};
  for (const auto& view : held->views()) {
    const ViewState::Totals totals = view->Count();
    stats.views.push_back({view->plan().name, view->plan().digest, totals.keys, totals.events, totals.bytes});
  }
  return stats;
}

}  // namespace millrace::feature
