// Time zones by IANA name, read from the system's zoneinfo files.
//
//   MR_ASSIGN_OR_RETURN(TimeZone zone, TimeZone::Load("Europe/Zurich"));
//   zone.UtcOffset(t);                 // +1h or +2h, as at that instant
//   zone.FromLocal(wall_clock_micros); // the instant that a clock on the wall means
//
// A local time that a change of the clocks skips, or shows twice, is read with
// the offset in force before the change (as Python's fold=0 and java.time do):
// of a time shown twice the first is meant, and a skipped one lies as far after
// the change as the clock would have gone.
//
// Immutable and cheap to copy; safe to share between threads. The format is
// TZif (RFC 8536, versions 1 to 4), with the footer's rule for the years after
// the last listed change; the parser is bounded and refuses what it cannot read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"

namespace millrace {

class TimeZone {
 public:
  // UTC.
  TimeZone();
  // "UTC", "Z", a fixed offset such as "+05:30", or an IANA name. InvalidArgument
  // for a name that does not exist (with the nearest one that does).
  static Result<TimeZone> Load(std::string_view name);
  // The bytes of a TZif file.
  static Result<TimeZone> Parse(std::string_view name, std::string_view tzif);

  const std::string& name() const;
  bool IsUtc() const;
  // Local time minus UTC.
  Micros UtcOffset(EventTime time) const;
  // Microseconds since 1970-01-01T00:00:00 on the zone's clocks.
  int64_t ToLocal(EventTime time) const { return time.micros + UtcOffset(time).count(); }
  EventTime FromLocal(int64_t local_micros) const;

 private:
  struct Rules;
  explicit TimeZone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const Rules> rules_;  // shared: copies are the same zone; null for UTC
};

}  // namespace millrace
