// OnlineStore: the online state of all feature views, in this process.
//
// For each view and key it holds the events that a window can still see, and for
// each window an exact aggregate that is moved forward by the events that enter
// and leave. A look-up takes a time and gives the very bits that ComputeFeatures
// gives for a row at that position.
//
//     Append / Learn ──▶ ingest (one lock a source, held briefly: order, ids, lateness) ──▶ state
//                              └──▶ log buffer ──▶ writer thread: write, fsync ──▶ Append returns
//     Score / Lookup ──▶ one lock of one shard of a view, held for about a microsecond
//
// Durability. An event is in the state at once and in the write-ahead log soon
// after; Append and Update return Ok only when the log is on disk (one fsync for
// all that wait), Learn does not wait. A full or broken disk makes them fail and
// acknowledges nothing; what was in flight is written when the disk is back. A
// snapshot replaces the log (by size of the log, and at the end): it is made of the
// one before and the log behind that, so that nobody waits for it.
// After a crash the state is that of every acknowledged event, to the bit; a torn
// last record is dropped, damage before it is DataLoss.
//
// Events. Ids are exact: an event whose id is held counts once (its columns that
// are known later are joined); ids are held as long as any view can see their
// event. An event older than the source's newest minus `lateness` is late: it is
// counted, reported and not used. Others are placed by position. A column that is
// known later has the last value that was accepted for it; null says nothing.
//
// Offline tables. They take events from the log (ReadLog) and say how far they got
// (Confirm); what they do not hold yet is never removed from it. When that grows
// beyond max_unconfirmed_bytes, new events are refused (Unavailable), not lost.
//
// Concurrency: all functions are thread safe. Shards are locked by key hash (64 a
// view), so scoring threads meet only on the same shard; Load builds the new
// state beside the old and swaps a pointer. Learn waits for nobody: while another
// thread is at the source (microseconds), the event is queued, and that thread
// places it before it goes.
//
//   MR_ASSIGN_OR_RETURN(auto store, OnlineStore::Open({.directory = dir + "/online"}));
//   MR_RETURN_IF_ERROR(store->Load("default/transactions", source, views, events, {.marker = version}));
//   MR_ASSIGN_OR_RETURN(Scorer scorer, store->Bind("default", service_plan));
//   MR_RETURN_IF_ERROR(scorer.Score(request_row, vector));          // counts this very event
//   MR_RETURN_IF_ERROR(store->Learn("default/transactions", event_row));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/time.h"
#include "base/value.h"
#include "feature/cell.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

// An event that was not used, and why.
struct RefusedEvent {
  int64_t row = 0;     // of the table that was appended, from 0
  std::string reason;  // a sentence
};

// A row that was pushed or learned and could not be used: for the dead-letter table.
struct UnusedRow {
  std::string origin;  // "push" or "learn"
  int64_t row = 0;     // within its request, from 1; 0 when not known
  std::string reason;  // a sentence; cut at 1 KiB
  std::string text;    // the row; cut at 4 KiB
};

struct AppendResult {
  int64_t accepted = 0;               // new events, now in the state
  int64_t joined = 0;                 // known ids whose later columns were filled in
  int64_t duplicates = 0;             // known ids that brought nothing new
  std::vector<RefusedEvent> refused;  // late, too far ahead, or without a time
};

// Columns that are known later, for the event of an id.
struct LateColumns {
  Value event_id;
  std::vector<std::pair<std::string, Value>> columns;
};

enum class FeatureStatus : uint8_t { kPresent, kNullValue, kNotFound, kOutsideMaxAge };
// "PRESENT" and so on: Feast's names.
std::string_view FeatureStatusName(FeatureStatus status);

struct FeatureRow {
  std::vector<Value> values;            // as the view's outputs
  std::vector<FeatureStatus> statuses;  // one a value
  std::optional<EventTime> newest;      // event of the key, not after the time asked for
};

struct ViewStats {
  std::string name;
  std::string digest;
  int64_t keys = 0;
  int64_t events = 0;  // held
  int64_t bytes = 0;   // of the state, beside the ids
};

struct SourceStats {
  std::string key;     // "PROJECT/NAME"
  std::string marker;  // of the last Load
  std::optional<EventTime> newest;
  int64_t events = 0;  // accepted since the store was made
  int64_t late = 0;
  int64_t duplicates = 0;
  int64_t unknown_ids = 0;  // late columns for an id that is not held
  int64_t ids = 0;          // held
  int64_t id_bytes = 0;
  int64_t log_bytes = 0;          // of the write-ahead log on disk
  uint64_t log_position = 0;      // of the newest event in the log
  uint64_t confirmed = 0;         // the position that the offline tables have reached
  int64_t unconfirmed_bytes = 0;  // of the log's segments that hold events after it
  int64_t unconfirmed_limit = 0;  // OnlineStoreOptions::max_unconfirmed_bytes
  std::vector<ViewStats> views;
};

struct OnlineStoreOptions {
  std::string directory = {};  // made when missing
  // Events are held this much longer than the views need, so that times in the
  // past can be looked up as exactly. Default 0.
  Micros history{0};
  uint64_t snapshot_log_bytes = uint64_t{64} << 20;  // a log longer than this is replaced by a snapshot
  uint64_t max_buffer_bytes = uint64_t{64} << 20;    // of events not yet written; more are refused
  // Of log segments with events that the offline tables do not hold; more events are refused then.
  uint64_t max_unconfirmed_bytes = uint64_t{2} << 30;
  // An event further ahead of the clock, and of every event before it, is refused: one
  // wrong unit in one message would make all that follows late.
  Micros max_ahead{std::chrono::hours(24)};
  const Clock* clock = &SystemClock();  // borrowed
  // Called for each event that Learn could not use, with the source locked: it must not call the store.
  std::function<void(const std::string& source, const std::string& reason)> on_refused = nullptr;
};

// What was appended and learned after a position of the log: for the offline tables.
struct LogRange {
  Table events;                      // new events, in order of arrival
  std::vector<LateColumns> updates;  // columns known later, in order of arrival
  // Whether the next row is an event (true) or an update, entry by entry: the order of both.
  std::vector<bool> is_event;
  std::vector<std::pair<uint64_t, UnusedRow>> unused;  // with their positions
  uint64_t through = 0;                                // the position after it
  uint64_t missing = 0;                                // entries that the log no longer holds
};

struct LoadOptions {
  std::string marker = {};  // names what was loaded (data version, definitions); kept with the state
  // Position of the log up to which `events` holds what was appended; later events are added again.
  uint64_t through = 0;
  // The furthest position that any of the offline tables has reached, where that is beyond `through`.
  // A source without a log (new, or its files are lost) goes on from there: behind it nobody reads.
  uint64_t reached = 0;
  std::function<void(int64_t rows)> progress = nullptr;
};

class OnlineStore;

// Computes the vectors of one ServicePlan. Thread safe; refers to the store,
// which must outlive it. Copies share their scratch space.
class Scorer {
 public:
  const ServicePlan& plan() const;

  // `row`: one Cell a field of plan().fields, borrowed for the call. `out`: one
  // double an input of the plan, in order; null is NaN, bool is 0 or 1. The row's
  // event counts in its own windows, once, whether or not the state has it
  // already (by position: event time and id). Allocates nothing once warm.
  //
  // InvalidArgument: no event time, wrong sizes. FailedPrecondition: the state does
  // not hold a view as the plan has it.
  Status Score(std::span<const Cell> row, std::span<double> out) const;

  // False once one of its sources was dropped: what it reads is no longer written to.
  bool IsBound() const;

 private:
  friend class OnlineStore;
  class State;
  explicit Scorer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared between copies: the pool of scratch space
};

class OnlineStore {
 public:
  // Recovers what the directory holds. Unavailable when another process has it
  // open, FailedPrecondition when a newer Millrace wrote it, DataLoss when damaged.
  static Result<std::unique_ptr<OnlineStore>> Open(OnlineStoreOptions options);
  // Writes a snapshot of what changed and stops; failures are logged.
  ~OnlineStore();
  OnlineStore(const OnlineStore&) = delete;
  OnlineStore& operator=(const OnlineStore&) = delete;

  // Replaces the whole state of a source by the views over `events` (and by what
  // was appended since options.through), beside the old, durably; then swaps. Two
  // plans of one name may be held while endpoints still use the older one: the last
  // of a name is the one that Lookup means.
  Status Load(const std::string& source_key, const SourcePlan& source, std::vector<ViewPlanPtr> views,
              const Table& events, const LoadOptions& options);
  // Forgets the source and its files: at once for all who ask for it, in one step on disk. Waits
  // for a Load or a Snapshot of it. When it fails, the files may still be there: call it again.
  Status Drop(const std::string& source_key);

  // What the last Load said; empty when the source is not loaded.
  std::optional<std::string> Marker(const std::string& source_key) const;
  std::optional<SourcePlan> Source(const std::string& source_key) const;

  // Durable when it returns. `events` has the source's columns (by name; a column that is
  // known later may be missing). NotFound: no such source.
  Result<AppendResult> Append(const std::string& source_key, const Table& events);
  // Joins columns that are known later to events by id; durable when it returns.
  // An id that is not held is refused (`row` counts updates).
  Result<AppendResult> Update(const std::string& source_key, std::span<const LateColumns> updates);
  // Keeps rows that could not be used in the log, for the offline tables; durable when it returns.
  Status KeepUnused(const std::string& source_key, std::span<const UnusedRow> rows);
  // One event (a Cell a column of the source's schema) into the state, now, and
  // into the log soon. An event that is late or a duplicate is counted and Ok; a late one is
  // kept as an UnusedRow. While another thread is at the source, that one takes it in.
  // `columns`: the schema that the event was made for; FailedPrecondition when the source
  // has another by now. Null: it is known to be that.
  Status Learn(const std::string& source_key, std::span<const Cell> event, const Schema* columns = nullptr);
  // Waits until everything learned is on disk.
  Status Flush();
  Status Snapshot();

  // Events after position `after` of the log, as far as it is still held.
  Result<LogRange> ReadLog(const std::string& source_key, uint64_t after) const;

  // The offline tables hold everything before `position` of the log. Remembered with the next
  // snapshot; an earlier position than was said before changes nothing.
  Status Confirm(const std::string& source_key, uint64_t position);

  // Features of one key as they are at `time` (unset: at the source's newest event),
  // after every event at that instant. `keys`: in the order of the view's entities.
  Result<FeatureRow> Lookup(const std::string& source_key, std::string_view view, std::span<const Value> keys,
                            std::optional<EventTime> time = std::nullopt) const;

  // For a service of `project`: NotFound when a source of it is not loaded,
  // FailedPrecondition when a view of it is not held.
  Result<Scorer> Bind(const std::string& project, ServicePlanPtr plan) const;

  std::vector<SourceStats> Stats() const;

 private:
  friend class Scorer;
  class Impl;
  explicit OnlineStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::feature
