// LoadedModel: one version of a model in memory, checked and ready to predict.
//
// Made from a model package whose bytes have been verified (OpenPackage), and
// then checked against itself: the trees, the frozen FeatureService and the
// signature must agree on the number, names and order of the features. Immutable;
// shared by the endpoints and requests that use it, freed by the last of them.
//
//   MR_ASSIGN_OR_RETURN(registry::ModelPackage package, registry::OpenPackage(directory, digest));
//   MR_ASSIGN_OR_RETURN(LoadedModelPtr model, LoadedModel::Load("fraud", 3, std::move(package)));
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "feature/plan.h"
#include "inference/tree_model.h"
#include "registry/package.h"

namespace millrace::inference {

class LoadedModel;
using LoadedModelPtr = std::shared_ptr<const LoadedModel>;

class LoadedModel {
 public:
  // Reads the package's primary file and its service. InvalidArgument when they
  // do not fit together, DataLoss when the plan is not what was frozen.
  static Result<LoadedModelPtr> Load(std::string model_name, int64_t version, registry::ModelPackage package);
  // From parts that are already in memory; `plan` may be null.
  static Result<LoadedModelPtr> Create(std::string model_name, int64_t version, TreeModel trees,
                                       feature::ServicePlanPtr plan, registry::Signature signature,
                                       std::string digest = "");

  const std::string& model_name() const { return model_name_; }
  int64_t version() const { return version_; }
  // Of the package; "" when there is none.
  const std::string& digest() const { return digest_; }
  const TreeModel& trees() const { return trees_; }
  // How a vector is made from a request; null when the package froze none, and
  // then only feature tensors are taken.
  const feature::ServicePlanPtr& plan() const { return plan_; }
  // num_features() names, in order: the plan's, else the model's, else f0, f1…
  const std::vector<std::string>& feature_names() const { return feature_names_; }
  // The name of the prediction: the signature's, else "prediction".
  const std::string& output_name() const { return output_name_; }
  const registry::Signature& signature() const { return signature_; }

 private:
  LoadedModel(std::string model_name, int64_t version, TreeModel trees);
  Status Check() const;
  void NameTensors();

  std::string model_name_;
  int64_t version_ = 0;
  std::string digest_;
  TreeModel trees_;
  feature::ServicePlanPtr plan_;
  registry::Signature signature_;
  std::vector<std::string> feature_names_;
  std::string output_name_;
};

}  // namespace millrace::inference
