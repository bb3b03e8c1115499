// Texts as numbers, counted: equal texts have equal codes while anyone holds one.
// Not thread safe; its owner locks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace millrace::feature {

class TextPool {
 public:
  // Not the code of any text: what Find gives for one that is not held.
  static constexpr uint64_t kUnknown = UINT64_MAX;

  // Holds the text once more.
  uint64_t Acquire(std::string_view text) {
    const auto [found, inserted] = codes_.try_emplace(std::string(text), 0);
    if (inserted) {
      if (free_.empty()) {
        found->second = static_cast<uint32_t>(entries_.size());
        entries_.emplace_back();
      } else {
        found->second = free_.back();
        free_.pop_back();
      }
      entries_[found->second].text = &found->first;
      bytes_ += kEntryBytes + text.size();
    }
    ++entries_[found->second].holders;
    return found->second;
  }
  void Release(uint64_t code) {
    Entry& entry = entries_[code];
    if (--entry.holders > 0) return;
    bytes_ -= kEntryBytes + entry.text->size();
    codes_.erase(codes_.find(*entry.text));
    entry.text = nullptr;
    free_.push_back(static_cast<uint32_t>(code));
  }
  uint64_t Find(std::string_view text) const {
    const auto found = codes_.find(std::string(text));
    return found == codes_.end() ? kUnknown : found->second;
  }
  // Precondition: held.
  std::string_view Text(uint64_t code) const { return *entries_[code].text; }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kEntryBytes = 72;  // node, entry and bucket
  struct Entry {
    const std::string* text = nullptr;  // the map's key: nodes do not move
    uint32_t holders = 0;
  };
  std::unordered_map<std::string, uint32_t> codes_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  size_t bytes_ = 0;
};

}  // namespace millrace::feature
