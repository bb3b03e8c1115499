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
#include "base/parallel.h"
#include "table/internal/delta_log.h"

namespace millrace {
namespace {

using internal::DeltaLogEntry;
using internal::DeltaMetadata;

constexpr std::string_view kEngine = "Millrace";
constexpr int kMaxTries = 100;
constexpr Micros kVacuumAge = std::chrono::hours(1);

// The table as of one version, with what a writer needs beside the snapshot.
struct State {
  DeltaSnapshot snapshot;
  DeltaMetadata metadata;
};

void Apply(const DeltaLogEntry& entry, State& state) {
  if (entry.metadata) state.metadata = *entry.metadata;
  if (!entry.removed.empty()) {
    const std::set<std::string_view> gone(entry.removed.begin(), entry.removed.end());
    std::erase_if(state.snapshot.files, [&](const DeltaFile& file) { return gone.contains(file.path); });
  }
  state.snapshot.files.insert(state.snapshot.files.end(), entry.added.begin(), entry.added.end());
  state.snapshot.version = entry.info.version;
  state.snapshot.time = std::max(state.snapshot.time, entry.info.time);
  state.snapshot.user_metadata = entry.info.user_metadata;
}

// Replays the log, and calls `seen` after each version, until it says false.
Result<State> Replay(const std::string& path, const std::function<bool(const DeltaLogEntry&)>& wanted) {
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, internal::ListVersions(path));
  if (versions.empty()) return NotFound("there is no Delta table at {}", path);
  State state;
  for (const int64_t version : versions) {
    MR_ASSIGN_OR_RETURN(const DeltaLogEntry entry, internal::ReadLogEntry(path, version));
    if (!wanted(entry)) break;
    if (version == 0 && (!entry.has_protocol || !entry.metadata)) {
      return DataLoss("{}: the first commit has no protocol or no schema", path);
    }
    Apply(entry, state);
  }
  state.snapshot.schema = state.metadata.schema;
  for (const DeltaFile& file : state.snapshot.files) {
    if (file.rows < 0) {
      state.snapshot.num_rows = -1;
      break;
    }
    state.snapshot.num_rows += file.rows;
  }
  return state;
}

Result<State> Newest(const std::string& path) {
  return Replay(path, [](const DeltaLogEntry&) { return true; });
}

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

Status CheckWritable(const std::string& path, const State& state, const DeltaWriteOptions& options) {
  if (options.expected_version && *options.expected_version != state.snapshot.version) {
    return Conflict("{} is at version {}, not {}", path, state.snapshot.version, *options.expected_version);
  }
  if (state.metadata.foreign_rules) {
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

// Commits `entry` made for each newest state, again after losing to another writer.
Result<int64_t> CommitNext(const std::string& path, const Clock& clock,
                           const std::function<Result<DeltaLogEntry>(const State&)>& make) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    MR_ASSIGN_OR_RETURN(const State state, Newest(path));
    MR_ASSIGN_OR_RETURN(DeltaLogEntry entry, make(state));
    entry.info.version = state.snapshot.version + 1;
    entry.info.time = CommitTime(clock, state.snapshot.time);
    entry.info.operation = "WRITE";
    entry.engine = kEngine;
    const Status put = internal::PutLogEntry(path, entry);
    if (put.ok()) return entry.info.version;
    if (put.code() != Code::kConflict) return put;
  }
  return Conflict("{}: other writers were faster {} times in a row", path, kMaxTries);
}

}  // namespace

Result<DeltaTable> DeltaTable::Create(const std::string& path, const Schema& schema, const Clock& clock) {
  if (schema.size() == 0) return InvalidArgument("a table at {} needs a column", path);
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, internal::ListVersions(path));
  if (!versions.empty()) return AlreadyExists("there is a Delta table at {} already", path);
  MR_RETURN_IF_ERROR(MakeDirectories(path + "/_delta_log"));
  DeltaLogEntry entry;
  entry.info.time = CommitTime(clock, EventTime{});
  entry.info.operation = "CREATE TABLE";
  entry.engine = kEngine;
  entry.has_protocol = true;
  entry.metadata = DeltaMetadata{.id = RandomUuid(), .schema = schema};
  const Status put = internal::PutLogEntry(path, entry);
  if (put.code() == Code::kConflict) return AlreadyExists("there is a Delta table at {} already", path);
  MR_RETURN_IF_ERROR(put);
  return DeltaTable(path, clock);
}

Result<DeltaTable> DeltaTable::Open(const std::string& path, const Clock& clock) {
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, internal::ListVersions(path));
  if (versions.empty()) return NotFound("there is no Delta table at {}", path);
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
  const auto make = [&](const State& state) -> Result<DeltaLogEntry> {
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
  const auto make = [&](const State& state) -> Result<DeltaLogEntry> {
    MR_RETURN_IF_ERROR(CheckWritable(path_, state, options));
    if (rows.num_columns() == 0) return InvalidArgument("a table at {} needs a column", path_);
    if (files.files().empty()) MR_RETURN_IF_ERROR(files.Write(rows, options));
    DeltaLogEntry entry;
    entry.info.mode = "Overwrite";
    entry.info.user_metadata = options.user_metadata;
    entry.added = files.files();
    for (const DeltaFile& file : state.snapshot.files) entry.removed.push_back(file.path);
    if (rows.schema() != state.snapshot.schema) {
      entry.metadata = DeltaMetadata{.id = state.metadata.id, .schema = rows.schema()};
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
  const auto make = [&](const State& state) -> Result<DeltaLogEntry> {
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
      entry.removed.push_back(state.snapshot.files[i].path);
    return entry;
  };
  Result<int64_t> version = CommitNext(path_, *clock_, make);
  if (version.ok()) written.SetCommitted();
  return version;
}

Result<DeltaSnapshot> DeltaTable::Snapshot(std::optional<int64_t> version) const {
  MR_ASSIGN_OR_RETURN(State state, Replay(path_, [&](const DeltaLogEntry& entry) {
                        return !version || entry.info.version <= *version;
                      }));
  if (version && state.snapshot.version != *version) {
    return NotFound("{} has no version {}; the newest is {}", path_, *version, state.snapshot.version);
  }
  return std::move(state.snapshot);
}

Result<DeltaSnapshot> DeltaTable::SnapshotAt(EventTime time) const {
  EventTime reached;  // times of commits never go back, whatever a foreign writer wrote
  bool any = false;
  MR_ASSIGN_OR_RETURN(State state, Replay(path_, [&](const DeltaLogEntry& entry) {
                        reached = std::max(reached, entry.info.time);
                        const bool wanted = reached <= time;
                        any = any || wanted;
                        return wanted;
                      }));
  if (!any) return NotFound("{} did not exist at {}", path_, FormatTime(time));
  return std::move(state.snapshot);
}

Result<std::vector<DeltaCommit>> DeltaTable::History() const {
  std::vector<DeltaCommit> commits;
  MR_ASSIGN_OR_RETURN(const State state, Replay(path_, [&](const DeltaLogEntry& entry) {
                        commits.push_back(entry.info);
                        return true;
                      }));
  std::reverse(commits.begin(), commits.end());
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

Result<int64_t> DeltaTable::Vacuum(int64_t keep_versions) const {
  if (keep_versions < 1)
    return InvalidArgument("the newest version is always kept: keep_versions is 1 or more");
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, internal::ListVersions(path_));
  std::set<std::string> needed;
  const auto newest = static_cast<int64_t>(versions.size()) - 1;
  for (int64_t version = std::max<int64_t>(0, newest - keep_versions + 1); version <= newest; ++version) {
    MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, Snapshot(version));
    for (const DeltaFile& file : snapshot.files) needed.insert(file.path);
  }
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(path_));
  const EventTime oldest_kept = clock_->Now() - kVacuumAge;
  int64_t removed = 0;
  for (const std::string& name : names) {
    const bool ours = name.ends_with(".parquet") || name.find(".tmp") != std::string::npos;
    struct stat status{};
    const std::string path = path_ + "/" + name;
    if (!ours || needed.contains(name) || stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    if (EventTime{status.st_mtim.tv_sec * 1'000'000} > oldest_kept) continue;
    if (unlink(path.c_str()) == 0) ++removed;
  }
  return removed;
}

}  // namespace millrace
