// Days and dates, safe for every int64: Howard Hinnant, "chrono-compatible
// low-level date algorithms" (std::chrono's year ends at 32767).
#pragma once

#include <cstdint>

namespace millrace {

constexpr int64_t kSecondMicros = 1'000'000;
constexpr int64_t kMinuteMicros = 60 * kSecondMicros;
constexpr int64_t kHourMicros = 60 * kMinuteMicros;
constexpr int64_t kDayMicros = 24 * kHourMicros;

// Precondition of both: b > 0.
constexpr int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
constexpr int64_t FloorModulo(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

// Days since 1970-01-01.
constexpr int64_t DaysFromCivil(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = FloorDivide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

struct CivilDate {
  int64_t year;
  int64_t month;  // 1 to 12
  int64_t day;    // 1 to 31

  // Of days since 1970-01-01, within ±10^9 years.
  static constexpr CivilDate Of(int64_t days) {
    days += 719'468;
    const int64_t era = FloorDivide(days, 146'097);
    const int64_t day_of_era = days - era * 146'097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * day_of_year + 2) / 153;  // months from March
    const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted + 2) / 5 + 1};
  }
};

}  // namespace millrace
