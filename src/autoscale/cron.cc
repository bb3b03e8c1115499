#include "autoscale/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/civil_time.h"
#include "base/text.h"

namespace millrace::autoscale {
namespace {

struct Field {
  const char* name;
  int low, high;
  std::vector<std::string> names;  // of low, low + 1, …
};

const std::array<Field, 5>& Fields() {
  static const std::array<Field, 5> fields = {{
      {"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day of the month", 1, 31, {}},
      {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"day of the week", 0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
  }};
  return fields;
}

Result<int> ValueOf(const Field& field, std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto name = std::find(field.names.begin(), field.names.end(), lower);
  if (name != field.names.end()) return field.low + static_cast<int>(name - field.names.begin());
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < field.low || value > field.high) {
    return InvalidArgument("the {} '{}' is not one of {} to {}", field.name, text, field.low, field.high);
  }
  return value;
}

bool IsStar(std::string_view text) { return text == "*" || text == "?"; }

// One part of a list: "*", "5", "1-5", "*/15", "10-50/20", "5/15" (from 5 on).
Result<uint64_t> BitsOfPart(const Field& field, const std::string& part) {
  const std::vector<std::string> step_parts = Split(part, '/');
  if (step_parts.size() > 2) return InvalidArgument("the {} '{}' has two steps", field.name, part);
  const std::vector<std::string> ends = Split(step_parts[0], '-');
  if (ends.size() > 2) return InvalidArgument("the {} '{}' has two ranges", field.name, part);
  int low = field.low;
  int high = field.high;
  if (ends.size() > 1 || !IsStar(ends[0])) {
    MR_ASSIGN_OR_RETURN(low, ValueOf(field, ends[0]));
    high = low;
    if (ends.size() == 2) {
      MR_ASSIGN_OR_RETURN(high, ValueOf(field, ends[1]));
    } else if (step_parts.size() == 2) {
      high = field.high;
    }
  }
  if (low > high) return InvalidArgument("the {} '{}' ends before it begins", field.name, part);
  int step = 1;
  if (step_parts.size() == 2) {
    const std::string& text = step_parts[1];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step < 1) {
      return InvalidArgument("the step of the {} '{}' is no number of at least 1", field.name, part);
    }
    step = std::min(step, 64);
  }
  uint64_t bits = 0;
  for (int value = low; value <= high; value += step) bits |= uint64_t{1} << value;
  return bits;
}

Result<uint64_t> BitsOf(const Field& field, const std::string& text) {
  uint64_t bits = 0;
  for (const std::string& part : Split(text, ',')) {
    MR_ASSIGN_OR_RETURN(const uint64_t more, BitsOfPart(field, part));
    bits |= more;
  }
  return bits;
}

// robfig/cron's star bit: a part that begins with "*" or "?" and has no step above 1.
bool HasStar(const std::string& text) {
  const std::vector<std::string> parts = Split(text, ',');
  return std::any_of(parts.begin(), parts.end(),
                     [](const std::string& part) { return IsStar(part) || part == "*/1" || part == "?/1"; });
}

bool Has(uint64_t bits, int64_t value) { return ((bits >> value) & 1) != 0; }

}  // namespace

Result<CronSchedule> CronSchedule::Parse(std::string_view text) {
  constexpr size_t kLongest = 256;
  if (text.size() > kLongest) return InvalidArgument("a cron schedule has at most {} characters", kLongest);
  std::vector<std::string> words;
  for (const std::string& word : Split(text, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.size() != Fields().size()) {
    return InvalidArgument(
        "the cron schedule '{}' has {} fields; it needs 5: minute, hour, day of the month, month, day of the "
        "week",
        text, words.size());
  }
  CronSchedule schedule;
  schedule.text_ = std::string(text);
  const std::array<uint64_t*, 5> targets = {&schedule.minutes_, &schedule.hours_, &schedule.days_,
                                            &schedule.months_, &schedule.weekdays_};
  for (size_t i = 0; i < words.size(); ++i) {
    Result<uint64_t> bits = BitsOf(Fields()[i], words[i]);
    if (!bits.ok()) return bits.status().WithContext(fmt::format("the cron schedule '{}'", text));
    *targets[i] = *bits;
  }
  schedule.any_day_ = HasStar(words[2]);
  schedule.any_weekday_ = HasStar(words[4]);
  return schedule;
}

bool CronSchedule::MatchesDay(int64_t days) const {
  const bool day = Has(days_, CivilDate::Of(days).day);
  const bool weekday = Has(weekdays_, FloorModulo(days + 4, 7));  // 1970-01-01 was a Thursday
  return any_day_ || any_weekday_ ? day && weekday : day || weekday;
}

std::optional<EventTime> CronSchedule::Next(EventTime after, const TimeZone& zone) const {
  constexpr int64_t kHorizon = 5 * 366 * kDayMicros;
  constexpr int64_t kFurthest = int64_t{1} << 61;  // dates far beyond any plan: no sum below overflows
  if (after.micros > kFurthest || after.micros < -kFurthest) return std::nullopt;
  // The candidate is always the beginning of a minute; it jumps over days and hours that cannot match.
  EventTime t{(FloorDivide(after.micros, kMinuteMicros) + 1) * kMinuteMicros};
  while (t.micros - after.micros <= kHorizon) {
    const int64_t local = zone.ToLocal(t);
    const int64_t days = FloorDivide(local, kDayMicros);
    const int64_t of_day = FloorModulo(local, kDayMicros);
    EventTime next = t + Micros(kMinuteMicros);
    if (!Has(months_, CivilDate::Of(days).month) || !MatchesDay(days)) {
      next = std::max(next, zone.FromLocal((days + 1) * kDayMicros));
    } else if (!Has(hours_, of_day / kHourMicros)) {
      next = std::max(next, t + Micros(kHourMicros - of_day % kHourMicros));
    } else if (Has(minutes_, of_day % kHourMicros / kMinuteMicros)) {
      return t;
    }
    t = EventTime{FloorDivide(next.micros, kMinuteMicros) * kMinuteMicros};
  }
  return std::nullopt;
}

}  // namespace millrace::autoscale
