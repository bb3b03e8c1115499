// The names of XGBoost's parameters that the trainer knows, with type and bounds.
// Constant; thread safe. Read through ParseXgboostParameters.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

namespace millrace::training::internal {

enum class Kind { kInteger, kNumber, kBoolean, kChoice, kConstraints, kMetrics };

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Rule {
  std::string_view name;
  Kind kind;
  double low = -kInfinity;  // of integers and numbers, inclusive …
  double high = kInfinity;
  bool open_low = false;          // … unless this is set
  std::string_view choices = "";  // of kChoice, separated by spaces
  std::string_view alias_of = "";
  std::string_view meaning = "";
};

inline constexpr double kMaxCount = 1e6;

// Sorted by name. Bounds are those that XGBoost 3.2 declares (src/tree/param.h, src/gbm/gbtree_model.h and so
// on).
inline constexpr std::array kRules{
    Rule{.name = "alpha", .kind = Kind::kNumber, .low = 0, .meaning = "L1 regularization of leaf weights"},
    Rule{.name = "base_score",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .open_low = true,
         .meaning = "the prediction before the first tree; estimated from the labels when unset"},
    Rule{.name = "booster", .kind = Kind::kChoice, .choices = "gbtree dart", .meaning = "which booster"},
    Rule{.name = "colsample_bylevel",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .open_low = true,
         .meaning = "share of columns for each level"},
    Rule{.name = "colsample_bynode",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .open_low = true,
         .meaning = "share of columns for each split"},
    Rule{.name = "colsample_bytree",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .open_low = true,
         .meaning = "share of columns for each tree"},
    Rule{.name = "device", .kind = Kind::kChoice, .choices = "cpu", .meaning = "where to train"},
    Rule{.name = "early_stopping_rounds",
         .kind = Kind::kInteger,
         .low = 0,
         .high = kMaxCount,
         .meaning =
             "stop when the last eval_metric of the validation rows has not improved for so many rounds"},
    Rule{.name = "eta", .kind = Kind::kNumber, .low = 0, .high = 1, .meaning = "learning rate"},
    Rule{.name = "eval_metric",
         .kind = Kind::kMetrics,
         .choices = "logloss auc aucpr error rmse mae",
         .meaning = "a metric or a list of them, computed each round"},
    Rule{.name = "gamma", .kind = Kind::kNumber, .low = 0, .meaning = "least loss reduction of a split"},
    Rule{.name = "grow_policy",
         .kind = Kind::kChoice,
         .choices = "depthwise lossguide",
         .meaning = "which node to split next"},
    Rule{.name = "interaction_constraints",
         .kind = Kind::kConstraints,
         .meaning = "groups of features, by number, that may interact"},
    Rule{.name = "lambda", .kind = Kind::kNumber, .low = 0, .meaning = "L2 regularization of leaf weights"},
    Rule{.name = "learning_rate", .kind = Kind::kNumber, .low = 0, .high = 1, .alias_of = "eta"},
    Rule{.name = "max_bin",
         .kind = Kind::kInteger,
         .low = 2,
         .high = 1 << 20,
         .meaning = "bins of a feature's histogram"},
    Rule{.name = "max_cached_hist_node",
         .kind = Kind::kInteger,
         .low = 1,
         .high = kMaxCount,
         .meaning = "nodes whose histograms are kept"},
    Rule{.name = "max_delta_step",
         .kind = Kind::kNumber,
         .low = 0,
         .meaning = "most that a leaf's weight may be"},
    Rule{.name = "max_depth",
         .kind = Kind::kInteger,
         .low = 0,
         .high = 64,
         .meaning = "depth of a tree; 0 is no limit"},
    Rule{.name = "max_leaves",
         .kind = Kind::kInteger,
         .low = 0,
         .high = kMaxCount,
         .meaning = "leaves of a tree; 0 is no limit"},
    Rule{.name = "min_child_weight",
         .kind = Kind::kNumber,
         .low = 0,
         .meaning = "least sum of hessians in a child"},
    Rule{.name = "min_split_loss", .kind = Kind::kNumber, .low = 0, .alias_of = "gamma"},
    Rule{
        .name = "monotone_constraints", .kind = Kind::kConstraints, .meaning = "-1, 0 or 1 for each feature"},
    Rule{.name = "normalize_type",
         .kind = Kind::kChoice,
         .choices = "tree forest",
         .meaning = "dart: weights of dropped trees"},
    Rule{.name = "nthread", .kind = Kind::kInteger, .low = 1, .high = 1024, .meaning = "threads"},
    Rule{.name = "num_boost_round",
         .kind = Kind::kInteger,
         .low = 1,
         .high = kMaxCount,
         .meaning = "rounds of boosting"},
    Rule{.name = "num_parallel_tree",
         .kind = Kind::kInteger,
         .low = 1,
         .high = 10'000,
         .meaning = "trees of each round"},
    Rule{.name = "objective",
         .kind = Kind::kChoice,
         .choices = "binary:logistic reg:logistic",
         .meaning = "what is learned: a probability"},
    Rule{.name = "one_drop", .kind = Kind::kBoolean, .meaning = "dart: always drop at least one tree"},
    Rule{.name = "random_state", .kind = Kind::kInteger, .low = 0, .high = 2147483647, .alias_of = "seed"},
    Rule{.name = "rate_drop",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .meaning = "dart: share of trees dropped"},
    Rule{.name = "refresh_leaf",
         .kind = Kind::kBoolean,
         .meaning = "whether the refresh updater updates leaves"},
    Rule{.name = "reg_alpha", .kind = Kind::kNumber, .low = 0, .alias_of = "alpha"},
    Rule{.name = "reg_lambda", .kind = Kind::kNumber, .low = 0, .alias_of = "lambda"},
    Rule{.name = "sample_type",
         .kind = Kind::kChoice,
         .choices = "uniform weighted",
         .meaning = "dart: how trees to drop are chosen"},
    Rule{.name = "sampling_method",
         .kind = Kind::kChoice,
         .choices = "uniform",
         .meaning = "how rows are sampled"},
    Rule{.name = "scale_pos_weight",
         .kind = Kind::kNumber,
         .low = 0,
         .open_low = true,
         .meaning = "weight of positive rows"},
    Rule{.name = "seed",
         .kind = Kind::kInteger,
         .low = 0,
         .high = 2147483647,
         .meaning = "of all that is random"},
    Rule{.name = "seed_per_iteration", .kind = Kind::kBoolean, .meaning = "seed by the number of the round"},
    Rule{.name = "skip_drop",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .meaning = "dart: chance of a round without dropping"},
    Rule{.name = "subsample",
         .kind = Kind::kNumber,
         .low = 0,
         .high = 1,
         .open_low = true,
         .meaning = "share of rows for each tree"},
    Rule{.name = "tree_method",
         .kind = Kind::kChoice,
         .choices = "auto exact approx hist",
         .meaning = "how splits are found"},
    Rule{.name = "validate_parameters",
         .kind = Kind::kBoolean,
         .meaning = "whether XGBoost checks names, too"},
    Rule{
        .name = "verbosity", .kind = Kind::kInteger, .low = 0, .high = 3, .meaning = "how much XGBoost logs"},
};

inline const Rule* FindRule(std::string_view name) {
  const auto* it =
      std::lower_bound(kRules.begin(), kRules.end(), name,
                       [](const Rule& rule, std::string_view wanted) { return rule.name < wanted; });
  return it != kRules.end() && it->name == name ? it : nullptr;
}

}  // namespace millrace::training::internal
