#include "table/internal/delta_state.h"

#include <sys/stat.h>

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "table/internal/delta_checkpoint.h"

namespace millrace::internal {
namespace {

constexpr size_t kMostTables = 256;
constexpr size_t kMostEntries = 1 << 20;    // files and removals of all tables that are kept
constexpr size_t kMaxKeptText = 64 * 1024;  // a longer commit is told by its file

// What tells whether a commit's file is still the one that was read.
struct CommitFile {
  std::string text;  // empty when it is too long to be kept
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = -1;
  int64_t modified_nanos = 0;
  bool operator==(const CommitFile&) const = default;
};

CommitFile StatOf(const std::string& path, int64_t version) {
  CommitFile file;
  struct stat status{};
  if (stat(LogPath(path, version).c_str(), &status) != 0) return file;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.size = status.st_size;
  file.modified_nanos = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  return file;
}

CommitFile Identify(const std::string& path, int64_t version, std::string text) {
  CommitFile file;
  if (text.size() > kMaxKeptText) return StatOf(path, version);
  file.text = std::move(text);
  return file;
}

bool IsStillThere(const std::string& path, int64_t version, const CommitFile& file) {
  if (!file.text.empty()) {
    const Result<std::string> text = ReadFile(LogPath(path, version), kMaxKeptText);
    return text.ok() && *text == file.text;
  }
  return file.size >= 0 && StatOf(path, version) == file;
}

void Apply(DeltaLogEntry entry, DeltaState& state) {
  DeltaSnapshot& snapshot = state.snapshot;
  snapshot.version = entry.info.version;
  snapshot.time = std::max(snapshot.time, entry.info.time);
  snapshot.user_metadata = std::move(entry.info.user_metadata);
  if (entry.metadata) {
    state.metadata = std::move(*entry.metadata);
    snapshot.id = state.metadata.id;
    snapshot.schema = state.metadata.schema;
  }
  if (entry.has_protocol) state.newer_writer = entry.newer_writer;
  state.other_actions = state.other_actions || entry.other_actions;
  if (!entry.removed.empty()) {
    std::set<std::string_view> gone;
    for (const DeltaRemoval& removal : entry.removed) gone.insert(removal.path);
    std::erase_if(snapshot.files, [&](const DeltaFile& file) { return gone.contains(file.path); });
  }
  for (DeltaRemoval& removal : entry.removed) {
    if (removal.time.micros == 0) removal.time = snapshot.time;
    state.removed.push_back(std::move(removal));
  }
  std::move(entry.added.begin(), entry.added.end(), std::back_inserter(snapshot.files));
  state.num_removed = state.removed.size();
  snapshot.num_rows = 0;
  for (const DeltaFile& file : snapshot.files) {
    if (file.rows < 0) {
      snapshot.num_rows = -1;
      return;
    }
    snapshot.num_rows += file.rows;
  }
}

// A state and what it was read from last.
struct Replayed {
  DeltaState state;
  CommitFile newest;
};

// A checkpoint says nothing of the commit that made its version: that is in the commit's own file.
Result<Replayed> FromCheckpoint(const std::string& path, int64_t version) {
  MR_ASSIGN_OR_RETURN(DeltaLogEntry entry, ReadCheckpoint(path, version));
  Replayed replayed;
  Result<DeltaLogText> commit = ReadLogText(path, version);
  if (commit.ok()) {
    entry.info = std::move(commit->entry.info);
    replayed.newest = Identify(path, version, std::move(commit->text));
  } else if (commit.status().code() != Code::kNotFound) {
    return commit.status();
  }
  Apply(std::move(entry), replayed.state);
  replayed.state.checkpoint = version;
  return replayed;
}

Status ApplyVersion(const std::string& path, int64_t version, Replayed& replayed) {
  MR_ASSIGN_OR_RETURN(DeltaLogText commit, ReadLogText(path, version));
  if (version == 0 && (!commit.entry.has_protocol || !commit.entry.metadata)) {
    return DataLoss("{}: the first commit has no protocol or no schema", path);
  }
  Apply(std::move(commit.entry), replayed.state);
  replayed.newest = Identify(path, version, std::move(commit.text));
  return Ok();
}

// The versions after `base` up to `last`, as the listing has them; DataLoss when one is missing.
Status CheckWhole(const std::string& path, const DeltaLogListing& listing, int64_t base, int64_t last) {
  int64_t expected = base + 1;
  for (const int64_t version : listing.versions) {
    if (version <= base) continue;
    if (version > last) break;
    if (version != expected) {
      return DataLoss(
          "{}: the log has version {}, but not {}; a log cut at another writer's checkpoint is not read by "
          "Millrace",
          path, version, expected);
    }
    ++expected;
  }
  return Ok();
}

// From the newest checkpoint that is not after the version and can be read; else from the start.
Result<Replayed> Replay(const std::string& path, std::optional<int64_t> wanted) {
  MR_ASSIGN_OR_RETURN(const DeltaLogListing listing, ListLog(path));
  const int64_t newest =
      std::max(listing.versions.empty() ? -1 : listing.versions.back(),
               listing.versions.empty() && !listing.checkpoints.empty() ? listing.checkpoints.back() : -1);
  if (newest < 0) return NotFound("there is no Delta table at {}", path);
  if (wanted && (*wanted > newest || *wanted < 0))
    return NotFound("{} has no version {}; the newest is {}", path, *wanted, newest);
  const int64_t last = wanted.value_or(newest);
  int64_t base = -1;
  Replayed replayed;
  for (auto at = listing.checkpoints.rbegin(); at != listing.checkpoints.rend() && base < 0; ++at) {
    if (*at > last) continue;
    Result<Replayed> from = FromCheckpoint(path, *at);
    if (from.ok()) {
      base = *at;
      replayed = std::move(from).value();
    } else if (from.status().code() != Code::kUnimplemented) {
      LogWarning("a checkpoint is passed over", {{"table", path}, {"reason", from.status().message()}});
    }
  }
  const bool cut = listing.versions.empty() || listing.versions.front() > 0;
  if (base < 0 && cut && !listing.checkpoints.empty() && listing.checkpoints.front() > last) {
    return NotFound("{} no longer has version {}; its log begins at {}", path, last,
                    listing.checkpoints.front());
  }
  MR_RETURN_IF_ERROR(CheckWhole(path, listing, base, last));
  for (int64_t version = base + 1; version <= last; ++version)
    MR_RETURN_IF_ERROR(ApplyVersion(path, version, replayed));
  return replayed;
}

// The newest states of the tables that were looked at last.
class StateCache {
 public:
  struct Entry {
    std::mutex mutex;  // of what follows
    std::optional<Replayed> replayed;
    std::optional<EventTime> upkeep;  // when it was claimed last
    size_t weight = 0;                // guarded by the cache's mutex, as is `dropped`
    bool dropped = false;
  };

  static StateCache& Get() {
    static StateCache* const cache = new StateCache;  // never destroyed: threads may look at the end
    return *cache;
  }

  std::shared_ptr<Entry> Find(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(path);
    if (found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second.second);
      return found->second.first;
    }
    order_.push_front(path);
    auto entry = std::make_shared<Entry>();
    entries_.emplace(path, std::pair(entry, order_.begin()));
    Shrink();
    return entry;
  }

  void Weigh(Entry& entry, size_t weight) {
    const std::lock_guard lock(mutex_);
    if (entry.dropped) return;
    total_ += weight - entry.weight;
    entry.weight = weight;
    Shrink();
  }

 private:
  void Shrink() {
    while (entries_.size() > 1 && (entries_.size() > kMostTables || total_ > kMostEntries)) {
      const auto last = entries_.find(order_.back());
      total_ -= last->second.first->weight;
      last->second.first->dropped = true;
      entries_.erase(last);
      order_.pop_back();
    }
  }

  std::mutex mutex_;
  std::list<std::string> order_;  // the one that was used last is first
  std::unordered_map<std::string, std::pair<std::shared_ptr<Entry>, std::list<std::string>::iterator>>
      entries_;
  size_t total_ = 0;
};

// Brings the entry up to date. Precondition: its mutex is held.
Status Refresh(const std::string& path, StateCache::Entry& entry) {
  std::optional<Replayed> known = std::exchange(entry.replayed, std::nullopt);
  if (known && IsStillThere(path, known->state.snapshot.version, known->newest)) {
    Status applied;
    while (applied.ok()) applied = ApplyVersion(path, known->state.snapshot.version + 1, *known);
    if (applied.code() != Code::kNotFound) return applied;
  } else {
    MR_ASSIGN_OR_RETURN(known, Replay(path, std::nullopt));
  }
  entry.replayed = std::move(known);
  return Ok();
}

DeltaState CopyOf(const DeltaState& state, bool with_removed) {
  if (with_removed) return state;
  return {.snapshot = state.snapshot,
          .metadata = state.metadata,
          .newer_writer = state.newer_writer,
          .other_actions = state.other_actions,
          .removed = {},
          .num_removed = state.num_removed,
          .checkpoint = state.checkpoint};
}

}  // namespace

Result<DeltaState> NewestState(const std::string& path, bool with_removed) {
  StateCache& cache = StateCache::Get();
  const std::shared_ptr<StateCache::Entry> entry = cache.Find(path);
  const std::lock_guard lock(entry->mutex);
  MR_RETURN_IF_ERROR(Refresh(path, *entry));
  const DeltaState& state = entry->replayed->state;
  cache.Weigh(*entry, state.snapshot.files.size() + state.removed.size());
  return CopyOf(state, with_removed);
}

Result<DeltaState> StateAt(const std::string& path, int64_t version) {
  MR_ASSIGN_OR_RETURN(DeltaState newest, NewestState(path));
  if (newest.snapshot.version == version) return newest;
  if (version < 0 || version > newest.snapshot.version)
    return NotFound("{} has no version {}; the newest is {}", path, version, newest.snapshot.version);
  MR_ASSIGN_OR_RETURN(Replayed replayed, Replay(path, version));
  return std::move(replayed.state);
}

void NoteCheckpoint(const std::string& path, int64_t version, EventTime forgotten) {
  const std::shared_ptr<StateCache::Entry> entry = StateCache::Get().Find(path);
  const std::lock_guard lock(entry->mutex);
  if (!entry->replayed) return;
  DeltaState& state = entry->replayed->state;
  state.checkpoint = std::max(state.checkpoint.value_or(-1), version);
  std::erase_if(state.removed, [&](const DeltaRemoval& removal) { return removal.time < forgotten; });
  state.num_removed = state.removed.size();
}

bool ClaimUpkeep(const std::string& path, EventTime now, Micros interval) {
  const std::shared_ptr<StateCache::Entry> entry = StateCache::Get().Find(path);
  const std::lock_guard lock(entry->mutex);
  if (entry->upkeep && *entry->upkeep <= now && now < *entry->upkeep + interval) return false;
  entry->upkeep = now;
  return true;
}

}  // namespace millrace::internal
