// Values of data as JSON and back, typed: what a feature request says and gets.
// Pure functions.
#pragma once

#include <string>

#include "base/json_fwd.h"
#include "base/status.h"
#include "base/value.h"

namespace millrace::api {

// A JSON value as one of that type. null is Null. InvalidArgument names `field`:
// an int64 takes whole numbers only, a timestamp RFC 3339 text, a double any
// number or "NaN", "Infinity", "-Infinity".
Result<Value> ValueOf(const Json& json, DataType type, const std::string& field);

Json JsonOf(const Value& value);
Json JsonOfDouble(double value);

}  // namespace millrace::api
