// fuzz: autoscale
// A cron schedule: refused, or its next time comes after the given one.
#include <cstdlib>
#include <string_view>

#include "autoscale/cron.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const auto schedule =
      autoscale::CronSchedule::Parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!schedule.ok()) return 0;
  const EventTime now{1'700'000'000'000'000};
  const auto next = schedule->Next(now, TimeZone());
  if (next && *next <= now) std::abort();
  return 0;
}
