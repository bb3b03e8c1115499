// A source's whole state as one file, and back to the same bits.
//
//   "MRSN" version:u32 crc:u32 length:u64 payload
//   payload: meta (JSON: source, views, marker, counters), for each view its keys
//            with their rows, then the ids
//
// Little-endian; the crc is CRC-32C of the payload. Windows are not stored: they
// are exact functions of the rows and are made again by the first read.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "feature/internal/source_state.h"

namespace millrace::feature {

struct SnapshotMeta {
  std::string marker;
  uint64_t position = 0;   // of the log: what is before it is in the state
  uint64_t confirmed = 0;  // position of the log that the offline tables have reached
  int64_t events = 0;      // accepted so far
  int64_t late = 0;
  int64_t duplicates = 0;
  int64_t unknown_ids = 0;
};

struct SourceSnapshotData {
  SnapshotMeta meta;
  std::shared_ptr<SourceState> state;  // shared with readers once it serves
};

// Only while nobody writes to the state.
std::string EncodeSnapshot(const SourceState& state, const SnapshotMeta& meta);

// FailedPrecondition: a newer version. DataLoss: damaged.
Result<SourceSnapshotData> DecodeSnapshot(std::string_view bytes, const std::string& path, Micros history);

}  // namespace millrace::feature
