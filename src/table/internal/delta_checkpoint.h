// A checkpoint of a Delta table: its whole state at one version as a Parquet file
// `_delta_log/00…N.checkpoint.parquet`, so that nobody has to read the commits
// before it. Private to src/table.
//
// Only Millrace's own are read, told by a mark in the footer: they keep the order
// of the files, which is the order of the rows. Reading is bounded; a damaged one
// is DataLoss. Follows "Checkpoints" of
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md (the classic form).
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "table/internal/delta_log.h"

namespace millrace::internal {

// `state`: the schema, all files in their order, and the removals to be remembered. Durable on
// return; replaces a checkpoint of the same version, and makes this the newest that readers try first.
Status WriteCheckpoint(const std::string& path, const DeltaLogEntry& state);

// The state that was written. Unimplemented when another writer made it.
Result<DeltaLogEntry> ReadCheckpoint(const std::string& path, int64_t version);

}  // namespace millrace::internal
