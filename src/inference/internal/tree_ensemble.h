// TreeEnsemble: what a model file says, checked, before it is laid out for
// speed. A plain value that only loading and tests use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::inference::internal {

// Nodes of a tree stand in breadth-first order, the root first; a right child
// follows its left sibling.
struct TreeNode {
  float value = 0;    // threshold of a numerical split; a leaf's value; both finite
  int32_t left = -1;  // index in the tree; -1 for a leaf. The right child is left + 1.
  uint32_t feature = 0;
  bool default_left = false;  // where a missing value goes
  bool categorical = false;
  // Of a categorical split: bits of the categories that go right, in
  // Tree::category_bits[begin, begin + words), bit c & 31 of word c / 32.
  uint32_t category_begin = 0;
  uint32_t category_words = 0;

  bool is_leaf() const { return left < 0; }
};

struct Tree {
  std::vector<TreeNode> nodes;
  std::vector<uint32_t> category_bits;
  uint32_t output = 0;  // the class or target that it adds to
  int depth = 0;        // edges from the root to the deepest leaf
};

struct TreeEnsemble {
  uint32_t num_features = 0;
  std::vector<float> base_margins;  // one an output, added before the first tree
  std::string objective;
  std::vector<std::string> feature_names;  // empty, or num_features
  std::vector<Tree> trees;                 // in the order of addition
};

inline constexpr int64_t kMaxFeatures = 1'000'000;
inline constexpr int64_t kMaxOutputs = 10'000;
inline constexpr int64_t kMaxTrees = 1'000'000;
inline constexpr int kMaxTreeDepth = 1024;
// Categories are below XGBoost's own limit, the whole numbers that float32 has.
inline constexpr int64_t kMaxCategory = (int64_t{1} << 24) - 1;

// XGBoost's JSON or UBJSON, told apart by the first bytes.
Result<TreeEnsemble> ReadXgboostModel(std::string_view bytes);

}  // namespace millrace::inference::internal
