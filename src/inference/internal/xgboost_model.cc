// XGBoost's model schema: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
// How margins start (base_score) and what objectives do to it follows XGBoost 3.2.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "inference/internal/document.h"
#include "inference/internal/link.h"
#include "inference/internal/tree_ensemble.h"

namespace millrace::inference::internal {
namespace {

// The arrays of one tree as the file has them.
struct RawTree {
  std::vector<int64_t> left, right, feature, default_left, split_type;
  std::vector<float> value;
  std::vector<int64_t> categories, category_nodes, category_segments, category_sizes;
};

Result<std::vector<int64_t>> OptionalInts(const Document& tree, std::string_view key,
                                          std::string_view where) {
  const Document* found = tree.Find(key);
  if (found == nullptr) return std::vector<int64_t>();
  return found->AsInts(fmt::format("{}.{}", where, key));
}

Result<RawTree> ReadArrays(const Document& tree, std::string_view where) {
  RawTree raw;
  const auto ints = [&](std::string_view key) -> Result<std::vector<int64_t>> {
    MR_ASSIGN_OR_RETURN(const Document* found, tree.Get(key, where));
    return found->AsInts(fmt::format("{}.{}", where, key));
  };
  MR_ASSIGN_OR_RETURN(raw.left, ints("left_children"));
  MR_ASSIGN_OR_RETURN(raw.right, ints("right_children"));
  MR_ASSIGN_OR_RETURN(raw.feature, ints("split_indices"));
  MR_ASSIGN_OR_RETURN(raw.default_left, ints("default_left"));
  MR_ASSIGN_OR_RETURN(const Document* conditions, tree.Get("split_conditions", where));
  MR_ASSIGN_OR_RETURN(raw.value, conditions->AsFloats(fmt::format("{}.split_conditions", where)));
  MR_ASSIGN_OR_RETURN(raw.split_type, OptionalInts(tree, "split_type", where));
  MR_ASSIGN_OR_RETURN(raw.categories, OptionalInts(tree, "categories", where));
  MR_ASSIGN_OR_RETURN(raw.category_nodes, OptionalInts(tree, "categories_nodes", where));
  MR_ASSIGN_OR_RETURN(raw.category_segments, OptionalInts(tree, "categories_segments", where));
  MR_ASSIGN_OR_RETURN(raw.category_sizes, OptionalInts(tree, "categories_sizes", where));

  const size_t n = raw.left.size();
  if (n == 0) return InvalidArgument("{} has no nodes", where);
  if (raw.right.size() != n || raw.feature.size() != n || raw.default_left.size() != n ||
      raw.value.size() != n || (!raw.split_type.empty() && raw.split_type.size() != n)) {
    return InvalidArgument("{} has arrays of different lengths; each should have {} entries, one a node",
                           where, n);
  }
  if (raw.category_segments.size() != raw.category_nodes.size() ||
      raw.category_sizes.size() != raw.category_nodes.size()) {
    return InvalidArgument("{}: categories_nodes, _segments and _sizes have different lengths", where);
  }
  return raw;
}

// Copies a node's categories to a bit set at the end of `tree`.
Status AddCategories(const RawTree& raw, size_t segment, std::string_view where, Tree& tree, TreeNode& node) {
  const int64_t begin = raw.category_segments[segment];
  const int64_t count = raw.category_sizes[segment];
  const auto known = static_cast<int64_t>(raw.categories.size());
  if (begin < 0 || count <= 0 || begin > known || count > known - begin) {
    return InvalidArgument("{}: a categorical split has {} categories from place {}, of {}", where, count,
                           begin, known);
  }
  const auto first = raw.categories.begin() + begin;
  const auto [lowest, highest] = std::minmax_element(first, first + count);
  if (*lowest < 0 || *highest > kMaxCategory) {
    return InvalidArgument("{}: a category should be between 0 and {}", where, kMaxCategory);
  }
  node.category_begin = static_cast<uint32_t>(tree.category_bits.size());
  node.category_words = static_cast<uint32_t>(*highest / 32 + 1);
  // A sparse set of huge categories must not become a huge model.
  if (tree.category_bits.size() + node.category_words > (size_t{1} << 24)) {
    return ResourceExhausted("{}: its sets of categories are too large", where);
  }
  tree.category_bits.resize(tree.category_bits.size() + node.category_words, 0);
  std::for_each(first, first + count, [&](int64_t category) {
    tree.category_bits[node.category_begin + static_cast<size_t>(category / 32)] |= uint32_t{1}
                                                                                    << (category % 32);
  });
  return Ok();
}

// Follows the children from the root, breadth first; nodes that nothing points to (pruned) fall away.
Result<Tree> BuildTree(const RawTree& raw, uint32_t num_features, std::string_view where) {
  const auto n = static_cast<int64_t>(raw.left.size());
  Tree tree;
  std::vector<int64_t> source = {0};  // index in the file, by index in `tree`
  std::vector<int> level = {0};
  std::vector<bool> seen(static_cast<size_t>(n), false);
  seen[0] = true;
  std::vector<int64_t> segment_of(static_cast<size_t>(n), -1);
  for (size_t i = 0; i < raw.category_nodes.size(); ++i) {
    const int64_t node = raw.category_nodes[i];
    if (node < 0 || node >= n)
      return InvalidArgument("{}: categories_nodes has {}, of {} nodes", where, node, n);
    segment_of[static_cast<size_t>(node)] = static_cast<int64_t>(i);
  }
  for (size_t at = 0; at < source.size(); ++at) {
    const auto from = static_cast<size_t>(source[at]);
    TreeNode node;
    node.value = raw.value[from];
    const int64_t left = raw.left[from];
    const int64_t right = raw.right[from];
    tree.depth = std::max(tree.depth, level[at]);
    if (left == -1) {
      if (!std::isfinite(node.value))
        return InvalidArgument("{}: leaf {} is not a finite number", where, from);
      tree.nodes.push_back(node);
      continue;
    }
    for (const int64_t child : {left, right}) {
      if (child <= 0 || child >= n) {
        return InvalidArgument("{}: node {} has the child {}; it should be between 1 and {}", where, from,
                               child, n - 1);
      }
      if (seen[static_cast<size_t>(child)]) {
        return InvalidArgument("{}: node {} is the child of two nodes, so this is no tree", where, child);
      }
      seen[static_cast<size_t>(child)] = true;
    }
    if (level[at] >= kMaxTreeDepth) {
      return ResourceExhausted("{} is deeper than {} levels", where, kMaxTreeDepth);
    }
    if (raw.feature[from] < 0 || raw.feature[from] >= num_features) {
      return InvalidArgument("{}: node {} splits on feature {}, of {}", where, from, raw.feature[from],
                             num_features);
    }
    node.feature = static_cast<uint32_t>(raw.feature[from]);
    node.default_left = raw.default_left[from] != 0;
    node.categorical = !raw.split_type.empty() && raw.split_type[from] == 1;
    if (node.categorical) {
      if (segment_of[from] < 0) return InvalidArgument("{}: node {} splits on no categories", where, from);
      MR_RETURN_IF_ERROR(AddCategories(raw, static_cast<size_t>(segment_of[from]), where, tree, node));
      node.value = 0;
    } else if (!std::isfinite(node.value)) {
      return InvalidArgument("{}: the threshold of node {} is not a finite number", where, from);
    }
    node.left = static_cast<int32_t>(source.size());
    source.insert(source.end(), {left, right});
    level.insert(level.end(), {level[at] + 1, level[at] + 1});
    tree.nodes.push_back(node);
  }
  return tree;
}

// "5E-1", or since 3.1 "[5E-1]" with one value an output.
Result<std::vector<float>> ParseBaseScore(std::string_view text) {
  std::vector<float> scores;
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  while (true) {
    const size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    auto score = ParseFloat(item);
    if (!score.ok()) return score.status().WithContext("learner_model_param.base_score");
    scores.push_back(*score);
    if (comma == std::string_view::npos) return scores;
    if (scores.size() > static_cast<size_t>(kMaxOutputs)) {
      return ResourceExhausted("base_score has more than {} values", kMaxOutputs);
    }
    text.remove_prefix(comma + 1);
  }
}

// A whole number of learner_model_param within bounds; `otherwise` where it is absent.
Result<int64_t> Parameter(const Document& parameters, std::string_view key, std::optional<int64_t> otherwise,
                          int64_t highest) {
  const Document* found = parameters.Find(key);
  if (found == nullptr && otherwise.has_value()) return *otherwise;
  if (found == nullptr) return InvalidArgument("learner_model_param has no field '{}'", key);
  MR_ASSIGN_OR_RETURN(const int64_t value, found->AsInt(fmt::format("learner_model_param.{}", key)));
  if (value < 0 || value > highest) {
    return InvalidArgument("learner_model_param.{} is {}; it should be between 0 and {}", key, value,
                           highest);
  }
  return value;
}

Status ReadParameters(const Document& learner, TreeEnsemble& ensemble) {
  MR_ASSIGN_OR_RETURN(const Document* parameters, learner.Get("learner_model_param", "learner"));
  MR_ASSIGN_OR_RETURN(const int64_t features,
                      Parameter(*parameters, "num_feature", std::nullopt, kMaxFeatures));
  MR_ASSIGN_OR_RETURN(const int64_t classes, Parameter(*parameters, "num_class", 0, kMaxOutputs));
  MR_ASSIGN_OR_RETURN(const int64_t targets, Parameter(*parameters, "num_target", 1, kMaxOutputs));
  ensemble.num_features = static_cast<uint32_t>(features);
  const auto outputs = static_cast<size_t>(std::max({classes, targets, int64_t{1}}));

  MR_ASSIGN_OR_RETURN(const Document* objective, learner.Get("objective", "learner"));
  MR_ASSIGN_OR_RETURN(const Document* name, objective->Get("name", "learner.objective"));
  MR_ASSIGN_OR_RETURN(const std::string_view objective_name, name->AsText("learner.objective.name"));
  ensemble.objective = std::string(objective_name);
  MR_ASSIGN_OR_RETURN(const Objective link, FindObjective(ensemble.objective));

  MR_ASSIGN_OR_RETURN(const Document* base, parameters->Get("base_score", "learner_model_param"));
  MR_ASSIGN_OR_RETURN(const std::string_view base_text, base->AsText("learner_model_param.base_score"));
  MR_ASSIGN_OR_RETURN(ensemble.base_margins, ParseBaseScore(base_text));
  if (ensemble.base_margins.size() == 1) ensemble.base_margins.resize(outputs, ensemble.base_margins[0]);
  if (ensemble.base_margins.size() != outputs) {
    return InvalidArgument("base_score has {} values for {} outputs", ensemble.base_margins.size(), outputs);
  }
  for (float& margin : ensemble.base_margins) {
    const float score = margin;
    margin = MarginOfScore(link, score);
    if (!std::isfinite(margin)) {
      return InvalidArgument("base_score is {}, which {} cannot start from", score, ensemble.objective);
    }
  }
  return Ok();
}

Status ReadFeatureNames(const Document& learner, TreeEnsemble& ensemble) {
  const Document* names = learner.Find("feature_names");
  if (names == nullptr) return Ok();
  const auto* items = std::get_if<Document::Array>(&names->value);
  if (items == nullptr)
    return InvalidArgument("learner.feature_names is {}; it should be an array", names->KindName());
  if (!items->empty() && items->size() != ensemble.num_features) {
    return InvalidArgument("learner.feature_names has {} names for {} features", items->size(),
                           ensemble.num_features);
  }
  for (const Document& item : *items) {
    MR_ASSIGN_OR_RETURN(const std::string_view name, item.AsText("learner.feature_names"));
    ensemble.feature_names.emplace_back(name);
  }
  return Ok();
}

// DART scales each tree; XGBoost multiplies the leaf in float32 before it adds.
Status ScaleTrees(const Document& booster, TreeEnsemble& ensemble) {
  MR_ASSIGN_OR_RETURN(const Document* weights_field, booster.Get("weight_drop", "gradient_booster"));
  MR_ASSIGN_OR_RETURN(const std::vector<float> weights,
                      weights_field->AsFloats("gradient_booster.weight_drop"));
  if (weights.size() != ensemble.trees.size()) {
    return InvalidArgument("weight_drop has {} values for {} trees", weights.size(), ensemble.trees.size());
  }
  for (size_t t = 0; t < weights.size(); ++t) {
    for (TreeNode& node : ensemble.trees[t].nodes) {
      if (!node.is_leaf()) continue;
      node.value *= weights[t];
      if (!std::isfinite(node.value))
        return InvalidArgument("tree {}: a weighted leaf is not a finite number", t);
    }
  }
  return Ok();
}

Status ReadTrees(const Document& model, TreeEnsemble& ensemble) {
  MR_ASSIGN_OR_RETURN(const Document* trees, model.Get("trees", "gradient_booster.model"));
  const auto* items = std::get_if<Document::Array>(&trees->value);
  if (items == nullptr) return InvalidArgument("model.trees is {}; it should be an array", trees->KindName());
  MR_ASSIGN_OR_RETURN(const Document* info_field, model.Get("tree_info", "gradient_booster.model"));
  MR_ASSIGN_OR_RETURN(const std::vector<int64_t> info, info_field->AsInts("model.tree_info"));
  if (info.size() != items->size() || items->size() > static_cast<size_t>(kMaxTrees)) {
    return InvalidArgument(
        "the model has {} trees and {} entries in tree_info; both should be equal and at most {}",
        items->size(), info.size(), kMaxTrees);
  }
  ensemble.trees.resize(items->size());
  std::vector<bool> placed(items->size(), false);
  for (size_t i = 0; i < items->size(); ++i) {
    const Document& item = (*items)[i];
    // A tree says its own place.
    auto id = static_cast<int64_t>(i);
    if (const Document* id_field = item.Find("id"); id_field != nullptr) {
      MR_ASSIGN_OR_RETURN(id, id_field->AsInt("tree.id"));
    }
    if (id < 0 || id >= static_cast<int64_t>(items->size()) || placed[static_cast<size_t>(id)]) {
      return InvalidArgument("tree {} has the id {}, which is taken or out of range", i, id);
    }
    placed[static_cast<size_t>(id)] = true;
    const std::string where = fmt::format("tree {}", id);
    if (const Document* parameters = item.Find("tree_param"); parameters != nullptr) {
      if (const Document* size = parameters->Find("size_leaf_vector"); size != nullptr) {
        MR_ASSIGN_OR_RETURN(const int64_t leaf_size, size->AsInt("tree_param.size_leaf_vector"));
        if (leaf_size > 1) {
          return Unimplemented(
              "{} has vector leaves (multi_strategy=multi_output_tree), which are not supported", where);
        }
      }
    }
    MR_ASSIGN_OR_RETURN(const RawTree raw, ReadArrays(item, where));
    MR_ASSIGN_OR_RETURN(Tree tree, BuildTree(raw, ensemble.num_features, where));
    const int64_t output = info[static_cast<size_t>(id)];
    if (output < 0 || output >= static_cast<int64_t>(ensemble.base_margins.size())) {
      return InvalidArgument("{} adds to output {}, of {}", where, output, ensemble.base_margins.size());
    }
    tree.output = static_cast<uint32_t>(output);
    ensemble.trees[static_cast<size_t>(id)] = std::move(tree);
  }
  return Ok();
}

Result<Document> ReadDocument(std::string_view bytes) {
  // Both begin with '{'; UBJSON goes on with the marker of a key's length.
  if (bytes.size() >= 2 && bytes[0] == '{' &&
      std::string_view("iUIlL").find(bytes[1]) != std::string_view::npos) {
    return ParseUbjDocument(bytes);
  }
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || bytes[first] != '{') {
    return InvalidArgument(
        "this is no XGBoost model in JSON or UBJSON (the binary format before XGBoost 3.1 is not read: save "
        "the "
        "model as model.json or model.ubj)");
  }
  return ParseJsonDocument(bytes);
}

}  // namespace

Result<TreeEnsemble> ReadXgboostModel(std::string_view bytes) {
  MR_ASSIGN_OR_RETURN(const Document document, ReadDocument(bytes));
  MR_ASSIGN_OR_RETURN(const Document* learner, document.Get("learner", "the model"));
  TreeEnsemble ensemble;
  MR_RETURN_IF_ERROR(ReadParameters(*learner, ensemble));
  MR_RETURN_IF_ERROR(ReadFeatureNames(*learner, ensemble));

  MR_ASSIGN_OR_RETURN(const Document* booster, learner->Get("gradient_booster", "learner"));
  MR_ASSIGN_OR_RETURN(const Document* name, booster->Get("name", "gradient_booster"));
  MR_ASSIGN_OR_RETURN(const std::string_view kind, name->AsText("gradient_booster.name"));
  if (kind != "gbtree" && kind != "dart") {
    return Unimplemented("the booster '{}' is not supported; gbtree and dart are", kind);
  }
  const Document* trees_of = booster;
  if (kind == "dart") {
    MR_ASSIGN_OR_RETURN(trees_of, booster->Get("gbtree", "gradient_booster"));
  }
  MR_ASSIGN_OR_RETURN(const Document* model, trees_of->Get("model", "gradient_booster"));
  MR_RETURN_IF_ERROR(ReadTrees(*model, ensemble));
  if (kind == "dart") MR_RETURN_IF_ERROR(ScaleTrees(*booster, ensemble));
  return ensemble;
}

}  // namespace millrace::inference::internal
