#include "api/features/values.h"

#include <cmath>
#include <limits>

#include "base/json.h"

namespace millrace::api {
namespace {

Status Wrong(const Json& json, DataType type, const std::string& field) {
  return InvalidArgument("{} is {}, not of type {}", field, FormatJson(json), DataTypeName(type));
}

}  // namespace

Result<Value> ValueOf(const Json& json, DataType type, const std::string& field) {
  if (json.is_null()) return Value(Null{});
  switch (type) {
    case DataType::kBool:
      if (json.is_boolean()) return Value(json.get<bool>());
      break;
    case DataType::kInt64:
      // Beyond int64 the parser gives an unsigned number.
      if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})
        break;
      if (json.is_number_integer()) return Value(json.get<int64_t>());
      break;
    case DataType::kDouble:
      if (json.is_number()) return Value(json.get<double>());
      if (json == "NaN") return Value(std::numeric_limits<double>::quiet_NaN());
      if (json == "Infinity") return Value(std::numeric_limits<double>::infinity());
      if (json == "-Infinity") return Value(-std::numeric_limits<double>::infinity());
      break;
    case DataType::kString:
      if (json.is_string()) return Value(json.get<std::string>());
      break;
    case DataType::kTimestamp: {
      if (!json.is_string()) break;
      Result<EventTime> time = ParseTime(json.get<std::string>());
      if (!time.ok()) return time.status().WithContext(field);
      return Value(*time);
    }
  }
  return Wrong(json, type, field);
}

Json JsonOfDouble(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

Json JsonOf(const Value& value) {
  switch (value.index()) {
    case 1:
      return std::get<bool>(value);
    case 2:
      return std::get<int64_t>(value);
    case 3:
      return JsonOfDouble(std::get<double>(value));
    case 4:
      return std::get<std::string>(value);
    case 5:
      return FormatTime(std::get<EventTime>(value));
    default:
      return nullptr;
  }
}

}  // namespace millrace::api
