// A Model's definition as far as it can be judged before any data is read: the
// trainer's parameters, the metrics and the gates.
//
//   Status wrong = resource::ToStatus(CheckModelDefinition(spec));   // all of it, a line each
//
// Pure functions.
#pragma once

#include <vector>

#include "base/json_fwd.h"
#include "resource/diagnostics.h"
#include "resource/spec.h"

namespace millrace::training {

// By field: "spec.trainer.xgboost.eta", "spec.metrics[0].k", "spec.gates[1]".
std::vector<resource::FieldProblem> CheckModelDefinition(const resource::ModelSpec& spec);

// The parameters of one run: those of the model, with the run's own over them. Both are objects or null.
Json RunParameters(const Json& model, const Json& run);

// What a run's own parameters do wrong beside those of its model, by "spec.parameters.eta".
std::vector<resource::FieldProblem> CheckRunParameters(const Json& model, const Json& run);

}  // namespace millrace::training
