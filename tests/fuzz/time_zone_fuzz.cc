// fuzz: base
// TZif files: refused, or a zone that answers for any time.
#include <initializer_list>
#include <limits>

#include "base/time_zone.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const Result<TimeZone> zone = TimeZone::Parse("fuzz", {reinterpret_cast<const char*>(data), size});
  if (!zone.ok()) return 0;
  for (const int64_t time : {std::numeric_limits<int64_t>::min(), int64_t{0}, int64_t{1'532'476'800'000'000},
                             std::numeric_limits<int64_t>::max()}) {
    (void)zone->UtcOffset({time});
    (void)zone->FromLocal(time);
  }
  return 0;
}
