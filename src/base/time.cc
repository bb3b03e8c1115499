#include "base/time.h"

#include <array>
#include <charconv>

#include "base/civil_time.h"

namespace millrace {
namespace {

struct Unit {
  std::string_view name;
  int64_t micros;
};
// Largest first, as FormatDuration writes them; weeks are read, not written.
constexpr std::array<Unit, 6> kUnits = {{{"d", kDayMicros},
                                         {"h", kHourMicros},
                                         {"m", kMinuteMicros},
                                         {"s", kSecondMicros},
                                         {"ms", 1000},
                                         {"us", 1}}};
constexpr Unit kWeek = {"w", 7 * kDayMicros};

const Unit* FindUnit(std::string_view name) {
  if (name == kWeek.name) return &kWeek;
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads exactly `width` digits at the front of `text`.
bool TakeNumber(std::string_view& text, size_t width, int& out) {
  if (text.size() < width) return false;
  out = 0;
  for (size_t i = 0; i < width; ++i) {
    if (!IsDigit(text[i])) return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return true;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456" → 123456; false on an empty fraction or one finer than a microsecond.
bool TakeFraction(std::string_view& text, int64_t& micros) {
  micros = 0;
  if (!TakeChar(text, '.')) return true;
  size_t digits = 0;
  while (!text.empty() && IsDigit(text.front())) {
    if (digits < 6) micros = micros * 10 + (text.front() - '0');
    if (digits >= 6 && text.front() != '0') return false;
    ++digits;
    text.remove_prefix(1);
  }
  for (size_t i = digits; i < 6; ++i) micros *= 10;
  return digits > 0;
}

// "Z", "+02:00", or nothing (UTC).
bool TakeOffset(std::string_view& text, int64_t& micros) {
  micros = 0;
  if (text.empty() || TakeChar(text, 'Z') || TakeChar(text, 'z')) return true;
  const bool east = text.front() == '+';
  if (!east && text.front() != '-') return false;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!TakeNumber(text, 2, hours)) return false;
  TakeChar(text, ':');
  if (!TakeNumber(text, 2, minutes) || hours > 23 || minutes > 59) return false;
  micros = (hours * 3600LL + minutes * 60LL) * kSecondMicros * (east ? 1 : -1);
  return true;
}

}  // namespace

std::string FormatTime(EventTime time) {
  const CivilDate date = CivilDate::Of(FloorDivide(time.micros, kDayMicros));
  const int64_t rest = FloorModulo(time.micros, kDayMicros);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day,
                                 rest / kHourMicros, rest / kMinuteMicros % 60, rest / kSecondMicros % 60);
  const int64_t fraction = rest % kSecondMicros;
  if (fraction != 0) {
    text += fraction % 1000 == 0 ? fmt::format(".{:03}", fraction / 1000) : fmt::format(".{:06}", fraction);
  }
  return text + "Z";
}

Result<EventTime> ParseTime(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument("'{}' is not a time: write it as 2018-07-25T13:30:00Z or 2018-07-25", text);
  };
  std::string_view rest = text;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!TakeNumber(rest, 4, year) || !TakeChar(rest, '-') || !TakeNumber(rest, 2, month) ||
      !TakeChar(rest, '-') || !TakeNumber(rest, 2, day)) {
    return bad();
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad();
  int64_t fraction = 0;
  int64_t offset = 0;
  if (!rest.empty()) {
    if (!TakeChar(rest, 'T') && !TakeChar(rest, 't') && !TakeChar(rest, ' ')) return bad();
    if (!TakeNumber(rest, 2, hour) || !TakeChar(rest, ':') || !TakeNumber(rest, 2, minute)) return bad();
    if (TakeChar(rest, ':') && !TakeNumber(rest, 2, second)) return bad();
    if (hour > 23 || minute > 59 || second > 59) return bad();
    if (!TakeFraction(rest, fraction) || !TakeOffset(rest, offset) || !rest.empty()) return bad();
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return EventTime{days * kDayMicros + (hour * 3600LL + minute * 60LL + second) * kSecondMicros + fraction -
                   offset};
}

Result<Micros> ParseDuration(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument("'{}' is not a length of time: write it as 90s, 15m, 6h, 7d or 1d12h", text);
  };
  if (text == "0") return Micros(0);
  if (text.empty()) return bad();
  int64_t total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc() || !IsDigit(rest.front())) return bad();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    size_t length = 0;
    while (length < rest.size() && !IsDigit(rest[length])) ++length;
    const Unit* unit = FindUnit(rest.substr(0, length));
    if (unit == nullptr) return bad();
    rest.remove_prefix(length);
    int64_t part = 0;
    if (__builtin_mul_overflow(count, unit->micros, &part) || __builtin_add_overflow(total, part, &total)) {
      return InvalidArgument("'{}' is longer than Millrace can count (292,000 years)", text);
    }
  }
  return Micros(total);
}

std::string FormatDuration(Micros duration) {
  if (duration.count() == 0) return "0s";
  std::string text;
  int64_t rest = duration.count();
  for (const Unit& unit : kUnits) {
    if (rest / unit.micros != 0) text += fmt::format("{}{}", rest / unit.micros, unit.name);
    rest %= unit.micros;
  }
  return text;
}

}  // namespace millrace
