// TreeModel: a gradient boosted tree ensemble, ready to predict.
//
// Read from what XGBoost writes (JSON or UBJSON, XGBoost 1.3 to 3.x; boosters
// gbtree and dart) and equal to XGBoost's own CPU predictor to the last bit of
// the float32 margin: the same comparisons in float32, the same treatment of
// missing values (NaN) and categories, and the same order of additions.
//
// Immutable once loaded: any number of threads may predict with one model.
// Predicting allocates nothing and cannot fail; a row of another length than
// num_features() is a broken invariant, so check it where input comes in.
//
//   MR_ASSIGN_OR_RETURN(TreeModel model, TreeModel::Load(path));
//   std::vector<float> score(model.num_outputs());
//   model.Predict(row, score);   // a probability, for binary:logistic
//
// Layout and kernels are described in README.md beside this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::inference {

namespace internal {
struct CompiledForest;
struct TreeEnsemble;
enum class Link : uint8_t;
}  // namespace internal

class TreeModel {
 public:
  // Reads a model file; its first bytes tell JSON from UBJSON. InvalidArgument,
  // in a sentence with the tree and node, when it is no model of a supported
  // kind or is not well formed (an index out of range, a cycle, a threshold
  // that is not finite…); ResourceExhausted above the limits of size.
  static Result<TreeModel> Load(const std::string& path);
  static Result<TreeModel> Parse(std::string_view bytes);

  TreeModel(TreeModel&&) noexcept;
  TreeModel& operator=(TreeModel&&) noexcept;
  ~TreeModel();

  size_t num_features() const { return num_features_; }
  // Margins a row: 1, or one a class or target.
  size_t num_outputs() const { return num_outputs_; }
  // Values that Transform leaves of a row: num_outputs(), but 1 for
  // multi:softmax, whose prediction is the number of the class.
  size_t num_predictions() const;
  size_t num_trees() const { return num_trees_; }
  size_t num_nodes() const { return num_nodes_; }
  // "binary:logistic", as the model says.
  const std::string& objective() const { return objective_; }
  // As the trainer knew them; empty when the model has none, else num_features().
  const std::vector<std::string>& feature_names() const { return feature_names_; }
  // Bytes held by the compiled trees.
  size_t memory_bytes() const;

  // The margin of one row: `row` has num_features() values, NaN for missing;
  // `margins` has num_outputs().
  void PredictMargin(std::span<const float> row, std::span<float> margins) const;

  // `rows` is row-major, n × num_features(); `margins` n × num_outputs().
  // One thread; callers that want more split the rows.
  void PredictMargins(std::span<const float> rows, std::span<float> margins) const;

  // Turns margins of n rows into predictions, as the objective does and in
  // float32 as XGBoost does: sigmoid, softmax, exp, or nothing. In place; with
  // multi:softmax the first n values are the classes.
  void Transform(std::span<float> margins) const;

  // PredictMargin, then Transform. `out` has num_outputs() values.
  void Predict(std::span<const float> row, std::span<float> out) const {
    PredictMargin(row, out);
    Transform(out);
  }

 private:
  TreeModel();
  static Result<TreeModel> Compile(internal::TreeEnsemble ensemble);

  size_t num_features_ = 0;
  size_t num_outputs_ = 1;
  size_t num_trees_ = 0;
  size_t num_nodes_ = 0;
  internal::Link link_{};
  std::string objective_;
  std::vector<std::string> feature_names_;
  std::unique_ptr<const internal::CompiledForest> forest_;
};

}  // namespace millrace::inference
