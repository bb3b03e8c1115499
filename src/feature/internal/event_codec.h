// Events and late columns as the bytes of a log record. The schema is the segment's.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "feature/cell.h"
#include "feature/internal/source_state.h"
#include "table/table.h"

namespace millrace::feature {

std::string EncodeEvent(std::span<const Cell> row, const Schema& schema);
std::string EncodeLateColumns(const Cell& id, DataType id_type, std::span<const ColumnCell> columns,
                              const Schema& schema);

// One of the two; texts are borrowed from the record.
struct LogEntry {
  bool late_columns = false;
  std::vector<Cell> row;  // of an event
  Cell id;                // of late columns
  std::vector<ColumnCell> columns;
};

// DataLoss when it is neither.
Result<LogEntry> DecodeEntry(std::string_view payload, const Schema& schema, DataType id_type);

}  // namespace millrace::feature
