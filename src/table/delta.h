// DeltaTable: a directory of Parquet files under a Delta Lake transaction log.
//
// Each commit is one numbered file `_delta_log/00…N.json`, made in one step and
// only if no other has that number, so a version is there whole or not at all:
// a crash between the data files and the log leaves the version before it.
// Data files are never changed, so a snapshot taken once can be read as long as
// it is not vacuumed. Follows the Delta protocol, reader version 1, writer
// version 2 (https://github.com/delta-io/delta/blob/master/PROTOCOL.md); tables
// that ask for more are refused. deltalake, polars and duckdb read them unaided.
//
//   MR_ASSIGN_OR_RETURN(DeltaTable t, DeltaTable::OpenOrCreate(dir, schema));
//   MR_ASSIGN_OR_RETURN(int64_t version, t.Overwrite(rows, {.user_metadata = digest}));
//   MR_ASSIGN_OR_RETURN(DeltaSnapshot s, t.Snapshot());
//   MR_ASSIGN_OR_RETURN(Table back, t.Read(s, {"customer_id"}));
//
// Every so many commits the writer leaves a checkpoint, from which readers start;
// a process keeps the newest state of the tables that it looked at last, so a look
// costs what is new (docs/adr/0025-delta-tables-are-kept-up.md).
//
// A DeltaTable is a path and holds no state: copy it, share it between threads
// and processes. Two writers of one version: one gets Conflict, or (Append)
// is retried on the version after. DataLoss when the log or a file is damaged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "table/parquet.h"
#include "table/table.h"

namespace millrace {

struct DeltaFile {
  std::string path;  // below the table's directory
  int64_t size = 0;  // bytes
  int64_t rows = 0;
  EventTime modified = {};  // 0: unknown
};

// What one version of a table is made of.
struct DeltaSnapshot {
  std::string id;  // of the table: one that is made anew at the same path has another
  int64_t version = 0;
  EventTime time;             // of its commit
  std::string user_metadata;  // of its commit
  Schema schema;
  std::vector<DeltaFile> files;
  int64_t num_rows = 0;
};

struct DeltaCommit {
  int64_t version = 0;
  EventTime time;
  std::string operation;  // CREATE TABLE, WRITE
  std::string mode;       // Append, Overwrite; "" for CREATE TABLE
  std::string user_metadata;
  int64_t rows_added = 0;
};

struct DeltaWriteOptions {
  std::string user_metadata = {};  // kept in the commit, e.g. the digest of what was read
  // The version that the writer saw; Conflict when there is a newer one. Unset:
  // an Append goes after whatever is newest, an Overwrite replaces it.
  std::optional<int64_t> expected_version = {};
  ParquetCompression compression = ParquetCompression::kZstd;
  int64_t rows_a_file = 1 << 19;
};

class DeltaTable {
 public:
  // AlreadyExists when there is a table. `clock` gives the commits' times and outlives the object.
  static Result<DeltaTable> Create(const std::string& path, const Schema& schema,
                                   const Clock& clock = SystemClock());
  // NotFound when there is none.
  static Result<DeltaTable> Open(const std::string& path, const Clock& clock = SystemClock());
  static Result<DeltaTable> OpenOrCreate(const std::string& path, const Schema& schema,
                                         const Clock& clock = SystemClock());

  const std::string& path() const { return path_; }

  // Adds rows; the schema must be the table's. Returns the new version.
  Result<int64_t> Append(const Table& rows, const DeltaWriteOptions& options = {}) const;
  // Replaces all rows, and the schema where it is another. Earlier versions stay readable.
  Result<int64_t> Overwrite(const Table& rows, const DeltaWriteOptions& options = {}) const;

  // Keeps the first `files` files of `snapshot`, which must be the newest version (Conflict
  // otherwise), and puts `rows` in the place of the others. The schema must be the table's.
  Result<int64_t> ReplaceTail(const DeltaSnapshot& snapshot, size_t files, const Table& rows,
                              const DeltaWriteOptions& options = {}) const;

  // The newest version, or the given one (NotFound, with the versions there are).
  Result<DeltaSnapshot> Snapshot(std::optional<int64_t> version = std::nullopt) const;
  // The newest version whose commit is not after `time`.
  Result<DeltaSnapshot> SnapshotAt(EventTime time) const;
  // Of the versions after `after`, as far back as the log goes. Newest first.
  Result<std::vector<DeltaCommit>> History(int64_t after = -1) const;

  // Rows in the order in which they were written. Columns in the given order; empty takes all.
  Result<Table> Read(const DeltaSnapshot& snapshot, const std::vector<std::string>& columns = {}) const;

  // Files that the newest version does not need stay this long, so that what was read as
  // the newest version can be read on; and the log goes back as far as kLogRetention.
  static constexpr Micros kFileRetention = std::chrono::hours(24 * 7);
  static constexpr Micros kLogRetention = std::chrono::hours(24 * 30);

  // Removes data files that no version needs which was the newest within kFileRetention, and
  // files of that age of commits that were never made. Returns how many.
  Result<int64_t> Vacuum() const;
  // Removes what the newest checkpoint older than kLogRetention makes unnecessary: versions
  // before it are gone then. Returns how many files.
  Result<int64_t> CutLog() const;
  // Both of them once an hour, and nothing between: to be called after each commit.
  Status Maintain() const;

 private:
  DeltaTable(std::string path, const Clock& clock) : path_(std::move(path)), clock_(&clock) {}

  std::string path_;
  const Clock* clock_;  // not owned
};

}  // namespace millrace
