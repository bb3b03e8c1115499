#include "inference/testing/models.h"

#include "base/json.h"

namespace millrace::inference::testing {

std::string StepModelJson(size_t num_features, size_t feature, float threshold, float below, float above) {
  const Json tree = {{"id", 0},
                     {"left_children", {1, -1, -1}},
                     {"right_children", {2, -1, -1}},
                     {"split_indices", {feature, 0, 0}},
                     {"split_conditions", {threshold, below, above}},
                     {"default_left", {0, 0, 0}}};
  const Json model = {{"tree_info", {0}}, {"trees", Json::array({tree})}};
  const Json parameters = {
      {"base_score", "0E0"}, {"num_class", "0"}, {"num_feature", std::to_string(num_features)}};
  return FormatJson(Json({{"learner",
                           {{"learner_model_param", parameters},
                            {"objective", {{"name", "reg:squarederror"}}},
                            {"gradient_booster", {{"name", "gbtree"}, {"model", model}}}}}}));
}

TreeModel StepModel(size_t num_features, size_t feature, float threshold, float below, float above) {
  return TreeModel::Parse(StepModelJson(num_features, feature, threshold, below, above)).value();
}

}  // namespace millrace::inference::testing
