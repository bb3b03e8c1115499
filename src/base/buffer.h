// Buffer: an array of plain values that may begin uninitialised.
//
// For what has millions of values and is overwritten whole at once: a vector would
// fill it with zeros first. Memory is passed over in order by those who use it, so
// large pages are not asked for: they spare few TLB misses then, and in a virtual
// machine whose host takes free large pages back, getting them anew takes longer than
// the work (docs/performance.md, "Features offline"). A vector can be adopted, so
// whoever has one need not copy it.
// Move-only; owns its memory; not thread safe, but threads may write distinct values.
//
//   auto rows = Buffer<int64_t>::Uninitialized(1'000'000);
//   Buffer<double> adopted = std::vector<double>{1.5, 2.5};
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
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
    if (size == 0) return buffer;
    buffer.block_ = std::make_unique_for_overwrite<T[]>(size);
    buffer.data_ = buffer.block_.get();
    buffer.size_ = size;
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
  std::vector<T> adopted_;      // either this
  std::unique_ptr<T[]> block_;  // or this holds the values
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace millrace
