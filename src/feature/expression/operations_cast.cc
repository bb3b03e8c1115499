#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/civil_time.h"
#include "base/time.h"
#include "feature/expression/operation.h"

namespace millrace::feature::expression {
namespace {

constexpr DataType kString = DataType::kString;
constexpr DataType kInt = DataType::kInt64;
constexpr DataType kReal = DataType::kDouble;
constexpr DataType kBool = DataType::kBool;
constexpr DataType kTime = DataType::kTimestamp;

template <typename T>
T Same(T value) {
  return value;
}
double IntToDouble(int64_t value) { return static_cast<double>(value); }
double BoolToDouble(uint8_t value) { return value; }
int64_t BoolToInt(uint8_t value) { return value; }
uint8_t IntToBool(int64_t value) { return value != 0 ? 1 : 0; }

bool DoubleToBool(double value, uint8_t& out) {
  out = value != 0 ? 1 : 0;
  return !std::isnan(value);
}

bool DoubleToInt(double value, int64_t& out) {
  if (!(value >= -0x1p63 && value < 0x1p63)) return false;
  out = static_cast<int64_t>(value);
  return true;
}

template <typename T>
bool ParseNumber(Text text, T& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end;
}

bool TextToBool(Text text, uint8_t& out) {
  out = text == "true" ? 1 : 0;
  return text == "true" || text == "false";
}

bool TextToTime(Text text, int64_t& out) {
  const Result<EventTime> time = ParseTime(text);
  if (time.ok()) out = time->micros;
  return time.ok();
}

constexpr size_t kLongestNumber = 40;

template <typename T>
bool NumberToText(T value, TextArena& arena, Text& out) {
  char* place = arena.Allocate(kLongestNumber);
  const auto end = fmt::format_to_n(place, kLongestNumber, "{}", value);
  out = Text(place, end.size);
  return true;
}

Text BoolToText(uint8_t value) { return value != 0 ? "true" : "false"; }

// As FormatTime; null outside the years 0 to 9999, which ParseTime would not read back.
bool TimeToText(int64_t micros, TextArena& arena, Text& out) {
  const CivilDate date = CivilDate::Of(FloorDivide(micros, kDayMicros));
  if (date.year < 0 || date.year > 9999) return false;
  const int64_t rest = FloorModulo(micros, kDayMicros);
  const int64_t fraction = rest % kSecondMicros;
  char* const place = arena.Allocate(kLongestNumber);
  char* end = fmt::format_to(place, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day,
                             rest / kHourMicros, rest / kMinuteMicros % 60, rest / kSecondMicros % 60);
  if (fraction != 0) {
    end = fraction % 1000 == 0 ? fmt::format_to(end, ".{:03}", fraction / 1000)
                               : fmt::format_to(end, ".{:06}", fraction);
  }
  *end++ = 'Z';
  out = Text(place, static_cast<size_t>(end - place));
  return true;
}

Operation Cast(std::string_view name, std::string_view usage, std::string_view meaning,
               std::vector<Overload> overloads) {
  return {.name = name, .usage = usage, .meaning = meaning, .overloads = std::move(overloads)};
}

}  // namespace

std::vector<Operation> CastOperations() {
  Operation to_text = Cast("string", "string(x)", "as text; the shortest digits that read back",
                           {{{kString}, kString, Total<Same<Text>, Text, Text>},
                            {{kInt}, kString, Building<NumberToText<int64_t>, int64_t>},
                            {{kReal}, kString, Building<NumberToText<double>, double>},
                            {{kBool}, kString, Total<BoolToText, Text, uint8_t>},
                            {{kTime}, kString, Building<TimeToText, int64_t>}});
  to_text.builds_text = true;
  return {
      Cast("double", "double(x)", "an int64 to the nearest, true as 1, or a text in digits",
           {{{kReal}, kReal, Total<Same<double>, double, double>},
            {{kInt}, kReal, Total<IntToDouble, double, int64_t>},
            {{kBool}, kReal, Total<BoolToDouble, double, uint8_t>},
            {{kString}, kReal, Partial<ParseNumber<double>, double, Text>}}),
      Cast("int64", "int64(x)",
           "a double without its fraction, true as 1, a text in digits, a time in microseconds since 1970",
           {{{kInt}, kInt, Total<Same<int64_t>, int64_t, int64_t>},
            {{kReal}, kInt, Partial<DoubleToInt, int64_t, double>},
            {{kBool}, kInt, Total<BoolToInt, int64_t, uint8_t>},
            {{kString}, kInt, Partial<ParseNumber<int64_t>, int64_t, Text>},
            {{kTime}, kInt, Total<Same<int64_t>, int64_t, int64_t>}}),
      std::move(to_text),
      Cast("bool", "bool(x)", "a number that is not 0, or the text 'true' or 'false'",
           {{{kBool}, kBool, Total<Same<uint8_t>, uint8_t, uint8_t>},
            {{kInt}, kBool, Total<IntToBool, uint8_t, int64_t>},
            {{kReal}, kBool, Partial<DoubleToBool, uint8_t, double>},
            {{kString}, kBool, Partial<TextToBool, uint8_t, Text>}}),
      Cast("timestamp", "timestamp(x)", "a text as 2018-07-25T13:30:00Z, or microseconds since 1970",
           {{{kTime}, kTime, Total<Same<int64_t>, int64_t, int64_t>},
            {{kInt}, kTime, Total<Same<int64_t>, int64_t, int64_t>},
            {{kString}, kTime, Partial<TextToTime, int64_t, Text>}})};
}

}  // namespace millrace::feature::expression
