// Files into typed, deduplicated rows in the order of docs/architecture.md's
// rules of time: what a DataSource with `files` says.
//
//   MR_ASSIGN_OR_RETURN(SourceSnapshot now, Fingerprint(spec));
//   if (now.digest != last_digest) {
//     MR_ASSIGN_OR_RETURN(SourceRows rows, ReadSource(spec));
//     …commit rows.events and rows.dead_letters…
//   }
//
// Parquet, CSV and JSON lines, one or many files (globs), one schema; an
// optional SQL step over all rows in DuckDB. Column types are the declared ones,
// else the data's. A row that cannot be used (unparseable, a value that is not
// exactly of the column's type, no event time, an id already seen with other
// values) goes to `dead_letters`. Of rows that have the same id and the same
// values one stays; a later one that differs only in columns with `knownAfter`
// fills those in.
//
// Functions are thread safe and keep nothing. They fail as a whole, with a
// sentence, when there is no file (NotFound), files disagree on a column or the
// spec names a column that is not there (InvalidArgument), a file is damaged
// (DataLoss) or was replaced while it was read (Unavailable: try again).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "resource/spec.h"
#include "source/dead_letter.h"
#include "table/table.h"

namespace millrace::source {

struct SourceFile {
  std::string path;
  int64_t size = 0;            // bytes
  int64_t modified_nanos = 0;  // since 1970
  uint64_t inode = 0;
};

// The files that a source has at one moment, and a digest of them and of
// everything in the spec that changes what is read.
struct SourceSnapshot {
  std::vector<SourceFile> files;  // in order of path
  std::string digest;             // SHA-256, hex
};

struct ReadProgress {
  int64_t rows = 0;
  int64_t bytes = 0;        // of total_bytes
  int64_t total_bytes = 0;  // of all files
};

// Of the SQL step: a statement that has not ended by then (a join without a condition, a recursion
// without an end) is no step of a source.
inline constexpr Micros kSqlTimeLimit = std::chrono::minutes(10);

struct SourceReadOptions {
  int threads = 0;           // 0: one a core
  int64_t memory_limit = 0;  // bytes, of the SQL step; 0: 80% of the machine's
  Micros sql_time_limit = kSqlTimeLimit;
  std::stop_token stop = {};                               // ends the SQL step early, with Cancelled
  std::function<void(const ReadProgress&)> progress = {};  // from any of the reading threads, one at a time
};

struct SourceRows {
  Table events;             // ordered by (event time, event id), each event once
  Table dead_letters;       // of DeadLetterSchema()
  int64_t rows_read = 0;    // = events + duplicates + dead_letters
  int64_t duplicates = 0;   // rows that repeated an event or filled in its later columns
  SourceSnapshot snapshot;  // what was read
};

// NotFound when a pattern matches no file.
Result<SourceSnapshot> Fingerprint(const resource::DataSourceSpec& spec);
// How many files have to be sampled to know their columns: all, or none of Parquet's, whose footers say them.
size_t CountTextFiles(const resource::DataSourceSpec& spec, const SourceSnapshot& snapshot);

// The schema of the events, from headers and samples: quick, reads no rows of Parquet and runs no SQL
// step, which is only prepared. Unavailable when that takes too long.
Result<Schema> InspectSource(const resource::DataSourceSpec& spec);

Result<SourceRows> ReadSource(const resource::DataSourceSpec& spec, const SourceReadOptions& options = {});

}  // namespace millrace::source
