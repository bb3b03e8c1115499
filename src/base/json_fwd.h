// The name of base/json.h's value, for headers that only pass it on.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace millrace {

using Json = nlohmann::json;

}  // namespace millrace
