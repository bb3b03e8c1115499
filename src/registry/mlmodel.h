// The file MLmodel: what MLflow's own tools read of a package, so that
// `mlflow.pyfunc.load_model(directory)` and `mlflow.xgboost.load_model` work.
// Written only; Millrace never reads it. Pure.
#pragma once

#include <string>

#include "registry/package.h"

namespace millrace::registry {

std::string MlmodelYaml(const PackageContents& contents, const std::string& model_file);

}  // namespace millrace::registry
