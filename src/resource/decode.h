// A validated spec as one of the structs of spec.h, with every default that the
// kind's description states filled in.
//
//   MR_ASSIGN_OR_RETURN(ModelSpec spec, DecodeSpec<ModelSpec>(resource));
//
// Fails with InvalidArgument, naming the field, when the spec is not valid (a
// resource that Admit let in always is). Pure; thread safe.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "resource/resource.h"
#include "resource/spec.h"

namespace millrace::resource {

// Spec is one of DataSourceSpec, FeatureViewSpec, FeatureServiceSpec, ModelSpec,
// TrainingJobSpec, ModelEndpointSpec, ComputePoolSpec, ProjectSpec.
template <typename Spec>
Result<Spec> DecodeSpec(const Json& spec);

template <>
Result<DataSourceSpec> DecodeSpec<DataSourceSpec>(const Json& spec);
template <>
Result<FeatureViewSpec> DecodeSpec<FeatureViewSpec>(const Json& spec);
template <>
Result<FeatureServiceSpec> DecodeSpec<FeatureServiceSpec>(const Json& spec);
template <>
Result<ModelSpec> DecodeSpec<ModelSpec>(const Json& spec);
template <>
Result<TrainingJobSpec> DecodeSpec<TrainingJobSpec>(const Json& spec);
template <>
Result<ModelEndpointSpec> DecodeSpec<ModelEndpointSpec>(const Json& spec);
template <>
Result<ComputePoolSpec> DecodeSpec<ComputePoolSpec>(const Json& spec);
template <>
Result<ProjectSpec> DecodeSpec<ProjectSpec>(const Json& spec);

template <typename Spec>
Result<Spec> DecodeSpec(const Resource& resource) {
  Result<Spec> spec = DecodeSpec<Spec>(resource.spec);
  if (!spec.ok()) return spec.status().WithContext(resource.Key().ToString());
  return spec;
}

// The spec with the description's constant defaults added where fields are missing.
Json WithDefaults(std::string_view kind, const Json& spec);

// "fraud@champion", "fraud:3", "fraud" (= fraud@champion).
struct ModelReference {
  std::string model;
  std::string alias;  // "" when a version is pinned
  std::optional<int64_t> version;
};
Result<ModelReference> ParseModelReference(std::string_view text);

// "2Gi", "512Mi", "1.5G", "4096" → bytes.
Result<int64_t> ParseQuantity(std::string_view text);
std::string FormatQuantity(int64_t bytes);

// The name of a view's feature over one window: "tx_count_1d".
std::string FeatureColumnName(std::string_view feature, Micros window);

}  // namespace millrace::resource
