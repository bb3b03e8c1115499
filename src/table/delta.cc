#include "table/delta.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <set>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/parallel.h"
#include "table/internal/delta_checkpoint.h"
#include "table/internal/delta_log.h"
#include "table/internal/delta_state.h"

namespace millrace {
namespace {

using internal::DeltaLogEntry;
using internal::DeltaMetadata;
using internal::DeltaRemoval;
using internal::DeltaState;

constexpr std::string_view kEngine = "Millrace";
constexpr int kMaxTries = 100;
constexpr int64_t kFewestCommits = 64;  // between two checkpoints
// Of as many files and removals as this for each commit since the last: so a commit's share in the
// writing of checkpoints stays the same, however large the table is.
constexpr int64_t kEntriesACommit = 32;

// The time of a commit after one at `previous`: whole milliseconds, never going back.
EventTime CommitTime(const Clock& clock, EventTime previous) {
  const EventTime now = clock.Now();
  return std::max(EventTime{now.micros - now.micros % 1000}, previous);
}

// Data files of a commit that may still fail; removed unless they were committed.
class NewFiles {
 public:
  explicit NewFiles(std::string directory) : directory_(std::move(directory)) {}
  ~NewFiles() {
    if (committed_) return;
    for (const DeltaFile& file : files_) unlink((directory_ + "/" + file.path).c_str());
  }
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;

  Status Write(const Table& table, const DeltaWriteOptions& options);
  const std::vector<DeltaFile>& files() const { return files_; }
  void SetCommitted() { committed_ = true; }

 private:
  std::string directory_;
  std::vector<DeltaFile> files_;
  bool committed_ = false;
};

Status NewFiles::Write(const Table& table, const DeltaWriteOptions& options) {
  const auto rows = static_cast<int64_t>(table.num_rows());
  const int64_t rows_a_file = std::max<int64_t>(1, options.rows_a_file);
  const std::string id = RandomUuid();
  for (int64_t begin = 0; begin < rows; begin += rows_a_file) {
    files_.push_back({.path = fmt::format("part-{:05}-{}.parquet", files_.size(), id),
                      .size = 0,
                      .rows = std::min(rows_a_file, rows - begin)});
  }
  return ParallelFor(0, files_.size(), [&](size_t i) -> Status {
    DeltaFile& file = files_[i];
    const std::string path = directory_ + "/" + file.path;
    MR_RETURN_IF_ERROR(WriteParquet(path, table,
                                    {.compression = options.compression,
                                     .first_row = static_cast<int64_t>(i) * rows_a_file,
                                     .num_rows = file.rows}));
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) return Unavailable("{} is gone: {}", path, std::strerror(errno));
    file.size = status.st_size;
    return Ok();
  });
}

Status CheckWritable(const std::string& path, const DeltaState& state, const DeltaWriteOptions& options) {
  if (options.expected_version && *options.expected_version != state.snapshot.version) {
    return Conflict("{} is at version {}, not {}", path, state.snapshot.version, *options.expected_version);
  }
  if (state.metadata.foreign_rules || state.newer_writer) {
    return Unimplemented("{} has settings or constraints of another writer, which Millrace would not keep",
                         path);
  }
  return Ok();
}

std::string DescribeSchema(const Schema& schema) {
  std::string text;
  for (const Field& field : schema.fields()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", field.name, DataTypeName(field.type));
  }
  return text;
}

// What a checkpoint of the state holds.
DeltaLogEntry CheckpointOf(DeltaState state, EventTime forgotten) {
  DeltaLogEntry entry;
  entry.info.version = state.snapshot.version;
  entry.info.time = state.snapshot.time;
  entry.has_protocol = true;
  entry.metadata = std::move(state.metadata);
  std::set<std::string_view> there;
  for (const DeltaFile& file : state.snapshot.files) there.insert(file.path);
  for (DeltaRemoval& removal : state.removed) {
    // A file that was put back is there: a checkpoint says one thing of a path.
    if (removal.time >= forgotten && !there.contains(removal.path))
      entry.removed.push_back(std::move(removal));
  }
  entry.added = std::move(state.snapshot.files);
  return entry;
}

Status MakeCheckpoint(const std::string& path, EventTime now) {
  MR_ASSIGN_OR_RETURN(DeltaState state, internal::NewestState(path, /*with_removed=*/true));
  const int64_t version = state.snapshot.version;
  const EventTime forgotten = now - DeltaTable::kFileRetention;
  MR_RETURN_IF_ERROR(internal::WriteCheckpoint(path, CheckpointOf(std::move(state), forgotten)));
  internal::NoteCheckpoint(path, version, forgotten);
  return Ok();
}

bool IsCheckpointDue(const DeltaState& state) {
  // What another writer put there and a checkpoint of ours would lose.
  if (state.metadata.foreign_form || state.other_actions) return false;
  const auto entries = static_cast<int64_t>(state.snapshot.files.size() + state.num_removed);
  return state.snapshot.version + 1 - state.checkpoint.value_or(0) >=
         std::max(kFewestCommits, entries / kEntriesACommit);
}

// After a commit, which stands whether this succeeds or not.
void CheckpointIfDue(const std::string& path, const DeltaState& before, EventTime now) {
  if (!IsCheckpointDue(before)) return;
  const Status made = MakeCheckpoint(path, now);
  if (!made.ok()) LogWarning("no checkpoint was made", {{"table", path}, {"reason", made.message()}});
}

// Commits what `make` gives for the newest state, again after losing to another writer.
Result<int64_t> CommitNext(const std::string& path, const Clock& clock,
                           const std::function<Result<DeltaLogEntry>(const DeltaState&)>& make) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    MR_ASSIGN_OR_RETURN(const DeltaState state, internal::NewestState(path));
    MR_ASSIGN_OR_RETURN(DeltaLogEntry entry, make(state));
    entry.info.version = state.snapshot.version + 1;
    entry.info.time = CommitTime(clock, state.snapshot.time);
    entry.info.operation = "WRITE";
    entry.engine = kEngine;
    entry.id = RandomUuid();
    const Status put = internal::PutLogEntry(path, entry);
    if (put.code() == Code::kConflict) continue;
    MR_RETURN_IF_ERROR(put);
    CheckpointIfDue(path, state, clock.Now());
    return entry.info.version;
  }
  return Conflict("{}: other writers were faster {} times in a row", path, kMaxTries);
}

}  // namespace

Result<DeltaTable> DeltaTable::Create(const std::string& path, const Schema& schema, const Clock& clock) {
  if (schema.size() == 0) return InvalidArgument("a table at {} needs a column", path);
  MR_ASSIGN_OR_RETURN(const bool exists, internal::LogExists(path));
  if (exists) return AlreadyExists("there is a Delta table at {} already", path);
  MR_RETURN_IF_ERROR(MakeDirectories(path + "/_delta_log"));
  DeltaLogEntry entry;
  entry.info.time = CommitTime(clock, EventTime{});
  entry.info.operation = "CREATE TABLE";
  entry.engine = kEngine;
  entry.id = RandomUuid();
  entry.has_protocol = true;
  entry.metadata = DeltaMetadata{.id = RandomUuid(), .schema = schema, .created = entry.info.time};
  const Status put = internal::PutLogEntry(path, entry);
  if (put.code() == Code::kConflict) return AlreadyExists("there is a Delta table at {} already", path);
  MR_RETURN_IF_ERROR(put);
  return DeltaTable(path, clock);
}

Result<DeltaTable> DeltaTable::Open(const std::string& path, const Clock& clock) {
  MR_ASSIGN_OR_RETURN(const bool exists, internal::LogExists(path));
  if (!exists) return NotFound("there is no Delta table at {}", path);
  return DeltaTable(path, clock);
}

Result<DeltaTable> DeltaTable::OpenOrCreate(const std::string& path, const Schema& schema,
                                            const Clock& clock) {
  Result<DeltaTable> created = Create(path, schema, clock);
  if (created.status().code() == Code::kAlreadyExists) return Open(path, clock);
  return created;
}

Result<int64_t> DeltaTable::Append(const Table& rows, const DeltaWriteOptions& options) const {
  NewFiles files(path_);
  const auto make = [&](const DeltaState& state) -> Result<DeltaLogEntry> {
    MR_RETURN_IF_ERROR(CheckWritable(path_, state, options));
    if (rows.schema() != state.snapshot.schema) {
      return InvalidArgument("{} has the columns ({}); rows with ({}) cannot be appended", path_,
                             DescribeSchema(state.snapshot.schema), DescribeSchema(rows.schema()));
    }
    if (files.files().empty()) MR_RETURN_IF_ERROR(files.Write(rows, options));
    DeltaLogEntry entry;
    entry.info.mode = "Append";
    entry.info.user_metadata = options.user_metadata;
    entry.added = files.files();
    return entry;
  };
  Result<int64_t> version = CommitNext(path_, *clock_, make);
  if (version.ok()) files.SetCommitted();
  return version;
}

Result<int64_t> DeltaTable::Overwrite(const Table& rows, const DeltaWriteOptions& options) const {
  NewFiles files(path_);
  const auto make = [&](const DeltaState& state) -> Result<DeltaLogEntry> {
    MR_RETURN_IF_ERROR(CheckWritable(path_, state, options));
    if (rows.num_columns() == 0) return InvalidArgument("a table at {} needs a column", path_);
    if (files.files().empty()) MR_RETURN_IF_ERROR(files.Write(rows, options));
    DeltaLogEntry entry;
    entry.info.mode = "Overwrite";
    entry.info.user_metadata = options.user_metadata;
    entry.added = files.files();
    for (const DeltaFile& file : state.snapshot.files) entry.removed.push_back({file.path, {}});
    if (rows.schema() != state.snapshot.schema) {
      entry.metadata = state.metadata;
      entry.metadata->schema = rows.schema();
    }
    return entry;
  };
  Result<int64_t> version = CommitNext(path_, *clock_, make);
  if (version.ok()) files.SetCommitted();
  return version;
}

Result<int64_t> DeltaTable::ReplaceTail(const DeltaSnapshot& snapshot, size_t files, const Table& rows,
                                        const DeltaWriteOptions& options) const {
  NewFiles written(path_);
  DeltaWriteOptions as_seen = options;
  as_seen.expected_version = snapshot.version;
  const auto make = [&](const DeltaState& state) -> Result<DeltaLogEntry> {
    MR_RETURN_IF_ERROR(CheckWritable(path_, state, as_seen));
    if (rows.schema() != state.snapshot.schema) {
      return InvalidArgument("{} has the columns ({}); rows with ({}) cannot be put there", path_,
                             DescribeSchema(state.snapshot.schema), DescribeSchema(rows.schema()));
    }
    if (written.files().empty()) MR_RETURN_IF_ERROR(written.Write(rows, as_seen));
    DeltaLogEntry entry;
    entry.info.mode = files < state.snapshot.files.size() ? "Overwrite" : "Append";
    entry.info.user_metadata = options.user_metadata;
    entry.added = written.files();
    for (size_t i = files; i < state.snapshot.files.size(); ++i)
      entry.removed.push_back({state.snapshot.files[i].path, {}});
    return entry;
  };
  Result<int64_t> version = CommitNext(path_, *clock_, make);
  if (version.ok()) written.SetCommitted();
  return version;
}

Result<DeltaSnapshot> DeltaTable::Snapshot(std::optional<int64_t> version) const {
  MR_ASSIGN_OR_RETURN(DeltaState state,
                      version ? internal::StateAt(path_, *version) : internal::NewestState(path_));
  return std::move(state.snapshot);
}

Result<DeltaSnapshot> DeltaTable::SnapshotAt(EventTime time) const {
  MR_ASSIGN_OR_RETURN(const std::vector<DeltaCommit> commits, History());
  EventTime reached;  // times of commits never go back, whatever a foreign writer wrote
  std::optional<int64_t> version;
  for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit) {
    reached = std::max(reached, commit->time);
    if (reached <= time) version = commit->version;
  }
  if (version) return Snapshot(*version);
  if (!commits.empty() && commits.back().version > 0)
    return NotFound("{}: what it was at {} is no longer in its log", path_, FormatTime(time));
  return NotFound("{} did not exist at {}", path_, FormatTime(time));
}

Result<std::vector<DeltaCommit>> DeltaTable::History(int64_t after) const {
  MR_ASSIGN_OR_RETURN(const DeltaState newest, internal::NewestState(path_));
  std::vector<DeltaCommit> commits;
  for (int64_t version = newest.snapshot.version; version > after && version >= 0; --version) {
    Result<DeltaLogEntry> entry = internal::ReadLogEntry(path_, version);
    if (entry.status().code() == Code::kNotFound) break;  // the log was cut
    MR_RETURN_IF_ERROR(entry.status());
    commits.push_back(std::move(entry->info));
  }
  return commits;
}

Result<Table> DeltaTable::Read(const DeltaSnapshot& snapshot, const std::vector<std::string>& columns) const {
  std::vector<Column> empty;
  for (const Field& field : snapshot.schema.fields()) empty.push_back(Column::Nulls(field.type, 0));
  MR_ASSIGN_OR_RETURN(Table table, Table::Create(snapshot.schema, std::move(empty)));
  const std::vector<std::string> names = columns.empty() ? snapshot.schema.Names() : columns;
  MR_ASSIGN_OR_RETURN(table, table.Select(names));
  if (snapshot.files.empty()) return table;
  std::vector<std::string> paths;
  for (const DeltaFile& file : snapshot.files) {
    paths.push_back(path_ + "/" + file.path);
    struct stat status{};
    if (stat(paths.back().c_str(), &status) != 0) {
      return NotFound("{} is gone: version {} was vacuumed, or its file was removed", paths.back(),
                      snapshot.version);
    }
    if (status.st_size != file.size) {
      return DataLoss("{} has {} bytes, but was committed with {}", paths.back(), status.st_size, file.size);
    }
  }
  MR_ASSIGN_OR_RETURN(Table rows, ReadParquetFiles(paths, {.columns = names}));
  if (rows.schema() != table.schema()) {
    return DataLoss("{}: its files hold ({}), but its log says ({})", path_, DescribeSchema(rows.schema()),
                    DescribeSchema(table.schema()));
  }
  return rows;
}

}  // namespace millrace
