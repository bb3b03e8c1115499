// The transaction log of a Delta table: commits as files `_delta_log/00…N.json`,
// one action a line. Private to src/table.
//
// Reading is bounded and damaged logs are DataLoss with file and line. Writing
// is put-if-absent: of two writers of one version one gets Conflict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "table/delta.h"
#include "table/table.h"

namespace millrace::internal {

struct DeltaMetadata {
  std::string id;
  Schema schema;
  EventTime created;  // 0: unknown
  // Has a configuration or constraints that Millrace does not keep when it writes.
  bool foreign_rules = false;
  bool foreign_form = false;  // says more than is kept here, e.g. a name or narrower types
};

// A file that is no longer of the table. It stays on disk for those who read an earlier version.
struct DeltaRemoval {
  std::string path;
  EventTime time;  // 0: unknown
  bool operator==(const DeltaRemoval&) const = default;
};

// One commit, as its file has it.
struct DeltaLogEntry {
  DeltaCommit info;
  std::string engine;
  std::string id;  // random: no other commit of any table is the same, byte for byte
  bool has_protocol = false;
  bool newer_writer = false;   // the protocol asks writers for what Millrace does not know
  bool other_actions = false;  // ones that readers of rows may skip, but a checkpoint must keep
  std::optional<DeltaMetadata> metadata;
  std::vector<DeltaFile> added;
  std::vector<DeltaRemoval> removed;
};

// The text of a commit's file, and back. Refuses what needs a newer reader (Unimplemented).
std::string FormatLogEntry(const DeltaLogEntry& entry);
Result<DeltaLogEntry> ParseLogEntry(std::string_view text);

// What the log's directory holds, ascending; both are empty when there is no log.
struct DeltaLogListing {
  std::vector<int64_t> versions;
  std::vector<int64_t> checkpoints;  // in one file each; anyone's
};
Result<DeltaLogListing> ListLog(const std::string& path);
// Whether there is a table; without listing the log where it can be told.
Result<bool> LogExists(const std::string& path);

std::string LogDirectory(const std::string& path);
std::string LogPath(const std::string& path, int64_t version);
std::string CheckpointPath(const std::string& path, int64_t version);

// NotFound when there is no such version. The text is that of the file.
struct DeltaLogText {
  DeltaLogEntry entry;
  std::string text;
};
Result<DeltaLogText> ReadLogText(const std::string& path, int64_t version);
Result<DeltaLogEntry> ReadLogEntry(const std::string& path, int64_t version);
// Ok: committed, and durable unless the log's directory could not be synced, which is warned of.
// Conflict when the version exists.
Status PutLogEntry(const std::string& path, const DeltaLogEntry& entry);

}  // namespace millrace::internal
