// The events that one key of a view holds, in order of position, as rows of words.
//
// A row is: time, id, presence bits, then a word a slot. Rows are addressed by
// sequence number: it stays with an event while older ones are evicted, and grows
// by one when an event is placed before it.
//
//     evicted        held: [first, last)                 free
//     ────────┬───────────────────────────────────────┬─────────
//             first                                    last
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace millrace::feature {

class EventRing {
 public:
  int64_t first() const { return first_; }
  int64_t last() const { return first_ + static_cast<int64_t>(size_); }
  size_t size() const { return size_; }
  size_t HeapBytes(size_t stride) const { return capacity_ * stride * sizeof(uint64_t); }

  const uint64_t* Row(int64_t sequence, size_t stride) const { return &words_[Offset(sequence, stride)]; }
  uint64_t* Row(int64_t sequence, size_t stride) { return &words_[Offset(sequence, stride)]; }

  // Makes room before `sequence` (last(): at the end) and returns the new row, unset.
  uint64_t* Insert(int64_t sequence, size_t stride) {
    if (head_ + size_ == capacity_) MakeRoom(stride);
    const size_t at = Offset(sequence, stride);
    const size_t behind = static_cast<size_t>(last() - sequence) * stride;
    if (behind > 0) std::memmove(&words_[at + stride], &words_[at], behind * sizeof(uint64_t));
    ++size_;
    return &words_[at];
  }

  // Forgets the oldest row. Precondition: there is one.
  void PopFront() {
    ++head_;
    --size_;
    ++first_;
  }

 private:
  size_t Offset(int64_t sequence, size_t stride) const {
    return (head_ + static_cast<size_t>(sequence - first_)) * stride;
  }
  // Moves the rows to the front when a quarter is free there, else grows by a quarter.
  void MakeRoom(size_t stride) {
    const size_t bytes = size_ * stride * sizeof(uint64_t);
    if (head_ * 4 >= capacity_ && head_ > 0) {
      std::memmove(&words_[0], &words_[head_ * stride], bytes);
    } else {
      capacity_ = size_ + size_ / 4 + 4;
      auto words = std::make_unique_for_overwrite<uint64_t[]>(capacity_ * stride);
      if (size_ > 0) std::memcpy(words.get(), &words_[head_ * stride], bytes);
      words_ = std::move(words);
    }
    head_ = 0;
  }

  std::unique_ptr<uint64_t[]> words_;
  size_t capacity_ = 0;  // in rows, as all below
  size_t head_ = 0;
  size_t size_ = 0;
  int64_t first_ = 0;
};

}  // namespace millrace::feature
