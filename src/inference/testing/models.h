// Small models for tests of what serves models.
#pragma once

#include <cstddef>
#include <string>

#include "inference/tree_model.h"

namespace millrace::inference::testing {

// One tree: `below` where feature < threshold, else `above`; missing values go
// right. Identity objective, base score 0. JSON as XGBoost writes it.
std::string StepModelJson(size_t num_features, size_t feature, float threshold, float below, float above);
TreeModel StepModel(size_t num_features, size_t feature, float threshold, float below, float above);

}  // namespace millrace::inference::testing
