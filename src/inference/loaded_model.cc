#include "inference/loaded_model.h"

#include <utility>

#include "base/json.h"

namespace millrace::inference {
namespace {

// The frozen FeatureService; null for a package that froze none.
Result<feature::ServicePlanPtr> ReadPlan(const registry::ModelPackage& package) {
  if (package.service_json.empty()) return feature::ServicePlanPtr();
  auto json = ParseJson(package.service_json);
  if (!json.ok()) return json.status().WithContext("service.json");
  if (json->is_object() && json->empty()) return feature::ServicePlanPtr();
  auto plan = feature::ServicePlan::FromJson(*json);
  if (!plan.ok()) return plan.status().WithContext("service.json");
  return std::move(*plan);
}

// The first difference between two lists of names, as a sentence.
Status CompareNames(const std::vector<std::string>& expected, std::string_view who,
                    const std::vector<std::string>& found, std::string_view other) {
  if (expected.size() != found.size()) {
    return InvalidArgument("{} has {} features, {} has {}", who, expected.size(), other, found.size());
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] != found[i]) {
      return InvalidArgument("feature {} is '{}' in {} and '{}' in {}: their order must be the same", i,
                             expected[i], who, found[i], other);
    }
  }
  return Ok();
}

std::vector<std::string> NamesOf(const std::vector<registry::TensorField>& fields) {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const registry::TensorField& field : fields) names.push_back(field.name);
  return names;
}

}  // namespace

LoadedModel::LoadedModel(std::string model_name, int64_t version, TreeModel trees)
    : model_name_(std::move(model_name)), version_(version), trees_(std::move(trees)) {}

Result<LoadedModelPtr> LoadedModel::Load(std::string model_name, int64_t version,
                                         registry::ModelPackage package) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, registry::ReadPackageFile(package, package.model_file));
  auto parsed = TreeModel::Parse(bytes);
  if (!parsed.ok()) return parsed.status().WithContext(package.model_path());
  TreeModel trees = std::move(*parsed);
  MR_ASSIGN_OR_RETURN(feature::ServicePlanPtr plan, ReadPlan(package));
  auto loaded = Create(std::move(model_name), version, std::move(trees), std::move(plan),
                       std::move(package.signature), std::move(package.digest));
  if (!loaded.ok()) return loaded.status().WithContext(package.directory);
  return loaded;
}

Result<LoadedModelPtr> LoadedModel::Create(std::string model_name, int64_t version, TreeModel trees,
                                           feature::ServicePlanPtr plan, registry::Signature signature,
                                           std::string digest) {
  std::shared_ptr<LoadedModel> model(new LoadedModel(std::move(model_name), version, std::move(trees)));
  model->digest_ = std::move(digest);
  model->plan_ = std::move(plan);
  model->signature_ = std::move(signature);
  MR_RETURN_IF_ERROR(model->Check());
  model->NameTensors();
  return LoadedModelPtr(std::move(model));
}

void LoadedModel::NameTensors() {
  if (plan_ != nullptr) {
    feature_names_ = plan_->InputNames();
  } else if (!signature_.inputs.empty()) {
    feature_names_ = NamesOf(signature_.inputs);
  } else if (!trees_.feature_names().empty()) {
    feature_names_ = trees_.feature_names();
  } else {
    for (size_t i = 0; i < trees_.num_features(); ++i) feature_names_.push_back(fmt::format("f{}", i));
  }
  output_name_ = signature_.outputs.size() == 1 ? signature_.outputs.front().name : "prediction";
}

Status LoadedModel::Check() const {
  if (plan_ != nullptr) {
    const std::vector<std::string> names = plan_->InputNames();
    if (names.size() != trees_.num_features()) {
      return InvalidArgument("the model has {} features, its FeatureService '{}' gives {}",
                             trees_.num_features(), plan_->name, names.size());
    }
    if (!trees_.feature_names().empty()) {
      MR_RETURN_IF_ERROR(CompareNames(names, "the FeatureService", trees_.feature_names(), "the model file"));
    }
    if (!signature_.inputs.empty()) {
      MR_RETURN_IF_ERROR(
          CompareNames(names, "the FeatureService", NamesOf(signature_.inputs), "signature.json"));
    }
  } else if (!signature_.inputs.empty() && signature_.inputs.size() != trees_.num_features()) {
    return InvalidArgument("the model has {} features, signature.json has {}", trees_.num_features(),
                           signature_.inputs.size());
  }
  return Ok();
}

}  // namespace millrace::inference
