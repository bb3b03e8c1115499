// Large arrays on large pages: the columns of a batch are written in scattered
// order, and with 4 KiB pages most of that time would go to the TLB.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::feature {

// Before the first touch; where there are none, it is only slower.
inline void AdviseHugePages(void* memory, size_t bytes) {
  constexpr uintptr_t kHuge = uintptr_t{2} << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + kHuge - 1) & ~(kHuge - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) & ~(kHuge - 1);
  if (end > begin) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

// `size` zeros.
template <typename T>
std::vector<T> LargeArray(size_t size) {
  std::vector<T> array;
  array.reserve(size);
  AdviseHugePages(array.data(), size * sizeof(T));
  array.resize(size);
  return array;
}

}  // namespace millrace::feature
