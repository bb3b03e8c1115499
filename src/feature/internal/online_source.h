// OnlineSource: one source of the online store: its state, its log, its files.
//
// Writers hold `ingest_` for as long as it takes to decide and place some events;
// what they log has the order in which they did. Nobody waits for a disk with it:
// snapshots are made of files, a new state is caught up beside the old one. Readers
// take the state's pointer and need no lock of the source. Thread safe.
//
// The files: `snapshot`, and the segments of the log from the position on that
// the snapshot has, or the offline tables have confirmed, whichever is lower.
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
#include "feature/internal/learn_queue.h"
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
  Status KeepUnused(std::span<const UnusedRow> rows);
  Status Flush();
  Status Snapshot();
  // A snapshot of what changed, of the state as it is: when nobody comes any more.
  Status Close();
  // Whether the log has outgrown its limit since the last snapshot.
  bool WantsSnapshot() const;
  Result<LogRange> ReadLog(uint64_t after);
  void Confirm(uint64_t position);
  std::optional<std::string> Marker();
  // It is about to go: from here on its files are left alone, and who still holds it reads what is
  // no longer kept. Waits for a Load or a Snapshot that is at the files. May be called again.
  void EndFiles();
  bool dropped() const { return dropped_.load(); }
  SourceStats Stats();

 private:
  // Holds the ingest lock, and takes in what was learned meanwhile before and after.
  class Ingest {
   public:
    explicit Ingest(OnlineSource& source) : source_(source), lock_(source.ingest_) { source_.TakeLearned(); }
    ~Ingest() {
      lock_.unlock();
      source_.TakeLearnedIfFree();
    }
    Ingest(const Ingest&) = delete;
    Ingest& operator=(const Ingest&) = delete;

   private:
    OnlineSource& source_;
    std::unique_lock<std::mutex> lock_;
  };

  // Holds maintenance_, and prunes after it what was confirmed meanwhile.
  class Maintenance {
   public:
    explicit Maintenance(OnlineSource& source) : source_(source), lock_(source.maintenance_) {}
    ~Maintenance() {
      lock_.unlock();
      source_.PruneIfDue();
    }
    Maintenance(const Maintenance&) = delete;
    Maintenance& operator=(const Maintenance&) = delete;

   private:
    OnlineSource& source_;
    std::unique_lock<std::mutex> lock_;
  };

  OnlineSource(std::string key, std::string directory, const OnlineStoreOptions& options)
      : key_(std::move(key)), directory_(std::move(directory)), options_(options) {}

  // online_source.cc: its life.
  Status Recover();
  struct Replayed {
    uint64_t next = 0;  // the position after the last entry
    int64_t accepted = 0;
    uint64_t missing = 0;  // entries from the position asked for on that no segment holds
  };
  Result<Replayed> Replay(SourceState& state, uint64_t from, uint64_t until) const;
  Status LoadFirst(std::shared_ptr<SourceState> made, const LoadOptions& load);
  Status SwitchTo(std::shared_ptr<SourceState> made, const LoadOptions& load, uint64_t from);
  Status CatchUp(const std::shared_ptr<SourceState>& made, const std::string& marker, uint64_t from);
  Status WriteSnapshot(const SourceState& state, const SnapshotMeta& meta) const;
  Status Compact(SnapshotMeta meta) const;
  std::string LogHeader(const SourceState& state) const;
  std::string SnapshotPath() const { return directory_ + "/snapshot"; }

  // retention.cc: what is kept, and for whom. Prune with maintenance_ held.
  void Prune();
  // Without maintenance_: takes it if nobody has it.
  void PruneIfDue();
  void Advance(uint64_t position);
  void WarnOfMissing(uint64_t missing) const;

  // ingest.cc: what comes in. All of these with ingest_ held.
  Result<Outcome> ApplyRow(std::span<const Cell> row);
  Result<std::vector<ColumnCell>> CheckUpdate(const LateColumns& update) const;
  Result<Outcome> ApplyUpdate(const LateColumns& update, std::span<const ColumnCell> cells);
  Status LearnNow(std::span<const Cell> event);
  void RefuseLearned(std::span<const Cell> event, const std::string& reason);
  void AddRecord(const std::string& record);
  void Count(Outcome outcome);
  bool IsAhead(const Cell& time) const;
  std::string RefuseReason(Outcome outcome, std::span<const Cell> row) const;
  void TakeLearned();
  // Without ingest_: takes it if nobody has it.
  void TakeLearnedIfFree();
  Status TakesMore() const;
  Status Gone() const;

  const std::string key_;
  const std::string directory_;
  const OnlineStoreOptions options_;
  mutable std::mutex maintenance_;  // one Load or Snapshot at a time; taken before ingest_
  std::mutex ingest_;
  mutable std::mutex pointer_;
  std::shared_ptr<SourceState> state_;  // shared with readers; guarded by pointer_, set under ingest_
  std::unique_ptr<EventLog> log_;       // set once
  LearnQueue learned_;
  SnapshotMeta meta_;   // guarded by ingest_
  bool dirty_ = false;  // changed since the last snapshot; guarded by ingest_
  // What is logged while a new state is loaded, for that one to catch up; guarded by ingest_.
  std::optional<std::vector<std::string>> captured_;
  std::atomic<uint64_t> confirmed_{0};
  std::atomic<bool> prune_due_{false};  // confirmed_ has moved since the last Prune
  std::atomic<int64_t> old_log_bytes_{0};
  std::atomic<uint64_t> old_unconfirmed_bytes_{0};
  std::atomic<bool> dropped_{false};
};

}  // namespace millrace::feature
