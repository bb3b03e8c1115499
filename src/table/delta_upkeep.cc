// What a DeltaTable no longer needs: data files of old versions, and the log before a checkpoint.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "table/delta.h"
#include "table/internal/delta_checkpoint.h"
#include "table/internal/delta_log.h"
#include "table/internal/delta_state.h"

namespace millrace {
namespace {

constexpr Micros kUpkeepInterval = std::chrono::hours(1);

// When a regular file was written last; empty when there is none.
std::optional<EventTime> ModifiedAt(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return EventTime{status.st_mtim.tv_sec * 1'000'000};
}

// How many were removed of the names that `wanted` picks and that were written before `until`.
template <typename Wanted>
Result<int64_t> RemoveFiles(const std::string& directory, EventTime until, const Wanted& wanted) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
  int64_t removed = 0;
  for (const std::string& name : names) {
    if (!wanted(name)) continue;
    const std::string path = directory + "/" + name;
    const std::optional<EventTime> modified = ModifiedAt(path);
    if (modified && *modified <= until && unlink(path.c_str()) == 0) ++removed;
  }
  return removed;
}

// The version that a file of the log is of; empty for others.
std::optional<int64_t> VersionOf(std::string_view name) {
  constexpr size_t kDigits = 20;
  if (name.size() <= kDigits || name[kDigits] != '.') return std::nullopt;
  int64_t version = 0;
  for (const char c : name.substr(0, kDigits)) {
    if (c < '0' || c > '9' || version > int64_t{1} << 50) return std::nullopt;
    version = version * 10 + (c - '0');
  }
  return version;
}

}  // namespace

Result<int64_t> DeltaTable::Vacuum() const {
  MR_ASSIGN_OR_RETURN(const internal::DeltaState state, internal::NewestState(path_, /*with_removed=*/true));
  const EventTime oldest_kept = clock_->Now() - kFileRetention;
  std::set<std::string_view> needed;
  for (const DeltaFile& file : state.snapshot.files) needed.insert(file.path);
  for (const internal::DeltaRemoval& removal : state.removed) {
    if (removal.time > oldest_kept) needed.insert(removal.path);
  }
  // A file that is in none of these was removed, or written for a commit that may still come,
  // when it was modified last or later: one of that age is of neither.
  return RemoveFiles(path_, oldest_kept, [&](const std::string& name) {
    const bool ours = name.ends_with(".parquet") || name.find(".tmp") != std::string::npos;
    return ours && !needed.contains(name);
  });
}

Result<int64_t> DeltaTable::CutLog() const {
  MR_ASSIGN_OR_RETURN(const internal::DeltaLogListing listing, internal::ListLog(path_));
  const EventTime oldest_kept = clock_->Now() - kLogRetention;
  std::optional<int64_t> base;
  for (auto at = listing.checkpoints.rbegin(); at != listing.checkpoints.rend() && !base; ++at) {
    const std::optional<EventTime> made = ModifiedAt(internal::CheckpointPath(path_, *at));
    if (!made || *made > oldest_kept) continue;
    // Nothing before it is given up unless it can be read.
    if (internal::ReadCheckpoint(path_, *at).ok()) base = *at;
  }
  if (!base) return 0;
  return RemoveFiles(internal::LogDirectory(path_), oldest_kept, [&](const std::string& name) {
    const std::optional<int64_t> version = VersionOf(name);
    return version ? *version < *base : name.find(".tmp") != std::string::npos;
  });
}

Status DeltaTable::Maintain() const {
  if (!internal::ClaimUpkeep(path_, clock_->Now(), kUpkeepInterval)) return Ok();
  MR_ASSIGN_OR_RETURN(const int64_t files, Vacuum());
  MR_ASSIGN_OR_RETURN(const int64_t commits, CutLog());
  if (files + commits > 0) {
    LogInfo("files of old versions were removed",
            {{"table", path_}, {"data", std::to_string(files)}, {"log", std::to_string(commits)}});
  }
  return Ok();
}

}  // namespace millrace
