// The types that data has in Millrace, and one value of any of them.
//
// Types are kept exactly from a source to a served feature: an int64 never
// passes through a double, and null is neither 0 nor NaN nor "".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"

namespace millrace {

enum class DataType : uint8_t { kBool, kInt64, kDouble, kString, kTimestamp };

// "bool", "int64", "double", "string", "timestamp": as YAML and schemas write them.
std::string_view DataTypeName(DataType type);
std::optional<DataType> ParseDataType(std::string_view name);

struct Null {
  bool operator==(const Null&) const = default;
};

using Value = std::variant<Null, bool, int64_t, double, std::string, EventTime>;

inline bool IsNull(const Value& value) { return std::holds_alternative<Null>(value); }
// Empty for null.
std::optional<DataType> TypeOf(const Value& value);
// For messages: null, true, 42, 1.5, 'text', 2018-07-25T00:00:00Z.
std::string ToText(const Value& value);

}  // namespace millrace
