// The parameters of the trainer "xgboost": XGBoost's own names and meanings.
//
// A table of the names that XGBoost 3.2 knows for tree boosters, with type and
// bounds; a name outside it is refused with the nearest known one (XGBoost itself
// only warns), and a value of the wrong type or out of bounds says what would be
// right. Aliases of XGBoost (learning_rate, reg_lambda, …) are known and become
// their main name; both at once is an error.
//
// Source: XGBoost 3.2 documentation, "XGBoost Parameters", and the parameter
// structs of its sources. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_fwd.h"
#include "base/status.h"
#include "resource/diagnostics.h"

namespace millrace::training {

struct XgboostParameters {
  int64_t num_boost_round = 100;
  int64_t early_stopping_rounds = 0;                         // 0: none; else needs a validation table
  std::vector<std::pair<std::string, std::string>> booster;  // for XGBoosterSetParam, sorted by name
  std::vector<std::string> eval_metrics;                     // in order; the last one decides early stopping
  std::string objective = "binary:logistic";
  int64_t seed = 0;  // also in `booster`
};

// `parameters` is an object as the YAML has it. `seed` and `threads` hold where the
// parameters do not name their own. InvalidArgument lists every problem at once,
// a line each.
Result<XgboostParameters> ParseXgboostParameters(const Json& parameters, int64_t seed, int threads);

// What is wrong with them, by the parameter's name ("" for all of them together);
// empty when ParseXgboostParameters takes them.
std::vector<resource::FieldProblem> CheckXgboostParameters(const Json& parameters);

struct ParameterDescription {
  std::string name;
  std::string type;    // "integer", "number", "boolean", "one of", …
  std::string bounds;  // "(0, 1]", or the choices; "" for none
  std::string meaning;
};
// Every known name, sorted: for `explain` and the reference.
std::vector<ParameterDescription> DescribeXgboostParameters();

}  // namespace millrace::training
