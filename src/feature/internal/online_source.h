// OnlineSource: one source of the online store: its state, its log, its files.
//
// Writers take `ingest_` for as long as it takes to decide and place an event;
// what they log has the order in which they did. Readers take the state's pointer
// and need no lock of the source. Thread safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "feature/internal/event_log.h"
#include "feature/internal/snapshot.h"
#include "feature/internal/source_state.h"
#include "feature/online_store.h"

namespace millrace::feature {

class OnlineSource {
 public:
  // With the state that `directory` holds; without one until Load.
  static Result<std::unique_ptr<OnlineSource>> Open(std::string key, std::string directory,
                                                    const OnlineStoreOptions& options);

  const std::string& key() const { return key_; }
  // Null before the first Load.
  std::shared_ptr<SourceState> state() const;

  Status Load(const SourcePlan& source, std::vector<ViewPlanPtr> views, const Table& events,
              const LoadOptions& options);
  Result<AppendResult> Append(const Table& events);
  Result<AppendResult> Update(std::span<const LateColumns> updates);
  Status Learn(std::span<const Cell> event, const Schema* columns);
  Status Flush();
  Status Snapshot();
  // Whether the log has outgrown its limit since the last snapshot.
  bool WantsSnapshot() const;
  Result<LogRange> ReadLog(uint64_t after) const;
  std::optional<std::string> Marker() const;
  // The store has forgotten it; who still holds it reads what is no longer kept.
  void SetDropped() { dropped_.store(true); }
  bool dropped() const { return dropped_.load(); }
  SourceStats Stats() const;

 private:
  OnlineSource(std::string key, std::string directory, const OnlineStoreOptions& options)
      : key_(std::move(key)), directory_(std::move(directory)), options_(options) {}

  Status Recover();
  struct Replayed {
    uint64_t next = 0;  // the position after the last record
    int64_t accepted = 0;
    uint64_t missing = 0;  // records from the position asked for on that no segment holds
  };
  Result<Replayed> Replay(SourceState& state, uint64_t from) const;
  void Prune();
  Result<std::vector<LogSegment>> OldSegments() const;
  void Count(Outcome outcome);
  std::string LogHeader(const SourceState& state) const;
  std::string SnapshotPath() const { return directory_ + "/snapshot"; }
  Result<Outcome> ApplyRow(std::span<const Cell> row);
  Result<std::vector<ColumnCell>> CheckUpdate(const LateColumns& update) const;
  Result<Outcome> ApplyUpdate(const LateColumns& update, std::span<const ColumnCell> cells);
  void ForgetOldSegments();
  bool IsAhead(const Cell& time) const;
  Status RefuseReason(Outcome outcome, std::span<const Cell> row) const;

  const std::string key_;
  const std::string directory_;
  const OnlineStoreOptions options_;
  mutable std::mutex maintenance_;  // one Load or Snapshot at a time; taken before ingest_
  mutable std::mutex ingest_;
  mutable std::mutex pointer_;
  std::shared_ptr<SourceState> state_;  // shared with readers; guarded by pointer_, set under ingest_
  std::unique_ptr<EventLog> log_;       // set once
  SnapshotMeta meta_;                   // guarded by ingest_
  bool dirty_ = false;                  // changed since the last snapshot; guarded by ingest_
  std::atomic<int64_t> old_log_bytes_{0};
  std::atomic<bool> dropped_{false};
};

}  // namespace millrace::feature
