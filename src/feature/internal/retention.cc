// How much of its log a source keeps, and what the offline tables read of it.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "feature/internal/log_entries.h"
#include "feature/internal/online_source.h"

namespace millrace::feature {

// Removes segments that neither the snapshot nor the offline tables need. As many as make up a
// few snapshots' worth stay, for views that are built anew from an older version of those tables.
void OnlineSource::Prune() {
  prune_due_.store(false);  // before confirmed_ is read
  if (dropped()) return;
  const Result<std::vector<LogSegment>> segments = ListSegments(directory_);
  if (!segments.ok() || segments->empty()) return;
  const uint64_t confirmed = confirmed_.load();
  uint64_t snapshot = 0;
  {
    const Ingest lock(*this);
    snapshot = meta_.position;
  }
  const uint64_t keep = options_.snapshot_log_bytes * 4;
  uint64_t bytes = 0;
  uint64_t unconfirmed = 0;
  for (size_t i = segments->size() - 1; i > 0; --i) {
    const LogSegment& segment = (*segments)[i - 1];
    const uint64_t end = (*segments)[i].first;
    std::error_code error;
    const uint64_t size = std::filesystem::file_size(segment.path, error);
    if (error) continue;
    const uint64_t many = (segments->size() - i) << 20;  // each counts as a megabyte at least
    if (end <= std::min(confirmed, snapshot) && (bytes + size > keep || many > keep)) {
      for (size_t old = 0; old < i; ++old) ::unlink((*segments)[old].path.c_str());
      break;
    }
    bytes += size;
    if (end > confirmed) unconfirmed += size;
  }
  old_log_bytes_.store(static_cast<int64_t>(bytes));
  old_unconfirmed_bytes_.store(unconfirmed);
  const uint64_t limit = options_.max_unconfirmed_bytes;
  log_->SetSegmentLimit(limit > unconfirmed ? limit - unconfirmed : 0);
}

void OnlineSource::Advance(uint64_t position) {
  uint64_t before = confirmed_.load();
  while (before < position && !confirmed_.compare_exchange_weak(before, position)) {
  }
}

void OnlineSource::Confirm(uint64_t position) {
  if (state() == nullptr) return;
  if (position > confirmed_.load()) {
    Advance(position);
    prune_due_.store(true);
  }
  PruneIfDue();
}

// After every release of maintenance_ and after every position confirmed: then one of the two sees
// the other, and nothing stays due while the lock is free.
void OnlineSource::PruneIfDue() {
  while (prune_due_.load()) {
    const std::unique_lock lock(maintenance_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    Prune();
  }
}

void OnlineSource::WarnOfMissing(uint64_t missing) const {
  if (missing == 0) return;
  LogError("pushed events left the log before the offline tables took them",
           {{"source", key_}, {"records", std::to_string(missing)}});
}

Result<LogRange> OnlineSource::ReadLog(uint64_t after) {
  if (state() == nullptr) return FailedPrecondition("{} is not loaded yet", key_);
  const Maintenance one_at_a_time(*this);  // no segment goes meanwhile; writers go on
  if (dropped()) return Gone();
  const std::shared_ptr<SourceState> held = state();
  const SourcePlan& source = held->source();
  std::vector<ColumnBuilder> builders;
  for (const Field& field : source.schema.fields()) builders.emplace_back(field.type);
  LogRange range;
  range.through = std::max(after, log_->position());
  MR_RETURN_IF_ERROR(log_->Wait(log_->position()));
  const auto visit = [&](uint64_t position, const LogEntry& entry) -> Status {
    if (entry.kind == LogEntry::Kind::kUnusedRow) {
      range.unused.emplace_back(position, entry.unused);
      return Ok();
    }
    range.is_event.push_back(entry.kind == LogEntry::Kind::kEvent);
    if (entry.kind == LogEntry::Kind::kLateColumns) {
      LateColumns update{ToValue(entry.id, IdType(source)), {}};
      for (const auto& [column, cell] : entry.columns) {
        update.columns.emplace_back(source.schema[column].name, ToValue(cell, source.schema[column].type));
      }
      range.updates.push_back(std::move(update));
      return Ok();
    }
    for (size_t c = 0; c < builders.size(); ++c) {
      MR_RETURN_IF_ERROR(builders[c].Append(ToValue(entry.row[c], source.schema[c].type)));
    }
    return Ok();
  };
  MR_ASSIGN_OR_RETURN(const EntriesRead read, ReadEntries(directory_, source, after, range.through, visit));
  range.missing = read.missing;
  WarnOfMissing(read.missing);
  std::vector<Column> columns;
  for (ColumnBuilder& builder : builders) columns.push_back(std::move(builder).Finish());
  MR_ASSIGN_OR_RETURN(range.events, Table::Create(source.schema, std::move(columns)));
  return range;
}

}  // namespace millrace::feature
