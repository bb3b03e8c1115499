// Cron schedules of five fields, as KEDA's cron trigger reads them: minute, hour,
// day of the month, month, day of the week.
//
//   MR_ASSIGN_OR_RETURN(CronSchedule schedule, CronSchedule::Parse("30 8 * * MON-FRI"));
//   schedule.Next(now, zone);
//
// A field is *, ?, a number, a range a-b, either with a step /n, or a list of
// these; months and weekdays have English names of three letters; Sunday is 0.
// When both days are restricted, either suffices (as in crontab(5)). A local time
// that a change of the clocks skips does not come that day; one shown twice comes
// twice: so does github.com/robfig/cron/v3, which KEDA uses. Without its "@daily"
// and "TZ=". Parsing is bounded and refuses with a sentence. Values; immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"
#include "base/time_zone.h"

namespace millrace::autoscale {

class CronSchedule {
 public:
  static Result<CronSchedule> Parse(std::string_view text);

  // The first instant after `after`; nothing when none comes within five years ("0 0 30 2 *").
  std::optional<EventTime> Next(EventTime after, const TimeZone& zone) const;

  const std::string& text() const { return text_; }

 private:
  bool MatchesDay(int64_t days) const;

  std::string text_;
  uint64_t minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;  // a bit for each value
  bool any_day_ = false, any_weekday_ = false;
};

}  // namespace millrace::autoscale
