// What a source's log holds, as the bytes of its records: events, late columns, and
// rows that could not be used. The schema is the segment's.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "feature/cell.h"
#include "feature/internal/source_state.h"
#include "feature/online_store.h"
#include "table/table.h"

namespace millrace::feature {

std::string EncodeEvent(std::span<const Cell> row, const Schema& schema);
std::string EncodeLateColumns(const Cell& id, DataType id_type, std::span<const ColumnCell> columns,
                              const Schema& schema);

std::string EncodeUnusedRow(const UnusedRow& row);

// One of the three; the texts of cells are borrowed from the record.
struct LogEntry {
  enum class Kind : uint8_t { kEvent, kLateColumns, kUnusedRow };
  Kind kind = Kind::kEvent;
  std::vector<Cell> row;  // of an event
  Cell id;                // of late columns
  std::vector<ColumnCell> columns;
  UnusedRow unused;
};

// DataLoss when it is none of them.
Result<LogEntry> DecodeEntry(std::string_view payload, const Schema& schema, DataType id_type);

}  // namespace millrace::feature
