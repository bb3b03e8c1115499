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
  bool foreign_rules =
      false;  // has a configuration or constraints that Millrace does not keep when it writes
};

// One commit, as its file has it.
struct DeltaLogEntry {
  DeltaCommit info;
  std::string engine;
  bool has_protocol = false;
  std::optional<DeltaMetadata> metadata;
  std::vector<DeltaFile> added;
  std::vector<std::string> removed;  // paths
};

// The text of a commit's file, and back. Refuses what needs a newer reader (Unimplemented).
std::string FormatLogEntry(const DeltaLogEntry& entry);
Result<DeltaLogEntry> ParseLogEntry(std::string_view text);

// Versions in the log of the table at `path`, ascending from 0 without a hole;
// empty when there is no log.
Result<std::vector<int64_t>> ListVersions(const std::string& path);
Result<DeltaLogEntry> ReadLogEntry(const std::string& path, int64_t version);
// Ok: committed, and durable unless the log's directory could not be synced, which is warned of.
// Conflict when the version exists.
Status PutLogEntry(const std::string& path, const DeltaLogEntry& entry);

}  // namespace millrace::internal
