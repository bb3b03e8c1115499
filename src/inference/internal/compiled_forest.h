// CompiledForest: a TreeEnsemble laid out for prediction.
//
// Slots. A row is first spread over *slots*: one for each pair of a feature and
// a direction for missing values that some node uses. The value of a slot is
// the feature's, or, where it is missing, −∞ when missing goes left and +∞ when
// it goes right. `value < threshold` is then the whole decision of a node, with
// no test for missing values in the walk (thresholds are finite).
//
//     row   x0  x1=NaN  x2            nodes: x0<3 (NaN left), x1<7 (left), x1<9 (right)
//     slots x0L=x0   x1L=−∞   x1R=+∞
//
// Layouts:
//  - shallow (every tree at most kMaxShallowDepth deep): each tree padded to a
//    complete one; 16 or 8 trees (one row) or rows (a block) at a time, without
//    branches: all nodes are evaluated and the leaf is chosen by blending, or,
//    for one row with AVX-512, each level's node is chosen before it is evaluated.
//  - deep: 8-byte nodes in breadth-first order, siblings adjacent, so a step is
//    `next = left + !(slot < threshold)`; a leaf's slot is the constant −∞ and
//    its left child itself, so that a walk of fixed length ends there. Several
//    trees (one row) or rows (a block) are in flight to hide the latency. With
//    AVX-512 the top kTopDepth levels are also laid out as a shallow forest whose
//    "leaves" are the nodes where the walk goes on.
//  - general: trees with categorical splits, or beyond what a deep node can
//    address; node by node.
//
// Whatever the layout, a row's leaves are added in the order of the trees, in
// float32: XGBoost's order, so XGBoost's bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "inference/internal/tree_ensemble.h"

namespace millrace::inference::internal {

inline constexpr int kMaxShallowDepth = 4;
inline constexpr int kTopDepth = 4;
inline constexpr size_t kGroup = 16;      // trees evaluated side by side for one row
inline constexpr size_t kBlockRows = 64;  // rows evaluated side by side
inline constexpr size_t kMaxSlots = 511;  // with the constant one: 512 floats a row on the stack
inline constexpr size_t kRegisterSlots = 32;
inline constexpr uint32_t kSlotBits = 9;
inline constexpr size_t kMaxDeepNodes = size_t{1} << (32 - kSlotBits);
inline constexpr size_t kMaxBlockOutputs = 64;

struct Slot {
  uint32_t feature = 0;
  float missing = 0;  // −∞ or +∞
};

struct DeepNode {
  float value = 0;    // threshold, or the leaf's value
  uint32_t link = 0;  // left child << kSlotBits | slot
};
static_assert(sizeof(DeepNode) == 8);

struct GeneralNode {
  float value = 0;
  int32_t left = -1;  // index in general_nodes; -1 for a leaf
  uint32_t feature = 0;
  uint32_t category_begin = 0;
  uint32_t category_words = 0;  // 0: a numerical split
  bool default_left = false;
};

// Memory at a multiple of a cache line: a load of a whole register that straddles two lines costs two.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};
  CacheLineAllocator() = default;
  template <typename U>
  explicit(false) CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
  void deallocate(T* memory, size_t n) { ::operator delete(memory, n * sizeof(T), kLine); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};
template <typename T>
using LineVector = std::vector<T, CacheLineAllocator<T>>;

struct CompiledForest;

// Margins of one row; `margins` is set.
using RowKernel = void (*)(const CompiledForest&, const float* row, float* margins);
// Margins of kBlockRows rows: slot s of row r is at slots[s * kBlockRows + r],
// output o of row r at margins[o * kBlockRows + r], base margins on entry.
using BlockKernel = void (*)(const CompiledForest&, const float* slots, float* margins);

struct CompiledForest {
  enum class Layout : uint8_t { kShallow, kDeep, kGeneral };

  Layout layout = Layout::kGeneral;
  size_t num_features = 0;
  size_t num_trees = 0;
  std::vector<float> base_margins;
  std::vector<uint32_t> tree_output;  // padded with zeros to a multiple of kGroup
  std::vector<Slot> slots;
  // The same by parts, for registers: at least kRegisterSlots long, padded with
  // feature 0; entry slots.size() is the constant slot.
  LineVector<int32_t> slot_features;
  LineVector<float> slot_missing;

  // Shallow, or the top of deep trees. Nodes of a complete tree are numbered by level: the children of i
  // are 2i+1 and 2i+2. Group g, node i, tree t of the group: [(g * nodes + i) * kGroup + t].
  int depth = 0;
  LineVector<float> group_thresholds;
  LineVector<int32_t> group_slots;
  LineVector<float> group_leaves;
  // The same tree by tree: [tree * nodes + i].
  std::vector<float> tree_thresholds;
  std::vector<uint32_t> tree_slots;
  std::vector<float> tree_leaves;

  // Deep. A leaf of the top levels is the index of a deep node, in a float's bits.
  std::vector<DeepNode> deep_nodes;
  std::vector<uint32_t> deep_roots;
  std::vector<uint16_t> deep_depths;        // a tree
  std::vector<uint16_t> deep_group_depths;  // the deepest tree of a group

  // General.
  std::vector<GeneralNode> general_nodes;
  std::vector<uint32_t> general_roots;
  std::vector<uint32_t> category_bits;

  RowKernel row_kernel = nullptr;
  BlockKernel block_kernel = nullptr;  // null: rows one by one

  size_t memory_bytes() const;
};

// What this processor can run, from the least to the most.
enum class Isa : uint8_t { kScalar, kAvx2, kAvx512 };
Isa DetectIsa();

// `isa` is for tests and measurements; at most what DetectIsa says.
Result<CompiledForest> CompileForest(const TreeEnsemble& ensemble, Isa isa);

void PredictRow(const CompiledForest& forest, const float* row, float* margins);
// The values of slots.size() slots, then −∞.
void FillSlots(const CompiledForest& forest, const float* row, float* out);
void PredictRows(const CompiledForest& forest, const float* rows, size_t n, float* margins);

// Kernels, by layout and instruction set (kernels_*.cc).
RowKernel ShallowRowKernel(Isa isa, int depth, size_t num_slots, bool one_output);
BlockKernel ShallowBlockKernel(Isa isa, int depth);
RowKernel DeepRowKernel(Isa isa, size_t num_slots, bool one_output);
BlockKernel DeepBlockKernel(Isa isa);
void GeneralRow(const CompiledForest& forest, const float* row, float* margins);

}  // namespace millrace::inference::internal
