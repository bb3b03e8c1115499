// A hash table from a 64-bit key to a fixed number of 64-bit words, in one array.
//
// Open addressing with linear probing; erasing shifts back what follows (Knuth,
// TAOCP 3, 6.4, algorithm R), so there are no tombstones and a table that
// breathes never degrades. Pointers into it last until the next change. Not
// thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::feature {

// A good mix of all bits (the finalizer of MurmurHash3).
inline uint64_t MixBits(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

class WordTable {
 public:
  // `values`: words a key has. `seed` keeps outsiders from choosing keys that collide.
  explicit WordTable(size_t values, uint64_t seed = 0) : stride_(values + 1), seed_(seed) {}

  size_t size() const { return size_; }
  size_t HeapBytes() const { return words_.capacity() * sizeof(uint64_t) + used_.capacity(); }

  // The key's words, or null.
  uint64_t* Find(uint64_t key) {
    if (size_ == 0) return nullptr;
    for (size_t at = Home(key); used_[at] != 0; at = (at + 1) & mask_) {
      if (words_[at * stride_] == key) return &words_[at * stride_ + 1];
    }
    return nullptr;
  }
  const uint64_t* Find(uint64_t key) const { return const_cast<WordTable*>(this)->Find(key); }

  // The key's words; zeros when it is new.
  uint64_t* Insert(uint64_t key) {
    if ((size_ + 1) * 4 > used_.size() * 3) Rehash(used_.empty() ? 8 : used_.size() * 2);
    size_t at = Home(key);
    for (; used_[at] != 0; at = (at + 1) & mask_) {
      if (words_[at * stride_] == key) return &words_[at * stride_ + 1];
    }
    used_[at] = 1;
    ++size_;
    words_[at * stride_] = key;
    for (size_t i = 1; i < stride_; ++i) words_[at * stride_ + i] = 0;
    return &words_[at * stride_ + 1];
  }

  void Erase(uint64_t key) {
    if (size_ == 0) return;
    size_t hole = Home(key);
    for (; used_[hole] != 0 && words_[hole * stride_] != key; hole = (hole + 1) & mask_) {
    }
    if (used_[hole] == 0) return;
    --size_;
    for (size_t at = (hole + 1) & mask_; used_[at] != 0; at = (at + 1) & mask_) {
      const size_t home = Home(words_[at * stride_]);
      if (((at - home) & mask_) < ((at - hole) & mask_)) continue;  // it already stands between
      for (size_t i = 0; i < stride_; ++i) words_[hole * stride_ + i] = words_[at * stride_ + i];
      hole = at;
    }
    used_[hole] = 0;
  }

  void Clear() {
    used_.assign(used_.size(), 0);
    size_ = 0;
  }

  // visit(key, words) for each.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t at = 0; at < used_.size(); ++at) {
      if (used_[at] != 0) visit(words_[at * stride_], &words_[at * stride_ + 1]);
    }
  }

  // Room for `count` keys at once.
  void Reserve(size_t count) {
    size_t wanted = 8;
    while (wanted * 3 < count * 4) wanted *= 2;
    if (wanted > used_.size()) Rehash(wanted);
  }

 private:
  size_t Home(uint64_t key) const { return static_cast<size_t>(MixBits(key ^ seed_)) & mask_; }
  void Rehash(size_t slots) {
    std::vector<uint64_t> words(slots * stride_);
    std::vector<uint8_t> used(slots, 0);
    words.swap(words_);
    used.swap(used_);
    mask_ = slots - 1;
    for (size_t from = 0; from < used.size(); ++from) {
      if (used[from] == 0) continue;
      size_t at = Home(words[from * stride_]);
      while (used_[at] != 0) at = (at + 1) & mask_;
      used_[at] = 1;
      for (size_t i = 0; i < stride_; ++i) words_[at * stride_ + i] = words[from * stride_ + i];
    }
  }

  size_t stride_;
  uint64_t seed_;
  size_t mask_ = 0;
  size_t size_ = 0;
  std::vector<uint64_t> words_;
  std::vector<uint8_t> used_;
};

}  // namespace millrace::feature
