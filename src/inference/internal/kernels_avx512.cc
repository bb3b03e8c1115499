// Kernels for AVX-512 (F, VL, DQ): 16 trees, or 16 rows, a register.
#include "inference/internal/kernels.h"

#if defined(__x86_64__)
// GCC 12 reports its own intrinsics, which start from an undefined register (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <array>
#include <utility>

// From here on, functions use the instruction set; the headers above do not, so
// that no inline function of theirs is compiled for it and then shared.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq")
#endif

namespace millrace::inference::internal::avx512 {
namespace {

// How the values of 16 slots are fetched: from one register, from two, or from memory.
enum class Lookup { kOne, kTwo, kGather };

template <Lookup kLookup>
struct SlotValues {
  explicit SlotValues(const float* slots) : memory(slots) {
    low = kLookup == Lookup::kGather ? _mm512_setzero_ps() : _mm512_loadu_ps(slots);
    high = kLookup == Lookup::kTwo ? _mm512_loadu_ps(slots + 16) : _mm512_setzero_ps();
  }
  __m512 operator[](__m512i slot) const {
    if constexpr (kLookup == Lookup::kOne) return _mm512_permutexvar_ps(slot, low);
    if constexpr (kLookup == Lookup::kTwo) return _mm512_permutex2var_ps(low, slot, high);
    return _mm512_i32gather_ps(slot, memory, 4);
  }
  const float* memory;
  __m512 low;
  __m512 high;
};

// The leaves of 16 trees of depth kDepth: every decision at once, then a
// tournament from the leaves up, each decision keeping its left or right entrant.
template <int kDepth, Lookup kLookup>
__m512 GroupLeaves(const CompiledForest& forest, size_t group, const SlotValues<kLookup>& values) {
  constexpr size_t kInner = (size_t{1} << kDepth) - 1;
  constexpr size_t kLeaves = kInner + 1;
  const float* thresholds = &forest.group_thresholds[group * kInner * kGroup];
  const int32_t* slots = &forest.group_slots[group * kInner * kGroup];
  const float* leaves = &forest.group_leaves[group * kLeaves * kGroup];
  const auto goes_left = [&](size_t node) {
    const __m512i slot = _mm512_loadu_si512(slots + node * kGroup);
    return _mm512_cmp_ps_mask(values[slot], _mm512_loadu_ps(thresholds + node * kGroup), _CMP_LT_OQ);
  };
  __m512 winner[kLeaves / 2];
  for (size_t i = 0; i < kLeaves / 2; ++i) {
    winner[i] = _mm512_mask_loadu_ps(_mm512_loadu_ps(leaves + (2 * i + 1) * kGroup),
                                     goes_left(kLeaves / 2 - 1 + i), leaves + 2 * i * kGroup);
  }
  for (size_t width = kLeaves / 4; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) {
      winner[i] = _mm512_mask_blend_ps(goes_left(width - 1 + i), winner[2 * i + 1], winner[2 * i]);
    }
  }
  return winner[0];
}

template <int kDepth, Lookup kLookup, bool kOneOutput>
void ShallowRow(const CompiledForest& forest, const float* slots, float* margins) {
  const SlotValues<kLookup> values(slots);
  const size_t trees = forest.num_trees;
  float sum = margins[0];
  for (size_t t = 0; t < trees; t += kGroup) {
    alignas(64) std::array<float, kGroup> leaf;
    _mm512_store_ps(leaf.data(), GroupLeaves<kDepth, kLookup>(forest, t / kGroup, values));
    if (kOneOutput && t + kGroup <= trees) {
#pragma GCC unroll 16
      for (size_t i = 0; i < kGroup; ++i) sum += leaf[i];
      continue;
    }
    for (size_t i = 0; i < kGroup && t + i < trees; ++i) {
      if constexpr (kOneOutput) {
        sum += leaf[i];
      } else {
        margins[forest.tree_output[t + i]] += leaf[i];
      }
    }
  }
  if constexpr (kOneOutput) margins[0] = sum;
}

template <int kDepth>
void ShallowBlock(const CompiledForest& forest, const float* slots, float* margins) {
  constexpr size_t kInner = (size_t{1} << kDepth) - 1;
  constexpr size_t kLeaves = kInner + 1;
  constexpr size_t kVectors = kBlockRows / 16;
  for (size_t t = 0; t < forest.num_trees; ++t) {
    const float* thresholds = &forest.tree_thresholds[t * kInner];
    const uint32_t* slot = &forest.tree_slots[t * kInner];
    const float* leaves = &forest.tree_leaves[t * kLeaves];
    float* sums = margins + forest.tree_output[t] * kBlockRows;
    for (size_t v = 0; v < kVectors; ++v) {
      const float* lane = slots + v * 16;
      const auto goes_left = [&](size_t node) {
        return _mm512_cmp_ps_mask(_mm512_loadu_ps(lane + size_t{slot[node]} * kBlockRows),
                                  _mm512_set1_ps(thresholds[node]), _CMP_LT_OQ);
      };
      __m512 winner[kLeaves / 2];
      for (size_t i = 0; i < kLeaves / 2; ++i) {
        winner[i] = _mm512_mask_blend_ps(goes_left(kLeaves / 2 - 1 + i), _mm512_set1_ps(leaves[2 * i + 1]),
                                         _mm512_set1_ps(leaves[2 * i]));
      }
      for (size_t width = kLeaves / 4; width > 0; width /= 2) {
        for (size_t i = 0; i < width; ++i) {
          winner[i] = _mm512_mask_blend_ps(goes_left(width - 1 + i), winner[2 * i + 1], winner[2 * i]);
        }
      }
      _mm512_storeu_ps(sums + v * 16, _mm512_add_ps(_mm512_loadu_ps(sums + v * 16), winner[0]));
    }
  }
}

template <int kDepth, bool kOneOutput>
RowKernel RowKernelFor(size_t num_slots) {
  if (num_slots <= 16) return ShallowRow<kDepth, Lookup::kOne, kOneOutput>;
  if (num_slots <= 32) return ShallowRow<kDepth, Lookup::kTwo, kOneOutput>;
  return ShallowRow<kDepth, Lookup::kGather, kOneOutput>;
}

template <int kDepth>
RowKernel RowKernelFor(size_t num_slots, bool one_output) {
  return one_output ? RowKernelFor<kDepth, true>(num_slots) : RowKernelFor<kDepth, false>(num_slots);
}

}  // namespace

RowKernel ShallowRowKernel(int depth, size_t num_slots, bool one_output) {
  switch (depth) {
    case 1:
      return RowKernelFor<1>(num_slots, one_output);
    case 2:
      return RowKernelFor<2>(num_slots, one_output);
    case 3:
      return RowKernelFor<3>(num_slots, one_output);
    case 4:
      return RowKernelFor<4>(num_slots, one_output);
    default:
      return nullptr;
  }
}

BlockKernel ShallowBlockKernel(int depth) {
  switch (depth) {
    case 1:
      return ShallowBlock<1>;
    case 2:
      return ShallowBlock<2>;
    case 3:
      return ShallowBlock<3>;
    case 4:
      return ShallowBlock<4>;
    default:
      return nullptr;
  }
}

}  // namespace millrace::inference::internal::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // __x86_64__
