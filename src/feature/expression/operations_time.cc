#include "base/civil_time.h"
#include "base/time_zone.h"
#include "feature/exact_sum.h"
#include "feature/expression/operation.h"

namespace millrace::feature::expression {
namespace {

constexpr DataType kTime = DataType::kTimestamp;
constexpr DataType kInt = DataType::kInt64;
constexpr DataType kReal = DataType::kDouble;

int64_t Hour(int64_t local) { return FloorModulo(local, kDayMicros) / kHourMicros; }
int64_t Minute(int64_t local) { return FloorModulo(local, kHourMicros) / kMinuteMicros; }
int64_t Second(int64_t local) { return FloorModulo(local, kMinuteMicros) / kSecondMicros; }
// 1970-01-01 was a Thursday, 3 counting from Monday.
int64_t Weekday(int64_t local) { return FloorModulo(FloorDivide(local, kDayMicros) + 3, 7); }
int64_t Day(int64_t local) { return CivilDate::Of(FloorDivide(local, kDayMicros)).day; }
int64_t Month(int64_t local) { return CivilDate::Of(FloorDivide(local, kDayMicros)).month; }
int64_t Year(int64_t local) { return CivilDate::Of(FloorDivide(local, kDayMicros)).year; }
int64_t DayOfYear(int64_t local) {
  const int64_t day = FloorDivide(local, kDayMicros);
  return day - DaysFromCivil(CivilDate::Of(day).year, 1, 1) + 1;
}

// A part of the local time in the zone of `state`, in UTC without one.
template <int64_t (*kPart)(int64_t)>
bool Part(const Frame& frame) {
  const auto* zone = static_cast<const TimeZone*>(frame.state);
  if (zone == nullptr || zone->IsUtc()) return Total<kPart, int64_t, int64_t>(frame);
  const bool has_nulls = CombineValid(frame);
  const int64_t* times = frame.arguments[0].As<int64_t>();
  int64_t* out = frame.Out<int64_t>();
  for (size_t row = 0; row < frame.size; ++row) {
    // Times at the very ends of the range wrap; no calendar reaches there.
    const int64_t offset = zone->UtcOffset(EventTime{times[row]}).count();
    out[row] = kPart(static_cast<int64_t>(static_cast<uint64_t>(times[row]) + static_cast<uint64_t>(offset)));
  }
  return has_nulls;
}

double SecondsBetween(int64_t from, int64_t to) {
  return static_cast<double>(static_cast<Int128>(to) - from) / static_cast<double>(kSecondMicros);
}

template <int64_t (*kPart)(int64_t)>
Operation PartOperation(std::string_view name, std::string_view usage, std::string_view meaning) {
  return {.name = name,
          .usage = usage,
          .meaning = meaning,
          .takes_zone = true,
          .overloads = {{{kTime}, kInt, Part<kPart>}}};
}

}  // namespace

std::vector<Operation> TimeOperations() {
  return {PartOperation<Hour>("hour", "hour(time, zone)", "0 to 23; UTC without a zone, as in all of these"),
          PartOperation<Minute>("minute", "minute(time, zone)", "0 to 59"),
          PartOperation<Second>("second", "second(time, zone)", "0 to 59"),
          PartOperation<Weekday>("weekday", "weekday(time, zone)", "0 for Monday to 6 for Sunday"),
          PartOperation<Day>("day", "day(time, zone)", "day of the month, 1 to 31"),
          PartOperation<Month>("month", "month(time, zone)", "1 to 12"),
          PartOperation<Year>("year", "year(time, zone)", "the year"),
          PartOperation<DayOfYear>("day_of_year", "day_of_year(time, zone)", "1 to 366"),
          {.name = "seconds_between",
           .usage = "seconds_between(from, to)",
           .meaning = "to - from in seconds, a double",
           .min_arguments = 2,
           .max_arguments = 2,
           .overloads = {{{kTime, kTime}, kReal, Total<SecondsBetween, double, int64_t, int64_t>}}}};
}

}  // namespace millrace::feature::expression
