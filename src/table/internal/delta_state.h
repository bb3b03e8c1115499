// The state of a Delta table at a version, out of its log. Private to src/table.
//
// The newest state of the tables that were looked at last is kept in the process:
// a look at a table costs what was committed since the look before. What is kept
// is trusted only while the newest commit known is there as it was, byte for byte,
// so a table that is removed and made again, by anyone, is read from its start.
// Otherwise a state is the newest checkpoint not after it, and the commits since.
//
// Thread safe. DataLoss when the log has a hole or is damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "table/delta.h"
#include "table/internal/delta_log.h"

namespace millrace::internal {

// What a writer needs beside the snapshot.
struct DeltaState {
  DeltaSnapshot snapshot;
  DeltaMetadata metadata;
  bool newer_writer = false;  // as in DeltaLogEntry, of any commit
  bool other_actions = false;
  std::vector<DeltaRemoval> removed;  // by time; where asked for
  size_t num_removed = 0;
  std::optional<int64_t> checkpoint = {};  // the newest one that is known of
};

// NotFound when there is no table.
Result<DeltaState> NewestState(const std::string& path, bool with_removed = false);
// NotFound, with the versions there are, when there is no such version.
Result<DeltaState> StateAt(const std::string& path, int64_t version);

// Notes a checkpoint that was made; removals before `forgotten` are no longer kept.
void NoteCheckpoint(const std::string& path, int64_t version, EventTime forgotten);

// True once an `interval` for each table, for the caller that does what is due.
bool ClaimUpkeep(const std::string& path, EventTime now, Micros interval);

}  // namespace millrace::internal
