// LearnQueue: learned events that wait because somebody else is at the source.
//
// Whoever learns is on its way from one request to the next and waits for nobody;
// whoever holds the source's ingest lock takes what is here before it lets go. In
// order of arrival; bounded. Thread safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "feature/internal/source_state.h"

namespace millrace::feature {

class LearnQueue {
 public:
  struct Item {
    std::shared_ptr<const SourceState> made_for;  // whose columns the record has
    std::string record;
  };

  // ResourceExhausted when it is full.
  Status Add(Item item) {
    const std::lock_guard lock(mutex_);
    if (items_.size() >= kMaxItems || bytes_ + item.record.size() > kMaxBytes) {
      return ResourceExhausted("{} learned events wait to be taken in, and no more are kept", items_.size());
    }
    bytes_ += item.record.size();
    items_.push_back(std::move(item));
    waiting_.store(true);
    return Ok();
  }
  bool empty() const { return !waiting_.load(); }
  std::vector<Item> Take() {
    const std::lock_guard lock(mutex_);
    bytes_ = 0;
    waiting_.store(false);
    return std::exchange(items_, {});
  }

 private:
  static constexpr size_t kMaxItems = size_t{1} << 16;
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  std::mutex mutex_;
  std::vector<Item> items_;
  size_t bytes_ = 0;
  std::atomic<bool> waiting_{false};
};

}  // namespace millrace::feature
