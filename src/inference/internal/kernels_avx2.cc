// Kernels for AVX2: 8 trees, or 8 rows, a register.
#include "inference/internal/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <utility>

// From here on, functions use the instruction set; the headers above do not, so
// that no inline function of theirs is compiled for it and then shared.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

namespace millrace::inference::internal::avx2 {
namespace {

constexpr size_t kLanes = 8;

// How the values of 8 slots are fetched: from one register, from two, or from memory.
enum class Lookup { kOne, kTwo, kGather };

template <Lookup kLookup>
struct SlotValues {
  SlotValues(const CompiledForest& forest, const float* row) {
    FillSlots(forest, row, memory);
    low = _mm256_loadu_ps(memory);
    high = _mm256_loadu_ps(memory + kLanes);
  }
  __m256 operator[](__m256i slot) const {
    if constexpr (kLookup == Lookup::kOne) return _mm256_permutevar8x32_ps(low, slot);
    if constexpr (kLookup == Lookup::kTwo) {
      // Bit 3 of the slot, moved to the sign, chooses the register.
      const __m256 choose_high = _mm256_castsi256_ps(_mm256_slli_epi32(slot, 28));
      return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, slot), _mm256_permutevar8x32_ps(high, slot),
                              choose_high);
    }
    return _mm256_i32gather_ps(memory, slot, 4);
  }
  float memory[kMaxSlots + 1];
  __m256 low;
  __m256 high;
};

// The leaves of 8 trees of depth kDepth: every decision at once, then a
// tournament from the leaves up, each decision keeping its left or right entrant.
template <int kDepth, Lookup kLookup>
__m256 HalfGroupLeaves(const CompiledForest& forest, size_t group, size_t half,
                       const SlotValues<kLookup>& values) {
  constexpr size_t kInner = (size_t{1} << kDepth) - 1;
  constexpr size_t kLeaves = kInner + 1;
  const float* thresholds = &forest.group_thresholds[group * kInner * kGroup] + half * kLanes;
  const int32_t* slots = &forest.group_slots[group * kInner * kGroup] + half * kLanes;
  const float* leaves = &forest.group_leaves[group * kLeaves * kGroup] + half * kLanes;
  const auto goes_left = [&](size_t node) {
    const __m256i slot = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(slots + node * kGroup));
    return _mm256_cmp_ps(values[slot], _mm256_loadu_ps(thresholds + node * kGroup), _CMP_LT_OQ);
  };
  __m256 winner[kLeaves / 2];
  for (size_t i = 0; i < kLeaves / 2; ++i) {
    winner[i] = _mm256_blendv_ps(_mm256_loadu_ps(leaves + (2 * i + 1) * kGroup),
                                 _mm256_loadu_ps(leaves + 2 * i * kGroup), goes_left(kLeaves / 2 - 1 + i));
  }
  for (size_t width = kLeaves / 4; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) {
      winner[i] = _mm256_blendv_ps(winner[2 * i + 1], winner[2 * i], goes_left(width - 1 + i));
    }
  }
  return winner[0];
}

template <int kDepth, Lookup kLookup, bool kOneOutput>
void ShallowRow(const CompiledForest& forest, const float* row, float* margins) {
  const SlotValues<kLookup> values(forest, row);
  const size_t trees = forest.num_trees;
  for (size_t o = 0; o < forest.base_margins.size(); ++o) margins[o] = forest.base_margins[o];
  float sum = margins[0];
  for (size_t t = 0; t < trees; t += kLanes) {
    alignas(32) std::array<float, kLanes> leaf;
    _mm256_store_ps(leaf.data(),
                    HalfGroupLeaves<kDepth, kLookup>(forest, t / kGroup, t % kGroup / kLanes, values));
    for (size_t i = 0; i < kLanes && t + i < trees; ++i) {
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
  constexpr size_t kVectors = kBlockRows / kLanes;
  for (size_t t = 0; t < forest.num_trees; ++t) {
    const float* thresholds = &forest.tree_thresholds[t * kInner];
    const uint32_t* slot = &forest.tree_slots[t * kInner];
    const float* leaves = &forest.tree_leaves[t * kLeaves];
    float* sums = margins + forest.tree_output[t] * kBlockRows;
    for (size_t v = 0; v < kVectors; ++v) {
      const float* lane = slots + v * kLanes;
      const auto goes_left = [&](size_t node) {
        return _mm256_cmp_ps(_mm256_loadu_ps(lane + size_t{slot[node]} * kBlockRows),
                             _mm256_set1_ps(thresholds[node]), _CMP_LT_OQ);
      };
      __m256 winner[kLeaves / 2];
      for (size_t i = 0; i < kLeaves / 2; ++i) {
        winner[i] = _mm256_blendv_ps(_mm256_set1_ps(leaves[2 * i + 1]), _mm256_set1_ps(leaves[2 * i]),
                                     goes_left(kLeaves / 2 - 1 + i));
      }
      for (size_t width = kLeaves / 4; width > 0; width /= 2) {
        for (size_t i = 0; i < width; ++i) {
          winner[i] = _mm256_blendv_ps(winner[2 * i + 1], winner[2 * i], goes_left(width - 1 + i));
        }
      }
      _mm256_storeu_ps(sums + v * kLanes, _mm256_add_ps(_mm256_loadu_ps(sums + v * kLanes), winner[0]));
    }
  }
}

template <int kDepth, bool kOneOutput>
RowKernel RowKernelFor(size_t num_slots) {
  if (num_slots <= 8) return ShallowRow<kDepth, Lookup::kOne, kOneOutput>;
  if (num_slots <= 16) return ShallowRow<kDepth, Lookup::kTwo, kOneOutput>;
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

}  // namespace millrace::inference::internal::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // __x86_64__
