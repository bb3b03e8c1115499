#include "source/internal/typed_value.h"

#include <charconv>
#include <cmath>

#include "base/json.h"

namespace millrace::source::internal {
namespace {

constexpr size_t kShown = 60;  // of a value in a message

std::string Shown(std::string_view text) {
  if (text.size() <= kShown) return fmt::format("'{}'", text);
  return fmt::format("'{}…'", text.substr(0, kShown));
}

Status NotA(std::string_view shown, DataType type) {
  return InvalidArgument("{} is no {}", shown, DataTypeName(type));
}

template <typename T>
bool ParseNumber(std::string_view text, T& number) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// "…Z" or "…+02:00"; a bare date has neither.
bool HasZone(std::string_view text) {
  if (text.empty()) return false;
  if (text.back() == 'Z' || text.back() == 'z') return true;
  if (text.size() < 16) return false;
  const char sign = text[text.size() - 6];
  return (sign == '+' || sign == '-') && text[text.size() - 3] == ':';
}

// 2^63, the first double beyond int64; exact.
constexpr double kInt64End = 9223372036854775808.0;

Result<Value> DoubleTo(double value, DataType to) {
  if (to == DataType::kInt64) {
    if (std::trunc(value) != value || value < -kInt64End || value >= kInt64End) {
      return NotA(fmt::format("{}", value), to);
    }
    return Value(static_cast<int64_t>(value));
  }
  if (to == DataType::kString) return Value(fmt::format("{}", value));
  return NotA(fmt::format("{}", value), to);
}

Result<Value> IntTo(int64_t value, DataType to) {
  switch (to) {
    case DataType::kDouble: {
      const auto nearest = static_cast<double>(value);
      if (nearest >= kInt64End || static_cast<int64_t>(nearest) != value) {
        return InvalidArgument("{} has more digits than a double keeps", value);
      }
      return Value(nearest);
    }
    case DataType::kBool:
      if (value == 0 || value == 1) return Value(value == 1);
      break;
    case DataType::kString:
      return Value(fmt::format("{}", value));
    default:
      break;
  }
  return NotA(fmt::format("{}", value), to);
}

}  // namespace

Result<EventTime> ParseTimestamp(std::string_view text, const TimeZone& zone) {
  MR_ASSIGN_OR_RETURN(const EventTime time, ParseTime(text));
  return zone.IsUtc() || HasZone(text) ? time : zone.FromLocal(time.micros);
}

Result<Value> ParseText(std::string_view text, DataType type, const TimeZone& zone) {
  switch (type) {
    case DataType::kString:
      return Value(std::string(text));
    case DataType::kInt64: {
      int64_t number = 0;
      if (ParseNumber(text, number)) return Value(number);
      break;
    }
    case DataType::kDouble: {
      double number = 0;
      if (ParseNumber(text, number)) return Value(number);
      break;
    }
    case DataType::kBool:
      if (EqualsIgnoringCase(text, "true") || text == "1") return Value(true);
      if (EqualsIgnoringCase(text, "false") || text == "0") return Value(false);
      break;
    case DataType::kTimestamp: {
      MR_ASSIGN_OR_RETURN(const EventTime time, ParseTimestamp(text, zone));
      return Value(time);
    }
  }
  return NotA(Shown(text), type);
}

Result<Value> FromJson(const Json& json, DataType type, const TimeZone& zone) {
  if (json.is_null()) return Value(Null{});
  if (json.is_structured()) return InvalidArgument("a list or an object is no {}", DataTypeName(type));
  switch (type) {
    case DataType::kBool:
      if (json.is_boolean()) return Value(json.get<bool>());
      break;
    case DataType::kInt64:
      // Unsigned ones are those that are not negative.
      if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX}) break;
      if (json.is_number_integer()) return Value(json.get<int64_t>());
      break;
    case DataType::kDouble:
      if (json.is_number()) return Value(json.get<double>());
      break;
    case DataType::kString:
      if (json.is_string()) return Value(json.get<std::string>());
      break;
    case DataType::kTimestamp:
      if (json.is_string()) return ParseText(json.get_ref<const std::string&>(), type, zone);
      break;
  }
  return NotA(Shown(FormatJson(json)), type);
}

bool IsCastable(DataType from, DataType to) {
  if (from == to || from == DataType::kString || to == DataType::kString) return true;
  if (from == DataType::kTimestamp || to == DataType::kTimestamp) return false;
  return (from == DataType::kInt64) || (to == DataType::kInt64);
}

Result<Value> CastExactly(const Value& value, DataType to, const TimeZone& zone) {
  const std::optional<DataType> from = TypeOf(value);
  if (!from || *from == to) return value;
  switch (*from) {
    case DataType::kString:
      return ParseText(std::get<std::string>(value), to, zone);
    case DataType::kDouble:
      return DoubleTo(std::get<double>(value), to);
    case DataType::kInt64:
      return IntTo(std::get<int64_t>(value), to);
    case DataType::kBool:
      if (to == DataType::kString) return Value(std::string(std::get<bool>(value) ? "true" : "false"));
      return Value(int64_t{std::get<bool>(value) ? 1 : 0});
    case DataType::kTimestamp:
      return Value(FormatTime(std::get<EventTime>(value)));
  }
  return NotA(ToText(value), to);
}

}  // namespace millrace::source::internal
