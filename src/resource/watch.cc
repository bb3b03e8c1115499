#include "resource/watch.h"

#include <utility>

namespace millrace::resource {
namespace {

constexpr std::string_view kExpired = "expired: ";

}  // namespace

std::string_view EventTypeName(EventType type) {
  switch (type) {
    case EventType::kAdded:
      return "ADDED";
    case EventType::kModified:
      return "MODIFIED";
    case EventType::kDeleted:
      return "DELETED";
    case EventType::kBookmark:
      return "BOOKMARK";
  }
  return "ERROR";
}

Status Expired(std::string_view what) { return FailedPrecondition("{}{}", kExpired, what); }

bool IsExpired(const Status& status) {
  return status.code() == Code::kFailedPrecondition && status.message().starts_with(kExpired);
}

Result<std::optional<WatchEvent>> Watch::Take() {
  if (!queue_.empty()) {
    WatchEvent event = std::move(queue_.front());
    queue_.pop_front();
    delivered_version_ = event.resource.metadata.resource_version;
    return std::optional<WatchEvent>(std::move(event));
  }
  if (!end_.ok()) return end_;
  return std::optional<WatchEvent>();
}

Result<std::optional<WatchEvent>> Watch::Next(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  ready_.wait_until(lock, deadline, [&] { return !queue_.empty() || !end_.ok(); });
  return Take();
}

Result<std::optional<WatchEvent>> Watch::TryNext() {
  const std::lock_guard lock(mutex_);
  return Take();
}

WatchEvent Watch::Bookmark() {
  const std::lock_guard lock(mutex_);
  WatchEvent bookmark{EventType::kBookmark, {}};
  bookmark.resource.metadata.resource_version = queue_.empty() ? seen_version_ : delivered_version_;
  return bookmark;
}

void Watch::OnReady(std::function<void()> callback) {
  std::function<void()> now;
  {
    const std::lock_guard lock(mutex_);
    callback_ = std::move(callback);
    if (!queue_.empty() || !end_.ok()) now = callback_;
  }
  if (now) now();
}

void Watch::Stop() {
  End(Cancelled("the watch was stopped"));
  const std::lock_guard lock(mutex_);
  queue_.clear();
  callback_ = nullptr;
}

bool Watch::stopped() const {
  const std::lock_guard lock(mutex_);
  return !end_.ok();
}

void Watch::Push(std::optional<WatchEvent> event, const std::string& version, bool bounded) {
  {
    const std::lock_guard lock(mutex_);
    if (!end_.ok()) return;
    seen_version_ = version;
    if (!event) return;
    if (bounded && queue_.size() >= kMaxQueued) {
      queue_.clear();
      end_ = Expired("the watch was read too slowly; list again, and watch from there");
    } else {
      queue_.push_back(std::move(*event));
    }
  }
  ready_.notify_all();
}

void Watch::End(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (end_.ok()) end_ = std::move(status);
  }
  ready_.notify_all();
}

void Watch::Notify() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty() || !end_.ok()) callback = callback_;
  }
  if (callback) callback();
}

}  // namespace millrace::resource
