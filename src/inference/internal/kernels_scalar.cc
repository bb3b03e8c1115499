// Kernels for any processor.
#include <algorithm>
#include <array>

#include "inference/internal/compiled_forest.h"
#include "inference/internal/kernels.h"

namespace millrace::inference::internal {
namespace {

constexpr uint32_t kSlotMask = (uint32_t{1} << kSlotBits) - 1;
constexpr size_t kInFlight = 8;

// One tree of a shallow layout for one row, by its padded, complete form.
float ShallowLeaf(const CompiledForest& forest, size_t tree, const float* slots, size_t stride) {
  const size_t inner = (size_t{1} << forest.depth) - 1;
  const float* thresholds = &forest.tree_thresholds[tree * inner];
  const uint32_t* slot = &forest.tree_slots[tree * inner];
  size_t at = 0;
  for (int level = 0; level < forest.depth; ++level) {
    const bool left = slots[slot[at] * stride] < thresholds[at];
    at = 2 * at + 2 - (left ? 1 : 0);
  }
  return forest.tree_leaves[tree * (inner + 1) + (at - inner)];
}

void StartAtBase(const CompiledForest& forest, float* margins) {
  std::copy(forest.base_margins.begin(), forest.base_margins.end(), margins);
}

void ShallowRow(const CompiledForest& forest, const float* row, float* margins) {
  std::array<float, kMaxSlots + 1> slots;
  FillSlots(forest, row, slots.data());
  StartAtBase(forest, margins);
  for (size_t t = 0; t < forest.num_trees; ++t) {
    margins[forest.tree_output[t]] += ShallowLeaf(forest, t, slots.data(), 1);
  }
}

void ShallowBlock(const CompiledForest& forest, const float* slots, float* margins) {
  for (size_t t = 0; t < forest.num_trees; ++t) {
    float* sums = margins + forest.tree_output[t] * kBlockRows;
    for (size_t r = 0; r < kBlockRows; ++r) sums[r] += ShallowLeaf(forest, t, slots + r, kBlockRows);
  }
}

uint32_t Step(const DeepNode* nodes, uint32_t at, const float* slots, size_t stride) {
  const DeepNode node = nodes[at];
  const bool left = slots[(node.link & kSlotMask) * stride] < node.value;
  return (node.link >> kSlotBits) + (left ? 0 : 1);
}

// Walks `kInFlight` trees side by side, so that one's loads overlap another's.
template <bool kOneOutput>
void DeepRow(const CompiledForest& forest, const float* row, float* margins) {
  std::array<float, kMaxSlots + 1> values;
  FillSlots(forest, row, values.data());
  const float* slots = values.data();
  StartAtBase(forest, margins);
  const DeepNode* nodes = forest.deep_nodes.data();
  const uint32_t* roots = forest.deep_roots.data();
  const uint16_t* depths = forest.deep_depths.data();
  const size_t trees = forest.num_trees;
  float sum = margins[0];
  const auto add = [&](size_t tree, uint32_t leaf) {
    if constexpr (kOneOutput) {
      sum += nodes[leaf].value;
    } else {
      margins[forest.tree_output[tree]] += nodes[leaf].value;
    }
  };
  size_t t = 0;
  for (; t + kInFlight <= trees; t += kInFlight) {
    std::array<uint32_t, kInFlight> at;
    std::copy_n(roots + t, kInFlight, at.begin());
    const int depth = *std::max_element(depths + t, depths + t + kInFlight);
    for (int level = 0; level < depth; ++level) {
#pragma GCC unroll 8
      for (size_t i = 0; i < kInFlight; ++i) at[i] = Step(nodes, at[i], slots, 1);
    }
    for (size_t i = 0; i < kInFlight; ++i) add(t + i, at[i]);
  }
  for (; t < trees; ++t) {
    uint32_t at = roots[t];
    for (int level = 0; level < depths[t]; ++level) at = Step(nodes, at, slots, 1);
    add(t, at);
  }
  if constexpr (kOneOutput) margins[0] = sum;
}

void DeepBlock(const CompiledForest& forest, const float* slots, float* margins) {
  const DeepNode* nodes = forest.deep_nodes.data();
  for (size_t t = 0; t < forest.num_trees; ++t) {
    float* sums = margins + forest.tree_output[t] * kBlockRows;
    const int depth = forest.deep_depths[t];
    for (size_t r = 0; r < kBlockRows; r += kInFlight) {
      std::array<uint32_t, kInFlight> at;
      at.fill(forest.deep_roots[t]);
      for (int level = 0; level < depth; ++level) {
#pragma GCC unroll 8
        for (size_t i = 0; i < kInFlight; ++i) at[i] = Step(nodes, at[i], slots + r + i, kBlockRows);
      }
      for (size_t i = 0; i < kInFlight; ++i) sums[r + i] += nodes[at[i]].value;
    }
  }
}

// XGBoost's rule: left unless the category is in the node's set; what is no
// category at all (negative, or too large) goes left.
bool GoesLeft(const CompiledForest& forest, const GeneralNode& node, float value) {
  if (node.category_words == 0) return value < node.value;
  if (value < 0 || value >= static_cast<float>(kMaxCategory + 1)) return true;
  const auto category = static_cast<uint32_t>(value);
  if (category / 32 >= node.category_words) return true;
  return (forest.category_bits[node.category_begin + category / 32] >> (category % 32) & 1U) == 0;
}

}  // namespace

void GeneralRow(const CompiledForest& forest, const float* row, float* margins) {
  StartAtBase(forest, margins);
  const GeneralNode* nodes = forest.general_nodes.data();
  for (size_t t = 0; t < forest.num_trees; ++t) {
    const GeneralNode* node = nodes + forest.general_roots[t];
    while (node->left >= 0) {
      const float value = row[node->feature];
      const bool left = value != value ? node->default_left : GoesLeft(forest, *node, value);
      node = nodes + node->left + (left ? 0 : 1);
    }
    margins[forest.tree_output[t]] += node->value;
  }
}

RowKernel ShallowRowKernel(Isa isa, int depth, size_t num_slots, bool one_output) {
  RowKernel kernel = nullptr;
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) kernel = avx512::ShallowRowKernel(depth, num_slots, one_output);
  if (isa == Isa::kAvx2) kernel = avx2::ShallowRowKernel(depth, num_slots, one_output);
#endif
  return kernel != nullptr ? kernel : ShallowRow;
}

BlockKernel ShallowBlockKernel(Isa isa, int depth) {
  BlockKernel kernel = nullptr;
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) kernel = avx512::ShallowBlockKernel(depth);
  if (isa == Isa::kAvx2) kernel = avx2::ShallowBlockKernel(depth);
#endif
  return kernel != nullptr ? kernel : ShallowBlock;
}

RowKernel DeepRowKernel(Isa isa, size_t num_slots, bool one_output) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::DeepRowKernel(num_slots, one_output);
#endif
  return one_output ? DeepRow<true> : DeepRow<false>;
}

BlockKernel DeepBlockKernel(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::DeepBlockKernel();
#endif
  return DeepBlock;
}

}  // namespace millrace::inference::internal
