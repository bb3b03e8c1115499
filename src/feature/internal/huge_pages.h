// Large arrays on large pages: the columns of a batch are written in scattered
// order, and with 4 KiB pages most of that time would go to the TLB.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::feature {

// `size` zeros. Asks for huge pages before the first touch; without them it is only slower.
template <typename T>
std::vector<T> LargeArray(size_t size) {
  constexpr uintptr_t kHuge = uintptr_t{2} << 20;
  std::vector<T> array;
  array.reserve(size);
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(array.data()) + kHuge - 1) & ~(kHuge - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(array.data() + size)) & ~(kHuge - 1);
  if (end > begin) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  array.resize(size);
  return array;
}

}  // namespace millrace::feature
