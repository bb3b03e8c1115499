// Traffic over time, to be replayed by the simulator: read from a file, or made.
//
// CSV with a header, or JSON lines with the same names:
//
//   time,rate,service_ms          requests a second from this time to the next row's (Poisson)
//   time,arrivals                 so many requests between this time and the next row's
//   time                          one request at exactly this time
//
// `time` is seconds from the beginning, or RFC 3339; rows are in order of time.
// `service_ms` is optional everywhere: the mean time a request takes to serve.
// The last row of rates or arrivals lasts as long as the one before it (one: 60 s).
//
// ParseTrace is bounded and refuses with the line. Values; free to share once made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace::autoscale {

enum class Arrivals { kRate, kCount, kRequest };

struct TraceInterval {
  Micros begin{0};        // from the beginning of the trace
  double value = 0;       // kRate: requests a second; kCount: requests; kRequest: 1
  double service_ms = 0;  // 0: as the replicas' model says
};

struct Trace {
  std::string name;
  EventTime start;
  Arrivals arrivals = Arrivals::kRate;
  std::vector<TraceInterval> intervals;  // begin rises; strictly, but for kRequest
  Micros duration{0};

  Micros EndOf(size_t interval) const {
    return interval + 1 < intervals.size() ? intervals[interval + 1].begin : duration;
  }
  double Requests() const;  // that are to be expected
  double PeakRate() const;  // requests a second, over an interval
};

Result<Trace> ParseTrace(std::string_view text, std::string_view name);
// A file of at most 256 MiB.
Result<Trace> ReadTrace(const std::string& path);

// A trace that a simulation can take on: at most 2^31 requests and 366 days.
Status ValidateTrace(const Trace& trace);

// Days of a shop: `sale` rises over the day and jumps tenfold for an hour in the evening, `night` has no
// traffic at all from 0 to 6, `spike` is quiet but for a dozen bursts of some minutes.
std::vector<std::string> DayNames();
// 24 hours in rates a minute, with a maximum of `peak_rate`. The same seed makes the same day.
Result<Trace> MakeDay(std::string_view name, double peak_rate, uint64_t seed);

}  // namespace millrace::autoscale
