#include "resource/internal/kube_mirror.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "base/log.h"
#include "resource/internal/kube_object.h"

namespace millrace::resource {
namespace {

// A version is the epoch (six digits) and the position, so that it fits 64 bits
// and is longer than any version of an object for ages to come.
constexpr int64_t kPositions = 1'000'000'000'000;

int64_t NewEpoch() {
  std::random_device random;
  return std::uniform_int_distribution<int64_t>(100'000, 900'000)(random);
}

}  // namespace

KubeMirror::KubeMirror(size_t history) : history_(history), epoch_(NewEpoch()) {}

KubeMirror::~KubeMirror() {
  for (const Subscription& subscription : subscriptions_) {
    if (const std::shared_ptr<Watch> watch = subscription.watch.lock()) {
      watch->End(Cancelled("the store was closed"));
      watch->Notify();
    }
  }
}

void KubeMirror::Put(Resource resource) {
  std::vector<std::shared_ptr<Watch>> notify;
  {
    const std::lock_guard lock(mutex_);
    const ResourceKey key = resource.Key();
    const auto before = entries_.find(key);
    StoredEvent event{EventType::kAdded, resource, Json()};
    if (before != entries_.end()) {
      const Metadata& was = before->second.resource.metadata;
      if (was.resource_version == resource.metadata.resource_version) return;
      event.type = EventType::kModified;
      event.labels_before = was.labels;
    }
    notify = Publish(std::move(event));
    entries_[key] = {std::move(resource), position_};
    Settle(key);
  }
  for (const auto& watch : notify) watch->Notify();
}

void KubeMirror::Remove(Resource last) {
  std::vector<std::shared_ptr<Watch>> notify;
  {
    const std::lock_guard lock(mutex_);
    const ResourceKey key = last.Key();
    if (entries_.erase(key) == 0) return;
    Json labels = last.metadata.labels;
    notify = Publish({EventType::kDeleted, std::move(last), std::move(labels)});
    Settle(key);
  }
  for (const auto& watch : notify) watch->Notify();
}

std::vector<std::shared_ptr<Watch>> KubeMirror::Publish(StoredEvent event) {
  events_.push_back({++position_, std::move(event)});
  if (events_.size() > history_) events_.pop_front();
  const StoredEvent& newest = events_.back().stored;
  std::vector<std::shared_ptr<Watch>> notify;
  std::erase_if(subscriptions_, [&](const Subscription& subscription) {
    const std::shared_ptr<Watch> watch = subscription.watch.lock();
    if (watch == nullptr || watch->stopped()) return true;
    watch->Push(ForWatch(newest, subscription.options, subscription.selector), VersionAt(position_));
    notify.push_back(watch);
    return false;
  });
  return notify;
}

// Whether the watch has told what was written: the resource stands at that
// version or a later one, did so for a while, or is gone.
bool KubeMirror::Shown(const ResourceKey& key, const Pending& pending) const {
  const auto now = entries_.find(key);
  const bool there = now != entries_.end() && now->second.resource.metadata.uid == pending.uid;
  if (pending.version.empty()) return !there;
  if (there && IsAtLeast(now->second.resource.metadata.resource_version, pending.version)) return true;
  return std::any_of(events_.rbegin(), events_.rend(), [&](const Event& event) {
    const Resource& resource = event.stored.resource;
    return resource.metadata.uid == pending.uid && resource.Key() == key &&
           IsAtLeast(resource.metadata.resource_version, pending.version);
  });
}

void KubeMirror::Settle(const ResourceKey& key) {
  const auto pending = pending_.find(key);
  if (pending == pending_.end() || !Shown(key, pending->second)) return;
  pending_.erase(pending);
  if (pending_.empty()) shown_.notify_all();
}

void KubeMirror::Expect(const Resource& resource) {
  const std::lock_guard lock(mutex_);
  const Pending pending{resource.metadata.uid, resource.metadata.resource_version,
                        std::chrono::steady_clock::now()};
  if (!Shown(resource.Key(), pending)) pending_[resource.Key()] = pending;
}

void KubeMirror::ExpectGone(const Resource& resource) {
  const std::lock_guard lock(mutex_);
  const Pending pending{resource.metadata.uid, "", std::chrono::steady_clock::now()};
  pending_.erase(resource.Key());
  if (!Shown(resource.Key(), pending)) pending_[resource.Key()] = pending;
  if (pending_.empty()) shown_.notify_all();
}

void KubeMirror::WaitUntilShown() {
  std::unique_lock lock(mutex_);
  while (!pending_.empty()) {
    const auto oldest = std::min_element(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) {
      return a.second.since < b.second.since;
    });
    const ResourceKey key = oldest->first;
    const auto since = oldest->second.since;
    if (shown_.wait_until(lock, since + kPatience) == std::cv_status::no_timeout) continue;
    const auto still = pending_.find(key);
    if (still == pending_.end() || still->second.since != since) continue;
    pending_.erase(still);
    LogWarning("the API server's watch has not told of a write in time; reading goes on without it",
               {{"resource", key.ToString()}});
    if (pending_.empty()) shown_.notify_all();
  }
}

std::optional<Resource> KubeMirror::Find(const ResourceKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional<Resource>(found->second.resource);
}

std::vector<Resource> KubeMirror::All(const std::string& kind, const std::string& project,
                                      const std::function<bool(const Resource&)>& filter) const {
  const std::lock_guard lock(mutex_);
  std::vector<Resource> all;
  for (auto at = kind.empty() ? entries_.begin() : entries_.lower_bound({kind, project, ""});
       at != entries_.end() && (kind.empty() || at->first.kind == kind); ++at) {
    if (!project.empty() && at->first.project != project) continue;
    if (!filter || filter(at->second.resource)) all.push_back(at->second.resource);
  }
  return all;
}

std::string KubeMirror::VersionAt(int64_t position) const {
  return std::to_string(epoch_ * kPositions + position);
}

std::string KubeMirror::Version() const {
  const std::lock_guard lock(mutex_);
  return VersionAt(position_);
}

// Where the change stands that made this version: of the mirror, or of an object in a recent change.
Result<int64_t> KubeMirror::PositionOf(const std::string& version) const {
  const auto found = std::find_if(events_.begin(), events_.end(), [&](const Event& event) {
    return event.stored.resource.metadata.resource_version == version;
  });
  if (found != events_.end()) return found->position;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || end != version.data() + version.size() || number < 0) {
    return InvalidArgument("resourceVersion '{}' is none that this server has given out", version);
  }
  const int64_t position = number % kPositions;
  const int64_t oldest = position_ - static_cast<int64_t>(events_.size());
  if (number / kPositions != epoch_ || position < oldest || position > position_) {
    return Expired(fmt::format("what came after version {} is not kept", version));
  }
  return position;
}

Result<std::shared_ptr<Watch>> KubeMirror::StartWatch(const WatchOptions& options) {
  MR_ASSIGN_OR_RETURN(LabelSelector selector, LabelSelector::Parse(options.label_selector));
  auto watch = std::make_shared<Watch>();
  const std::lock_guard lock(mutex_);
  if (options.resource_version.empty() || options.resource_version == "0") {
    // In the order of their changes, so that a reader that stops on the way can go on from the last one it
    // saw.
    std::vector<const Entry*> entries;
    for (const auto& [key, entry] : entries_) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(),
              [](const Entry* a, const Entry* b) { return a->position < b->position; });
    for (const Entry* entry : entries) {
      const StoredEvent event{EventType::kAdded, entry->resource, Json()};
      watch->Push(ForWatch(event, options, selector), VersionAt(entry->position), false);
    }
  } else {
    MR_ASSIGN_OR_RETURN(const int64_t from, PositionOf(options.resource_version));
    for (const Event& event : events_) {
      if (event.position <= from) continue;
      watch->Push(ForWatch(event.stored, options, selector), VersionAt(event.position), false);
    }
  }
  watch->Push(std::nullopt, VersionAt(position_), false);
  subscriptions_.push_back({options, std::move(selector), watch});
  return watch;
}

}  // namespace millrace::resource
