#include "inference/internal/compiled_forest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace millrace::inference::internal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

using SlotIndex = std::map<std::pair<uint32_t, bool>, uint32_t>;

SlotIndex CollectSlots(const TreeEnsemble& ensemble, std::vector<Slot>& slots) {
  SlotIndex index;
  for (const Tree& tree : ensemble.trees) {
    for (const TreeNode& node : tree.nodes) {
      if (!node.is_leaf()) index.emplace(std::pair(node.feature, node.default_left), 0);
    }
  }
  for (auto& [key, slot] : index) {
    slot = static_cast<uint32_t>(slots.size());
    slots.push_back({key.first, key.second ? -kInfinity : kInfinity});
  }
  return index;
}

void SplitSlots(CompiledForest& forest) {
  const size_t n = forest.slots.size();
  forest.slot_features.assign(std::max(kRegisterSlots, n + 1), 0);
  forest.slot_missing.assign(std::max(kRegisterSlots, n + 1), -kInfinity);
  for (size_t i = 0; i < n; ++i) {
    forest.slot_features[i] = static_cast<int32_t>(forest.slots[i].feature);
    forest.slot_missing[i] = forest.slots[i].missing;
  }
}

// Fills a complete tree of `inner` inner nodes from the top levels of `tree`;
// below a leaf every decision leads to the same place. What stands in the last
// level is the leaf's value, or, with a base, the bits of base + the node's index.
struct PadTree {
  const Tree& tree;
  const SlotIndex& slots;
  size_t inner;
  std::optional<uint32_t> base;
  float* thresholds;
  uint32_t* slot;
  float* leaves;

  void Fill(size_t at, const TreeNode& from) {
    if (at >= inner) {
      const auto index = static_cast<uint32_t>(&from - tree.nodes.data());
      leaves[at - inner] = base.has_value() ? std::bit_cast<float>(*base + index) : from.value;
      return;
    }
    const bool leaf = from.is_leaf();
    thresholds[at] = leaf ? 0 : from.value;
    slot[at] = leaf ? 0 : slots.at({from.feature, from.default_left});
    const auto left = static_cast<size_t>(from.left);
    Fill(2 * at + 1, leaf ? from : tree.nodes[left]);
    Fill(2 * at + 2, leaf ? from : tree.nodes[left + 1]);
  }
};

// The top `depth` levels of every tree, side by side and tree by tree.
void CompileComplete(const TreeEnsemble& ensemble, const SlotIndex& slots, int depth,
                     CompiledForest& forest) {
  const size_t inner = (size_t{1} << depth) - 1;
  const size_t leaves = inner + 1;
  const size_t trees = ensemble.trees.size();
  const size_t groups = (trees + kGroup - 1) / kGroup;
  forest.tree_thresholds.resize(trees * inner);
  forest.tree_slots.resize(trees * inner);
  forest.tree_leaves.resize(trees * leaves);
  forest.group_thresholds.resize(groups * inner * kGroup);
  forest.group_slots.resize(groups * inner * kGroup);
  forest.group_leaves.resize(groups * leaves * kGroup);
  for (size_t t = 0; t < trees; ++t) {
    const Tree& tree = ensemble.trees[t];
    std::optional<uint32_t> base;
    if (forest.layout == CompiledForest::Layout::kDeep) base = forest.deep_roots[t];
    PadTree pad{.tree = tree,
                .slots = slots,
                .inner = inner,
                .base = base,
                .thresholds = &forest.tree_thresholds[t * inner],
                .slot = &forest.tree_slots[t * inner],
                .leaves = &forest.tree_leaves[t * leaves]};
    pad.Fill(0, tree.nodes[0]);
    const size_t group = t / kGroup;
    for (size_t i = 0; i < inner; ++i) {
      const size_t at = (group * inner + i) * kGroup + t % kGroup;
      forest.group_thresholds[at] = pad.thresholds[i];
      forest.group_slots[at] = static_cast<int32_t>(pad.slot[i]);
    }
    for (size_t i = 0; i < leaves; ++i) {
      forest.group_leaves[(group * leaves + i) * kGroup + t % kGroup] = pad.leaves[i];
    }
  }
}

void CompileDeep(const TreeEnsemble& ensemble, const SlotIndex& slots, CompiledForest& forest) {
  const auto constant_slot = static_cast<uint32_t>(forest.slots.size());
  for (const Tree& tree : ensemble.trees) {
    const auto root = static_cast<uint32_t>(forest.deep_nodes.size());
    forest.deep_roots.push_back(root);
    const auto depth = static_cast<uint16_t>(tree.depth);
    if (forest.deep_depths.size() % kGroup == 0) forest.deep_group_depths.push_back(0);
    forest.deep_group_depths.back() = std::max(forest.deep_group_depths.back(), depth);
    forest.deep_depths.push_back(depth);
    for (size_t i = 0; i < tree.nodes.size(); ++i) {
      const TreeNode& node = tree.nodes[i];
      const uint32_t left = root + static_cast<uint32_t>(node.is_leaf() ? i : static_cast<size_t>(node.left));
      const uint32_t slot = node.is_leaf() ? constant_slot : slots.at({node.feature, node.default_left});
      forest.deep_nodes.push_back({node.value, left << kSlotBits | slot});
    }
  }
}

void CompileGeneral(const TreeEnsemble& ensemble, CompiledForest& forest) {
  for (const Tree& tree : ensemble.trees) {
    const auto root = static_cast<int32_t>(forest.general_nodes.size());
    const auto bits = static_cast<uint32_t>(forest.category_bits.size());
    forest.general_roots.push_back(static_cast<uint32_t>(root));
    for (const TreeNode& node : tree.nodes) {
      forest.general_nodes.push_back({.value = node.value,
                                      .left = node.is_leaf() ? -1 : root + node.left,
                                      .feature = node.feature,
                                      .category_begin = bits + node.category_begin,
                                      .category_words = node.category_words,
                                      .default_left = node.default_left});
    }
    forest.category_bits.insert(forest.category_bits.end(), tree.category_bits.begin(),
                                tree.category_bits.end());
  }
}

template <typename Vector>
size_t Bytes(const Vector& values) {
  return values.capacity() * sizeof(typename Vector::value_type);
}

// One whole block of rows, or its rest one by one.
void PredictBlock(const CompiledForest& forest, const float* rows, float* margins) {
  alignas(64) std::array<float, (kMaxSlots + 1) * kBlockRows> slots;
  alignas(64) std::array<float, kMaxBlockOutputs * kBlockRows> sums;
  const size_t outputs = forest.base_margins.size();
  const size_t n = forest.slots.size();
  for (size_t s = 0; s < n; ++s) {
    const float* column = rows + forest.slots[s].feature;
    const float missing = forest.slots[s].missing;
    float* out = &slots[s * kBlockRows];
    for (size_t r = 0; r < kBlockRows; ++r) {
      const float value = column[r * forest.num_features];
      out[r] = value != value ? missing : value;
    }
  }
  std::fill_n(&slots[n * kBlockRows], kBlockRows, -kInfinity);
  for (size_t o = 0; o < outputs; ++o) std::fill_n(&sums[o * kBlockRows], kBlockRows, forest.base_margins[o]);
  forest.block_kernel(forest, slots.data(), sums.data());
  for (size_t r = 0; r < kBlockRows; ++r) {
    for (size_t o = 0; o < outputs; ++o) margins[r * outputs + o] = sums[o * kBlockRows + r];
  }
}

}  // namespace

void FillSlots(const CompiledForest& forest, const float* row, float* out) {
  const size_t n = forest.slots.size();
  const Slot* slots = forest.slots.data();
  for (size_t i = 0; i < n; ++i) {
    const float value = row[slots[i].feature];
    out[i] = value != value ? slots[i].missing : value;
  }
  out[n] = -kInfinity;
}

size_t CompiledForest::memory_bytes() const {
  return Bytes(base_margins) + Bytes(tree_output) + Bytes(slots) + Bytes(slot_features) +
         Bytes(slot_missing) + Bytes(group_thresholds) + Bytes(group_slots) + Bytes(group_leaves) +
         Bytes(tree_thresholds) + Bytes(tree_slots) + Bytes(tree_leaves) + Bytes(deep_nodes) +
         Bytes(deep_roots) + Bytes(deep_depths) + Bytes(deep_group_depths) + Bytes(general_nodes) +
         Bytes(general_roots) + Bytes(category_bits);
}

Isa DetectIsa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    return Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2")) return Isa::kAvx2;
#endif
  return Isa::kScalar;
}

Result<CompiledForest> CompileForest(const TreeEnsemble& ensemble, Isa isa) {
  CompiledForest forest;
  forest.num_features = ensemble.num_features;
  forest.num_trees = ensemble.trees.size();
  forest.base_margins = ensemble.base_margins;
  forest.tree_output.resize((forest.num_trees + kGroup - 1) / kGroup * kGroup, 0);
  size_t nodes = 0;
  bool categorical = false;
  for (size_t t = 0; t < ensemble.trees.size(); ++t) {
    const Tree& tree = ensemble.trees[t];
    forest.tree_output[t] = tree.output;
    forest.depth = std::max(forest.depth, tree.depth);
    nodes += tree.nodes.size();
    categorical |= !tree.category_bits.empty();
  }
  if (nodes > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return ResourceExhausted("the model has {} nodes; at most {} are supported", nodes,
                             std::numeric_limits<int32_t>::max());
  }
  const SlotIndex slots = CollectSlots(ensemble, forest.slots);
  if (categorical || forest.slots.size() > kMaxSlots || nodes > kMaxDeepNodes) {
    forest.layout = CompiledForest::Layout::kGeneral;
    CompileGeneral(ensemble, forest);
    forest.row_kernel = GeneralRow;
    return forest;
  }
  SplitSlots(forest);
  const bool one_output = ensemble.base_margins.size() == 1;
  if (forest.depth <= kMaxShallowDepth && !forest.slots.empty()) {
    forest.layout = CompiledForest::Layout::kShallow;
    CompileComplete(ensemble, slots, forest.depth, forest);
    forest.row_kernel = ShallowRowKernel(isa, forest.depth, forest.slots.size(), one_output);
    forest.block_kernel = ShallowBlockKernel(isa, forest.depth);
  } else {
    forest.layout = CompiledForest::Layout::kDeep;
    CompileDeep(ensemble, slots, forest);
    if (isa == Isa::kAvx512) CompileComplete(ensemble, slots, kTopDepth, forest);
    forest.row_kernel = DeepRowKernel(isa, forest.slots.size(), one_output);
    forest.block_kernel = DeepBlockKernel(isa);
  }
  if (ensemble.base_margins.size() > kMaxBlockOutputs) forest.block_kernel = nullptr;
  return forest;
}

void PredictRow(const CompiledForest& forest, const float* row, float* margins) {
  forest.row_kernel(forest, row, margins);
}

void PredictRows(const CompiledForest& forest, const float* rows, size_t n, float* margins) {
  const size_t outputs = forest.base_margins.size();
  size_t at = 0;
  if (forest.block_kernel != nullptr) {
    for (; at + kBlockRows <= n; at += kBlockRows) {
      PredictBlock(forest, rows + at * forest.num_features, margins + at * outputs);
    }
  }
  for (; at < n; ++at) PredictRow(forest, rows + at * forest.num_features, margins + at * outputs);
}

}  // namespace millrace::inference::internal
