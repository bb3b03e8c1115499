// Instants and lengths of time, as Millrace's data and YAML know them.
//
// EventTime is an instant in UTC, microseconds since 1970-01-01T00:00:00Z. Its
// text is RFC 3339. A text without a zone is UTC; one with an offset is
// converted. Precision below a microsecond is refused, never rounded.
//
// Lengths are std::chrono; in YAML they are "90s", "15m", "6h", "7d", "2w",
// "250ms", or sums of them such as "1d12h". A day is 24 hours.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

using Micros = std::chrono::microseconds;

struct EventTime {
  int64_t micros = 0;

  auto operator<=>(const EventTime&) const = default;
  friend EventTime operator+(EventTime t, Micros d) { return {t.micros + d.count()}; }
  friend EventTime operator-(EventTime t, Micros d) { return {t.micros - d.count()}; }
  friend Micros operator-(EventTime a, EventTime b) { return Micros(a.micros - b.micros); }
};

// "2018-07-25T00:00:00Z", with 3 or 6 digits of fraction where there is one.
std::string FormatTime(EventTime time);

// RFC 3339, a bare date, or a space in place of the T.
Result<EventTime> ParseTime(std::string_view text);

// "7d" → 7 days. Refuses negative, empty and overflowing lengths.
Result<Micros> ParseDuration(std::string_view text);

// The shortest text that ParseDuration reads back: "7d", "36h" → "1d12h".
std::string FormatDuration(Micros duration);

}  // namespace millrace
