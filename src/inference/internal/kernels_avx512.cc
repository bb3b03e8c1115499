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

// Where the values of a row's slots are: in one register, in two, or in memory.
enum class Lookup { kOne, kTwo, kGather };

// The slots [first, first + 16) of a row.
__m512 RowSlots(const CompiledForest& forest, const float* row, size_t first) {
  const __m512i feature = _mm512_loadu_si512(forest.slot_features.data() + first);
  __m512 value;
  if (forest.num_features <= 32) {
    const uint64_t present = (uint64_t{1} << forest.num_features) - 1;
    const __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(present), row);
    const __m512 high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(present >> 16), row + 16);
    value = _mm512_permutex2var_ps(low, feature, high);
  } else {
    value = _mm512_i32gather_ps(feature, row, 4);
  }
  // NaN, and the constant slot.
  const size_t n = forest.slots.size();
  const uint32_t constant = n >= first && n < first + 16 ? 1U << (n - first) : 0;
  const __mmask16 missing = static_cast<__mmask16>(_mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q) | constant);
  return _mm512_mask_loadu_ps(value, missing, forest.slot_missing.data() + first);
}

template <Lookup kLookup>
struct SlotValues {
  SlotValues(const CompiledForest& forest, const float* row) {
    if constexpr (kLookup == Lookup::kGather) {
      FillSlots(forest, row, memory);
    } else {
      low = RowSlots(forest, row, 0);
      if constexpr (kLookup == Lookup::kTwo) high = RowSlots(forest, row, 16);
    }
  }
  __m512 operator[](__m512i slot) const {
    if constexpr (kLookup == Lookup::kOne) return _mm512_permutexvar_ps(slot, low);
    if constexpr (kLookup == Lookup::kTwo) return _mm512_permutex2var_ps(low, slot, high);
    return _mm512_i32gather_ps(slot, memory, 4);
  }
  __m512 low;
  __m512 high;
  float memory[kLookup == Lookup::kGather ? kMaxSlots + 1 : 1];
};

// At most 16 slots, in two half registers.
struct HalfSlotValues {
  HalfSlotValues(const CompiledForest& forest, const float* row)
      : low(Slots(forest, row, 0)), high(Slots(forest, row, 8)) {}
  static __m256 Slots(const CompiledForest& forest, const float* row, size_t first) {
    const auto* features = reinterpret_cast<const __m256i*>(forest.slot_features.data() + first);
    const __m256i feature = _mm256_load_si256(features);
    __m256 value;
    if (forest.num_features <= 16) {
      const uint32_t present = (1U << forest.num_features) - 1;
      value = _mm256_permutex2var_ps(_mm256_maskz_loadu_ps(static_cast<__mmask8>(present), row), feature,
                                     _mm256_maskz_loadu_ps(static_cast<__mmask8>(present >> 8), row + 8));
    } else {
      value = _mm256_i32gather_ps(row, feature, 4);
    }
    const __mmask8 missing = _mm256_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    return _mm256_mask_loadu_ps(value, missing, forest.slot_missing.data() + first);
  }
  __m256 operator[](__m256i slot) const { return _mm256_permutex2var_ps(low, slot, high); }
  __m256 low;
  __m256 high;
};

// The margins that a row starts from; the one of a single output is returned.
template <bool kOneOutput>
float StartAtBase(const CompiledForest& forest, float* margins) {
  const float* base = forest.base_margins.data();
  if constexpr (!kOneOutput) {
    for (size_t o = 0; o < forest.base_margins.size(); ++o) margins[o] = base[o];
  }
  return base[0];
}

// Registers of 16 trees, and of 8. While whole registers are in flight one of the two adders rests, and each
// of the additions that follow takes half as long again; so half registers do where two hold all slots.
struct Whole {
  using Vector = __m512;
  using Mask = __mmask16;
  static constexpr size_t kLanes = 16;
  static Vector Load(const float* from) { return _mm512_loadu_ps(from); }
  static Vector Choose(Mask mask, Vector no, const float* yes) { return _mm512_mask_loadu_ps(no, mask, yes); }
  static Vector Choose(Mask mask, Vector no, Vector yes) { return _mm512_mask_blend_ps(mask, no, yes); }
  static Mask Less(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static __m512i Integers(Vector bits) { return _mm512_castps_si512(bits); }
  static void Store(float* to, Vector from) { _mm512_store_ps(to, from); }
};

struct Half {
  using Vector = __m256;
  using Mask = __mmask8;
  static constexpr size_t kLanes = 8;
  static Vector Load(const float* from) { return _mm256_loadu_ps(from); }
  static Vector Choose(Mask mask, Vector no, const float* yes) { return _mm256_mask_loadu_ps(no, mask, yes); }
  static Vector Choose(Mask mask, Vector no, Vector yes) { return _mm256_mask_blend_ps(mask, no, yes); }
  static Mask Less(Vector a, Vector b) { return _mm256_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static __m256i Integers(Vector bits) { return _mm256_castps_si256(bits); }
  static void Store(float* to, Vector from) { _mm256_store_ps(to, from); }
};

// Of kWidth vectors of a level, one for each of its places, each tree's at the place its walk has come to.
// It goes by the earliest decision first, so that little waits for the last one.
template <typename Registers, size_t kWidth>
typename Registers::Vector AtPlace(const float* level, const typename Registers::Mask* went_left) {
  if constexpr (kWidth == 1) {
    return Registers::Load(level);
  } else {
    constexpr size_t kHalf = kWidth / 2;
    typename Registers::Vector place[kHalf];
    for (size_t i = 0; i < kHalf; ++i) {
      place[i] =
          Registers::Choose(went_left[0], Registers::Load(level + (kHalf + i) * kGroup), level + i * kGroup);
    }
    for (size_t width = kHalf / 2; width > 0; width /= 2) {
      ++went_left;
      for (size_t i = 0; i < width; ++i) place[i] = Registers::Choose(*went_left, place[width + i], place[i]);
    }
    return place[0];
  }
}

// Where the complete trees of a group begin, from one of its lanes on.
template <int kDepth>
struct Group {
  static constexpr size_t kInner = (size_t{1} << kDepth) - 1;
  static constexpr size_t kLeaves = kInner + 1;
  Group(const CompiledForest& forest, size_t group)
      : thresholds(&forest.group_thresholds[group * kInner * kGroup]),
        slots(reinterpret_cast<const float*>(&forest.group_slots[group * kInner * kGroup])),
        leaves(&forest.group_leaves[group * kLeaves * kGroup]) {}
  void Next() {
    thresholds += kInner * kGroup;
    slots += kInner * kGroup;
    leaves += kLeaves * kGroup;
  }
  const float* thresholds;
  const float* slots;  // bits of integers
  const float* leaves;
};

// The leaves of a register of trees of depth kDepth, from `lane` of the group on: one step down in all of
// them at a time. What a step needs is chosen by blending, which has more ports than comparing or permuting.
template <typename Registers, int kDepth, typename Values>
[[gnu::always_inline]] inline typename Registers::Vector Leaves(const Group<kDepth>& group, size_t lane,
                                                                const Values& values) {
  std::array<typename Registers::Mask, kDepth> went_left;
  const auto step = [&]<size_t kLevel>() {
    constexpr size_t kWidth = size_t{1} << kLevel;
    constexpr size_t kFirst = (kWidth - 1) * kGroup;
    const auto slot =
        Registers::Integers(AtPlace<Registers, kWidth>(group.slots + kFirst + lane, went_left.data()));
    const auto threshold = AtPlace<Registers, kWidth>(group.thresholds + kFirst + lane, went_left.data());
    went_left[kLevel] = Registers::Less(values[slot], threshold);
  };
  [&]<size_t... kLevels>(std::index_sequence<kLevels...>) {
    (step.template operator()<kLevels>(), ...);
  }(std::make_index_sequence<kDepth>());
  return AtPlace<Registers, Group<kDepth>::kLeaves>(group.leaves + lane, went_left.data());
}

template <typename Registers, typename Values, int kDepth, bool kOneOutput>
void ShallowRow(const CompiledForest& forest, const float* row, float* margins) {
  const Values values(forest, row);
  const size_t trees = forest.num_trees;
  float sum = StartAtBase<kOneOutput>(forest, margins);
  Group<kDepth> group(forest, 0);
  for (size_t t = 0; t < trees; t += kGroup) {
    alignas(64) std::array<float, kGroup> leaf;
#pragma GCC unroll 2
    for (size_t lane = 0; lane < kGroup; lane += Registers::kLanes) {
      Registers::Store(leaf.data() + lane, Leaves<Registers>(group, lane, values));
    }
    group.Next();
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

// The leaves of one tree for the 16 rows whose slots begin at `lane`.
template <int kDepth>
__m512 RowLeaves(const float* thresholds, const uint32_t* slot, const float* leaves, const float* lane) {
  constexpr size_t kLeaves = size_t{1} << kDepth;
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
  return winner[0];
}

template <int kDepth>
void ShallowBlock(const CompiledForest& forest, const float* slots, float* margins) {
  constexpr size_t kInner = (size_t{1} << kDepth) - 1;
  for (size_t t = 0; t < forest.num_trees; ++t) {
    float* sums = margins + forest.tree_output[t] * kBlockRows;
    for (size_t r = 0; r < kBlockRows; r += 16) {
      const __m512 leaf =
          RowLeaves<kDepth>(&forest.tree_thresholds[t * kInner], &forest.tree_slots[t * kInner],
                            &forest.tree_leaves[t * (kInner + 1)], slots + r);
      _mm512_storeu_ps(sums + r, _mm512_add_ps(_mm512_loadu_ps(sums + r), leaf));
    }
  }
}

// One level down from 16 deep nodes at once.
template <typename Values>
__m512i Step(const DeepNode* nodes, __m512i at, const Values& values) {
  const __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), nodes, 8);
  const __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), nodes, 8);
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  const __m512 threshold = _mm512_castsi512_ps(_mm512_permutex2var_epi32(low, even, high));
  const __m512i link = _mm512_permutex2var_epi32(low, odd, high);
  const __m512i slot = _mm512_and_si512(link, _mm512_set1_epi32((1 << kSlotBits) - 1));
  const __m512i left = _mm512_srli_epi32(link, kSlotBits);
  const __mmask16 goes_right = _mm512_cmp_ps_mask(values[slot], threshold, _CMP_NLT_UQ);
  return _mm512_mask_add_epi32(left, goes_right, left, _mm512_set1_epi32(1));
}

__m512 LeafValues(const DeepNode* nodes, __m512i at) { return _mm512_i32gather_ps(at, nodes, 8); }

// Two groups of trees are in flight, to overlap the latency of their loads.
template <Lookup kLookup, bool kOneOutput>
void DeepRow(const CompiledForest& forest, const float* row, float* margins) {
  const SlotValues<kLookup> values(forest, row);
  const DeepNode* nodes = forest.deep_nodes.data();
  const size_t trees = forest.num_trees;
  const size_t groups = forest.deep_group_depths.size();
  float sum = StartAtBase<kOneOutput>(forest, margins);
  for (size_t g = 0; g < groups; g += 2) {
    const size_t second = g + 1 < groups ? g + 1 : g;
    __m512i a = _mm512_castps_si512(Leaves<Whole>(Group<kTopDepth>(forest, g), 0, values));
    __m512i b = _mm512_castps_si512(Leaves<Whole>(Group<kTopDepth>(forest, second), 0, values));
    const int depth_a = forest.deep_group_depths[g];
    const int depth_b = forest.deep_group_depths[second];
    const int depth = depth_a > depth_b ? depth_a : depth_b;
    for (int level = kTopDepth; level < depth; ++level) {
      a = Step(nodes, a, values);
      b = Step(nodes, b, values);
    }
    alignas(64) float leaf[2 * kGroup];
    _mm512_store_ps(leaf, LeafValues(nodes, a));
    _mm512_store_ps(leaf + kGroup, LeafValues(nodes, b));
    const size_t first = g * kGroup;
    const size_t n = trees - first < 2 * kGroup ? trees - first : 2 * kGroup;
    for (size_t i = 0; i < n; ++i) {
      if constexpr (kOneOutput) {
        sum += leaf[i];
      } else {
        margins[forest.tree_output[first + i]] += leaf[i];
      }
    }
  }
  if constexpr (kOneOutput) margins[0] = sum;
}

// The slots of 16 rows of a block.
struct BlockValues {
  __m512 operator[](__m512i slot) const {
    static_assert(kBlockRows == 64);
    return _mm512_i32gather_ps(_mm512_add_epi32(_mm512_slli_epi32(slot, 6), rows), memory, 4);
  }
  const float* memory;
  __m512i rows;
};

void DeepBlock(const CompiledForest& forest, const float* slots, float* margins) {
  constexpr size_t kInner = (size_t{1} << kTopDepth) - 1;
  constexpr size_t kVectors = kBlockRows / 16;
  const DeepNode* nodes = forest.deep_nodes.data();
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (size_t t = 0; t < forest.num_trees; ++t) {
    float* sums = margins + forest.tree_output[t] * kBlockRows;
    __m512i at[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      at[v] = _mm512_castps_si512(
          RowLeaves<kTopDepth>(&forest.tree_thresholds[t * kInner], &forest.tree_slots[t * kInner],
                               &forest.tree_leaves[t * (kInner + 1)], slots + v * 16));
    }
    for (int level = kTopDepth; level < forest.deep_depths[t]; ++level) {
      for (size_t v = 0; v < kVectors; ++v) at[v] = Step(nodes, at[v], BlockValues{slots + v * 16, lanes});
    }
    for (size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(sums + v * 16,
                       _mm512_add_ps(_mm512_loadu_ps(sums + v * 16), LeafValues(nodes, at[v])));
    }
  }
}

template <int kDepth, bool kOneOutput>
RowKernel RowKernelFor(size_t num_slots) {
  if (num_slots <= 16) return ShallowRow<Half, HalfSlotValues, kDepth, kOneOutput>;
  if (num_slots <= 32) return ShallowRow<Whole, SlotValues<Lookup::kTwo>, kDepth, kOneOutput>;
  return ShallowRow<Whole, SlotValues<Lookup::kGather>, kDepth, kOneOutput>;
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

RowKernel DeepRowKernel(size_t num_slots, bool one_output) {
  // The constant slot is one more.
  if (num_slots < 16) return one_output ? DeepRow<Lookup::kOne, true> : DeepRow<Lookup::kOne, false>;
  if (num_slots < 32) return one_output ? DeepRow<Lookup::kTwo, true> : DeepRow<Lookup::kTwo, false>;
  return one_output ? DeepRow<Lookup::kGather, true> : DeepRow<Lookup::kGather, false>;
}

BlockKernel DeepBlockKernel() { return DeepBlock; }

}  // namespace millrace::inference::internal::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // __x86_64__
