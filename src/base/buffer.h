// Buffer: an array of plain values that may begin uninitialised, on large pages.
//
// For what has millions of values and is overwritten whole at once: a vector would
// fill it with zeros first, on pages of 4 KiB, whose faults and TLB misses cost more
// than the work. A vector can be adopted, so whoever has one need not copy it.
// Move-only; owns its memory; not thread safe, but threads may write distinct values.
//
//   auto rows = Buffer<int64_t>::Uninitialized(1'000'000);
//   Buffer<double> adopted = std::vector<double>{1.5, 2.5};
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>);

 public:
  Buffer() = default;
  // A vector is a buffer already, and a list of values makes one: both implicit.
  Buffer(std::vector<T> values)
      : adopted_(std::move(values)), data_(adopted_.data()), size_(adopted_.size()) {}
  Buffer(std::initializer_list<T> values) : Buffer(std::vector<T>(values)) {}
  static Buffer Uninitialized(size_t size) {
    Buffer buffer;
    buffer.size_ = size;
    if (size == 0) return buffer;
    const size_t bytes = size * sizeof(T);
    // A large page at the end only where it is mostly used.
    const size_t huge = (bytes + kHugePage / 2) / kHugePage * kHugePage;
    const size_t alignment = huge > 0 ? kHugePage : size_t{64};
    buffer.block_ =
        Block(::operator new(std::max(bytes, huge), std::align_val_t{alignment}), Free{alignment});
    buffer.data_ = static_cast<T*>(buffer.block_.get());
    // Where the system has none, it is only slower.
    if (huge > 0) (void)::madvise(buffer.data_, huge, MADV_HUGEPAGE);
    return buffer;
  }

  Buffer(Buffer&& other) noexcept
      : adopted_(std::move(other.adopted_)),
        block_(std::move(other.block_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    adopted_ = std::move(other.adopted_);
    block_ = std::move(other.block_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  struct Free {
    size_t alignment = 0;
    void operator()(void* block) const { ::operator delete(block, std::align_val_t{alignment}); }
  };
  using Block = std::unique_ptr<void, Free>;

  std::vector<T> adopted_;  // either this
  Block block_;             // or this holds the values
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace millrace
