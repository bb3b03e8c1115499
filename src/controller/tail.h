// The end of a Delta table: read and written without its beginning.
//
// Rows lie in files in their order; what comes by push changes the last of them,
// mostly, so the files before those are kept as they are.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "table/delta.h"
#include "table/table.h"

namespace millrace::controller {

// Of a file in a table that is appended to. One with fewer than kSmallFile is written
// again with what comes after it, so that files stay few.
inline constexpr int64_t kRowsAFile = 1 << 17;
inline constexpr int64_t kSmallFile = 1 << 15;

struct Tail {
  size_t files = 0;       // that lie before it
  int64_t first_row = 0;  // of the first file in it
};

// The files to write again when rows from `row` on change and the table may grow.
Tail TailFrom(const DeltaSnapshot& snapshot, int64_t row);

// Rows from `row` on, in the given columns (empty: all). Reads only the files that hold them.
Result<Table> ReadFrom(const DeltaTable& table, const DeltaSnapshot& snapshot, int64_t row,
                       const std::vector<std::string>& columns = {});

// Rows behind all others. Returns the new version.
Result<int64_t> AppendToTail(const DeltaTable& table, const DeltaSnapshot& snapshot, const Table& rows,
                             const DeltaWriteOptions& options);

}  // namespace millrace::controller
