#include "feature/online_store.h"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "feature/internal/online_source.h"
#include "feature/internal/plan_text.h"
#include "feature/internal/scorer_state.h"

namespace millrace::feature {
namespace {

constexpr std::string_view kFormat = "millrace online state 1\n";
// After the name of a directory that is being removed. DirectoryName gives none with it: behind its
// '%' stand two hexadecimal digits, in capitals.
constexpr std::string_view kDropped = "%dropped";

// "default/transactions" as the name of a directory; one name for one key.
std::string DirectoryName(const std::string& key) {
  std::string name;
  for (const char c : key) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    name +=
        plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<uint8_t>(c)));
  }
  return name;
}

std::optional<std::string> KeyOfDirectory(const std::string& name) {
  std::string key;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      key += name[i];
      continue;
    }
    if (i + 2 >= name.size()) return std::nullopt;
    unsigned value = 0;
    for (size_t digit = 1; digit <= 2; ++digit) {
      const char c = name[i + digit];
      const bool decimal = c >= '0' && c <= '9';
      if (!decimal && !(c >= 'A' && c <= 'F')) return std::nullopt;
      value = value * 16 + static_cast<unsigned>(decimal ? c - '0' : c - 'A' + 10);
    }
    key += static_cast<char>(value);
    i += 2;
  }
  return key;
}

Status CheckFormat(const std::string& directory) {
  const std::string path = directory + "/FORMAT";
  if (!FileExists(path)) return WriteFileAtomically(path, kFormat);
  MR_ASSIGN_OR_RETURN(const std::string found, ReadFile(path, 4096));
  if (found == kFormat) return Ok();
  return FailedPrecondition("{} says '{}', and this Millrace reads '{}': a newer one wrote it", path,
                            found.substr(0, found.find('\n')), kFormat.substr(0, kFormat.size() - 1));
}

}  // namespace

class OnlineStore::Impl {
 public:
  Impl(OnlineStoreOptions options, FileLock lock) : options_(std::move(options)), lock_(std::move(lock)) {}

  ~Impl() {
    {
      const std::lock_guard lock(stop_mutex_);
      stop_ = true;
      stop_changed_.notify_all();
    }
    if (keeper_.joinable()) keeper_.join();
    for (const auto& [key, source] : sources_) {
      const Status status = source->Close();
      if (!status.ok())
        LogWarning("no snapshot at the end; the log has it all",
                   {{"source", key}, {"reason", status.message()}});
    }
  }

  Status Recover() {
    MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(options_.directory));
    for (const std::string& name : names) {
      const std::string path = options_.directory + "/" + name;
      if (name.ends_with(kDropped)) {
        const Status removed = RemoveTree(path);
        if (!removed.ok())
          LogWarning("what is left of a dropped source stays", {{"reason", removed.message()}});
        continue;
      }
      const std::optional<std::string> key = KeyOfDirectory(name);
      if (!key || !FileExists(path + "/snapshot")) continue;
      MR_ASSIGN_OR_RETURN(std::unique_ptr<OnlineSource> source, OnlineSource::Open(*key, path, options_));
      sources_.emplace(*key, std::move(source));
    }
    keeper_ = std::thread([this] { Keep(); });
    return Ok();
  }

  // Shared, so that a source may be dropped while somebody still reads it.
  std::shared_ptr<OnlineSource> Find(const std::string& key) const {
    std::shared_ptr<OnlineSource> held = Held(key);
    return held == nullptr || held->dropped() ? nullptr : held;
  }

  Result<std::shared_ptr<OnlineSource>> Loaded(const std::string& key) const {
    std::shared_ptr<OnlineSource> source = Find(key);
    if (source != nullptr && source->state() != nullptr) return source;
    std::vector<std::string> keys;
    for (const std::shared_ptr<OnlineSource>& known : All()) keys.push_back(known->key());
    return NotFound("the source {} has no online state{}", key, DidYouMean(key, keys));
  }

  // Completes a Drop first that failed or is under way.
  Result<std::shared_ptr<OnlineSource>> FindOrAdd(const std::string& key) {
    for (;;) {
      {
        const std::unique_lock lock(sources_mutex_);
        const auto found = sources_.find(key);
        if (found == sources_.end()) {
          MR_ASSIGN_OR_RETURN(std::unique_ptr<OnlineSource> source,
                              OnlineSource::Open(key, PathOf(key), options_));
          return sources_.emplace(key, std::move(source)).first->second;
        }
        if (!found->second->dropped()) return found->second;
      }
      MR_RETURN_IF_ERROR(Drop(key));
    }
  }

  // The directory gets another name in one step, which no source has, and is taken apart under
  // that: a crash leaves either the source or something that Recover removes, never a part of it.
  // May be called again until it succeeds; a source that was loaded meanwhile goes with it.
  Status Drop(const std::string& key) {
    const std::lock_guard one_at_a_time(drop_mutex_);
    const std::string aside = PathOf(key) + std::string(kDropped);
    MR_RETURN_IF_ERROR(RemoveTree(aside));
    for (;;) {
      const std::shared_ptr<OnlineSource> source = Held(key);
      if (source != nullptr) source->EndFiles();
      const std::unique_lock lock(sources_mutex_);
      const auto found = sources_.find(key);
      if ((found == sources_.end() ? nullptr : found->second) != source) continue;
      if (::rename(PathOf(key).c_str(), aside.c_str()) != 0 && errno != ENOENT) {
        return Unavailable("cannot set {} aside to remove it: {}", PathOf(key), std::strerror(errno));
      }
      if (source != nullptr) sources_.erase(found);
      break;
    }
    MR_RETURN_IF_ERROR(SyncDirectory(options_.directory));
    return RemoveTree(aside);
  }

  std::vector<std::shared_ptr<OnlineSource>> All() const {
    const std::shared_lock lock(sources_mutex_);
    std::vector<std::shared_ptr<OnlineSource>> all;
    for (const auto& [key, source] : sources_) {
      if (!source->dropped()) all.push_back(source);
    }
    return all;
  }

 private:
  std::string PathOf(const std::string& key) const { return options_.directory + "/" + DirectoryName(key); }

  // Also one whose Drop has not succeeded yet.
  std::shared_ptr<OnlineSource> Held(const std::string& key) const {
    const std::shared_lock lock(sources_mutex_);
    const auto found = sources_.find(key);
    return found == sources_.end() ? nullptr : found->second;
  }

  // Replaces logs that have grown long.
  void Keep() {
    std::unique_lock lock(stop_mutex_);
    while (!stop_changed_.wait_for(lock, std::chrono::seconds(1), [&] { return stop_; })) {
      lock.unlock();
      for (const std::shared_ptr<OnlineSource>& source : All()) {
        if (!source->WantsSnapshot()) continue;
        const Status status = source->Snapshot();
        if (!status.ok())
          LogWarning("no snapshot; the log goes on",
                     {{"source", source->key()}, {"reason", status.message()}});
      }
      lock.lock();
    }
  }

  const OnlineStoreOptions options_;
  FileLock lock_;
  std::mutex drop_mutex_;  // taken before a source's maintenance, and that before sources_mutex_
  mutable std::shared_mutex sources_mutex_;
  std::map<std::string, std::shared_ptr<OnlineSource>> sources_;
  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread keeper_;
};

std::string_view FeatureStatusName(FeatureStatus status) {
  switch (status) {
    case FeatureStatus::kPresent:
      return "PRESENT";
    case FeatureStatus::kNullValue:
      return "NULL_VALUE";
    case FeatureStatus::kNotFound:
      return "NOT_FOUND";
    case FeatureStatus::kOutsideMaxAge:
      return "OUTSIDE_MAX_AGE";
  }
  return "INVALID";
}

OnlineStore::OnlineStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OnlineStore::~OnlineStore() = default;

Result<std::unique_ptr<OnlineStore>> OnlineStore::Open(OnlineStoreOptions options) {
  MR_RETURN_IF_ERROR(MakeDirectories(options.directory));
  MR_ASSIGN_OR_RETURN(FileLock lock, FileLock::Acquire(options.directory + "/LOCK"));
  MR_RETURN_IF_ERROR(CheckFormat(options.directory));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(lock));
  MR_RETURN_IF_ERROR(impl->Recover());
  return std::unique_ptr<OnlineStore>(new OnlineStore(std::move(impl)));
}

Status OnlineStore::Load(const std::string& source_key, const SourcePlan& source,
                         std::vector<ViewPlanPtr> views, const Table& events, const LoadOptions& options) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->FindOrAdd(source_key));
  return found->Load(source, std::move(views), events, options);
}

Status OnlineStore::Drop(const std::string& source_key) { return impl_->Drop(source_key); }

std::optional<std::string> OnlineStore::Marker(const std::string& source_key) const {
  const std::shared_ptr<OnlineSource> found = impl_->Find(source_key);
  return found == nullptr ? std::nullopt : found->Marker();
}

std::optional<SourcePlan> OnlineStore::Source(const std::string& source_key) const {
  const std::shared_ptr<OnlineSource> found = impl_->Find(source_key);
  if (found == nullptr || found->state() == nullptr) return std::nullopt;
  return found->state()->source();
}

Result<AppendResult> OnlineStore::Append(const std::string& source_key, const Table& events) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->Loaded(source_key));
  return found->Append(events);
}

Result<AppendResult> OnlineStore::Update(const std::string& source_key,
                                         std::span<const LateColumns> updates) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->Loaded(source_key));
  return found->Update(updates);
}

Status OnlineStore::Learn(const std::string& source_key, std::span<const Cell> event, const Schema* columns) {
  const std::shared_ptr<OnlineSource> found = impl_->Find(source_key);
  if (found == nullptr) return impl_->Loaded(source_key).status();
  return found->Learn(event, columns);
}

Status OnlineStore::KeepUnused(const std::string& source_key, std::span<const UnusedRow> rows) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->Loaded(source_key));
  return found->KeepUnused(rows);
}

Status OnlineStore::Confirm(const std::string& source_key, uint64_t position) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->Loaded(source_key));
  found->Confirm(position);
  return Ok();
}

Status OnlineStore::Flush() {
  for (const std::shared_ptr<OnlineSource>& source : impl_->All()) MR_RETURN_IF_ERROR(source->Flush());
  return Ok();
}

Status OnlineStore::Snapshot() {
  for (const std::shared_ptr<OnlineSource>& source : impl_->All()) MR_RETURN_IF_ERROR(source->Snapshot());
  return Ok();
}

Result<LogRange> OnlineStore::ReadLog(const std::string& source_key, uint64_t after) const {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->Loaded(source_key));
  return found->ReadLog(after);
}

Result<FeatureRow> OnlineStore::Lookup(const std::string& source_key, std::string_view view,
                                       std::span<const Value> keys, std::optional<EventTime> time) const {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<OnlineSource> found, impl_->Loaded(source_key));
  const std::shared_ptr<SourceState> state = found->state();
  ViewState* const held = state->FindView(view);
  if (held == nullptr) {
    std::vector<std::string> names;
    for (const auto& known : state->views()) names.push_back(known->plan().name);
    return NotFound("{} has no FeatureView '{}'{}", source_key, view, DidYouMean(view, names));
  }
  return LookupRow(*held, keys, time ? time->micros : state->newest());
}

Result<Scorer> OnlineStore::Bind(const std::string& project, ServicePlanPtr plan) const {
  auto state = std::make_shared<Scorer::State>(plan);
  for (const ServiceView& view : plan->views) {
    const std::string key = project + "/" + view.plan->source.name;
    MR_ASSIGN_OR_RETURN(std::shared_ptr<OnlineSource> source, impl_->Loaded(key));
    if (source->state()->FindDigest(view.plan->digest) == nullptr) {
      return FailedPrecondition("{} does not hold FeatureView {} as {} was compiled with it", key,
                                view.plan->name, plan->name);
    }
    state->AddSource(std::move(source));
  }
  return Scorer(std::move(state));
}

std::vector<SourceStats> OnlineStore::Stats() const {
  std::vector<SourceStats> stats;
  for (const std::shared_ptr<OnlineSource>& source : impl_->All()) stats.push_back(source->Stats());
  return stats;
}

}  // namespace millrace::feature
