// The optional SQL step of a source: one SELECT over a table named `files`, in a
// DuckDB of its own, in memory, that can reach no file, no network and no
// extension. Private to src/source.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "base/time.h"
#include "base/time_zone.h"
#include "source/source.h"
#include "table/table.h"

namespace millrace::source::internal {

struct SqlOptions {
  TimeZone time_zone;        // of the session, and of timestamps without a zone in the result
  int threads = 0;           // 0: one a core
  int64_t memory_limit = 0;  // bytes; 0: DuckDB's own, 80% of the machine's
  Micros time_limit = kSqlTimeLimit;
  std::stop_token stop = {};  // ends it early, with Cancelled
};

// InvalidArgument with DuckDB's words when the statement is none or fails, and when it has not
// ended in time. Types
// of the result as of a Parquet file; a decimal becomes the nearest double.
Result<Table> RunSql(const std::string& sql, const Table& files, const SqlOptions& options);

// The columns that the statement's result would have over files with these columns: it is prepared, and
// not run. InvalidArgument in the same words; Unavailable when that took more time or memory than given.
Result<Schema> DescribeSql(const std::string& sql, const Schema& files, const SqlOptions& options);

}  // namespace millrace::source::internal
