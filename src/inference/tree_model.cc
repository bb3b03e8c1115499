#include "inference/tree_model.h"

#include "base/file.h"
#include "inference/internal/compiled_forest.h"
#include "inference/internal/document.h"
#include "inference/internal/link.h"
#include "inference/internal/tree_ensemble.h"

namespace millrace::inference {

TreeModel::TreeModel() = default;
TreeModel::TreeModel(TreeModel&&) noexcept = default;
TreeModel& TreeModel::operator=(TreeModel&&) noexcept = default;
TreeModel::~TreeModel() = default;

Result<TreeModel> TreeModel::Load(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, internal::kMaxModelBytes));
  auto model = Parse(bytes);
  if (!model.ok()) return model.status().WithContext(path);
  return model;
}

Result<TreeModel> TreeModel::Parse(std::string_view bytes) {
  MR_ASSIGN_OR_RETURN(internal::TreeEnsemble ensemble, internal::ReadXgboostModel(bytes));
  return Compile(std::move(ensemble));
}

Result<TreeModel> TreeModel::Compile(internal::TreeEnsemble ensemble) {
  MR_ASSIGN_OR_RETURN(const internal::Objective objective, internal::FindObjective(ensemble.objective));
  MR_ASSIGN_OR_RETURN(internal::CompiledForest forest,
                      internal::CompileForest(ensemble, internal::DetectIsa()));
  TreeModel model;
  model.num_features_ = ensemble.num_features;
  model.num_outputs_ = ensemble.base_margins.size();
  model.num_trees_ = ensemble.trees.size();
  for (const internal::Tree& tree : ensemble.trees) model.num_nodes_ += tree.nodes.size();
  model.link_ = objective.link;
  model.objective_ = std::move(ensemble.objective);
  model.feature_names_ = std::move(ensemble.feature_names);
  model.forest_ = std::make_unique<const internal::CompiledForest>(std::move(forest));
  return model;
}

size_t TreeModel::num_predictions() const { return link_ == internal::Link::kArgMax ? 1 : num_outputs_; }

size_t TreeModel::memory_bytes() const { return forest_->memory_bytes(); }

void TreeModel::PredictMargin(std::span<const float> row, std::span<float> margins) const {
  MR_CHECK(row.size() == num_features_ && margins.size() == num_outputs_,
           "a row of {} values and {} margins for a model of {} and {}", row.size(), margins.size(),
           num_features_, num_outputs_);
  internal::PredictRow(*forest_, row.data(), margins.data());
}

void TreeModel::PredictMargins(std::span<const float> rows, std::span<float> margins) const {
  const size_t n = margins.size() / num_outputs_;
  MR_CHECK(margins.size() == n * num_outputs_ && rows.size() == n * num_features_,
           "{} values and {} margins for a model of {} and {} a row", rows.size(), margins.size(),
           num_features_, num_outputs_);
  internal::PredictRows(*forest_, rows.data(), n, margins.data());
}

void TreeModel::Transform(std::span<float> margins) const {
  internal::ApplyLink(link_, num_outputs_, margins);
}

}  // namespace millrace::inference
