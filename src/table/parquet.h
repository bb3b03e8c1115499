// Parquet files as Tables, read straight into columns by several threads.
//
//   MR_ASSIGN_OR_RETURN(Table t, ReadParquet("a.parquet", {.columns = {"customer_id", "tx_amount"}}));
//   MR_RETURN_IF_ERROR(WriteParquet("b.parquet", t));
//
// Types are kept exactly or refused: integers of any width are int64 (a uint64
// above 2^63 - 1 is an error that names the row), float and double are double,
// timestamps and dates are timestamp, text and UTF-8 bytes are string. A
// timestamp in nanoseconds that is no whole microsecond is an error, never
// rounded; one without a zone is read in `time_zone`. Decimals, times of day and
// nested columns are refused by name, unless they are not among the columns
// asked for. Nulls stay null.
//
// Functions are thread safe. A file that is missing (NotFound), empty,
// truncated or damaged (DataLoss), or of unknown kind (InvalidArgument) gives a
// sentence with the path; nothing throws and nothing crashes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "table/table.h"

namespace millrace {

struct ParquetReadOptions {
  std::vector<std::string> columns = {};  // in this order; empty takes all that the first file has
  TimeZone time_zone = {};                // of timestamps without a zone; UTC
  int threads = 0;                        // 0: one a core
  int64_t max_rows = int64_t{1} << 31;    // more are refused (ResourceExhausted)
  // Called now and then, from any of the threads, with what was read since the last call.
  std::function<void(int64_t rows, int64_t bytes)> progress = {};
};

// The columns that Millrace can read, in the file's order. A column that it cannot is an error.
Result<Schema> ReadParquetSchema(const std::string& path);
// Of files that are read together: that of the first, and InvalidArgument where another
// file would disagree. From the footers alone.
Result<Schema> ReadParquetSchema(std::span<const std::string> paths, int threads = 0);

Result<Table> ReadParquet(const std::string& path, const ParquetReadOptions& options = {});

// All rows, file after file. Files that disagree on a column are an error that
// names the file, the column and both types; columns may be in any order.
Result<Table> ReadParquetFiles(std::span<const std::string> paths, const ParquetReadOptions& options = {});

// The same, telling how many of the rows came from which file: a file that is
// replaced meanwhile may have had others before and after.
struct ParquetParts {
  Table table;
  std::vector<int64_t> rows;  // one count a path
};
Result<ParquetParts> ReadParquetParts(std::span<const std::string> paths,
                                      const ParquetReadOptions& options = {});

enum class ParquetCompression { kNone, kSnappy, kZstd };

struct ParquetWriteOptions {
  ParquetCompression compression = ParquetCompression::kZstd;
  int64_t row_group_rows = 1 << 18;
  // The part of the table to write: `num_rows` rows from `first_row` on; -1: all that follow.
  int64_t first_row = 0;
  int64_t num_rows = -1;
};

// In one step and durably: a reader or a crash sees the old file or the new one.
// Timestamps are microseconds, adjusted to UTC.
Status WriteParquet(const std::string& path, const Table& table, const ParquetWriteOptions& options = {});

}  // namespace millrace
