#include "base/value.h"

#include <array>
#include <utility>

namespace millrace {
namespace {

constexpr std::array<std::pair<DataType, std::string_view>, 5> kNames = {
    {{DataType::kBool, "bool"},
     {DataType::kInt64, "int64"},
     {DataType::kDouble, "double"},
     {DataType::kString, "string"},
     {DataType::kTimestamp, "timestamp"}}};

struct TextOf {
  std::string operator()(Null) const { return "null"; }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(int64_t v) const { return fmt::format("{}", v); }
  std::string operator()(double v) const { return fmt::format("{}", v); }
  std::string operator()(const std::string& v) const { return fmt::format("'{}'", v); }
  std::string operator()(EventTime v) const { return FormatTime(v); }
};

}  // namespace

std::string_view DataTypeName(DataType type) {
  for (const auto& [known, name] : kNames) {
    if (known == type) return name;
  }
  return "unknown";
}

std::optional<DataType> ParseDataType(std::string_view name) {
  for (const auto& [type, known] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

std::optional<DataType> TypeOf(const Value& value) {
  if (IsNull(value)) return std::nullopt;
  return static_cast<DataType>(value.index() - 1);
}

std::string ToText(const Value& value) { return std::visit(TextOf{}, value); }

}  // namespace millrace
