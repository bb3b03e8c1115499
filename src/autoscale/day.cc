// Made days: the traffic of a shop, in rates a minute.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "autoscale/internal/random.h"
#include "autoscale/quantity.h"
#include "autoscale/trace.h"
#include "base/text.h"

namespace millrace::autoscale {
namespace {

constexpr int kMinutes = 24 * 60;

// From 0 at `low` to 1 at `high`, smoothly.
double Ramp(double minute, double low, double high) {
  const double x = std::clamp((minute - low) / (high - low), 0.0, 1.0);
  return x * x * (3 - 2 * x);
}

// 1 within the interval, with ramps of `edge` minutes.
double Plateau(double minute, double begin, double end, double edge) {
  return Ramp(minute, begin - edge, begin) * (1 - Ramp(minute, end, end + edge));
}

// People awake: least at 4 in the morning, most at 8 in the evening.
double Daily(double minute) {
  const double angle = 2 * std::numbers::pi * (minute - 20 * 60) / kMinutes;
  return 0.55 + 0.45 * std::cos(angle);
}

std::vector<double> Sale() {
  std::vector<double> rates(kMinutes);
  for (int m = 0; m < kMinutes; ++m) {
    // The doors open at 19:00 within two minutes, and the crowd thins out until 20:30.
    const double crowd = Plateau(m, 19 * 60 + 2, 20 * 60, 2) + 0.5 * Plateau(m, 20 * 60, 20 * 60 + 30, 15);
    rates[static_cast<size_t>(m)] = 0.1 * Daily(m) + 0.9 * std::min(1.0, crowd);
  }
  return rates;
}

std::vector<double> Night() {
  std::vector<double> rates(kMinutes);
  for (int m = 0; m < kMinutes; ++m) {
    const double awake = Ramp(m, 6 * 60, 9 * 60) * (1 - Ramp(m, 21 * 60, kMinutes));
    rates[static_cast<size_t>(m)] = m < 6 * 60 ? 0 : awake * (0.6 + 0.4 * Daily(m));
  }
  return rates;
}

std::vector<double> Spike(internal::Random& random) {
  std::vector<double> rates(kMinutes);
  for (int m = 0; m < kMinutes; ++m) rates[static_cast<size_t>(m)] = 0.04 * Daily(m);
  for (int burst = 0; burst < 12; ++burst) {
    const double begin = random.Between(30, kMinutes - 30);
    const double length = random.Between(1, 6);
    const double height = random.Between(0.3, 1);
    for (int m = 0; m < kMinutes; ++m) {
      double& rate = rates[static_cast<size_t>(m)];
      if (m >= begin && m < begin + length) rate = std::max(rate, height);
    }
  }
  return rates;
}

}  // namespace

std::vector<std::string> DayNames() { return {"sale", "night", "spike"}; }

Result<Trace> MakeDay(std::string_view name, double peak_rate, uint64_t seed) {
  if (!(peak_rate > 0 && peak_rate <= 20'000)) {
    return InvalidArgument("a day's peak is {} requests/s; more than 0 and at most 20,000 can be",
                           FormatReal(peak_rate));
  }
  internal::Random random(seed, 3);
  std::vector<double> rates;
  if (name == "sale") {
    rates = Sale();
  } else if (name == "night") {
    rates = Night();
  } else if (name == "spike") {
    rates = Spike(random);
  } else {
    const std::vector<std::string> names = DayNames();
    const std::string nearest = Nearest(name, names);
    return InvalidArgument("there is no day '{}'; there are {}{}", name, Join(names, ", "),
                           nearest.empty() ? "" : fmt::format(" (perhaps '{}' is meant)", nearest));
  }
  for (double& rate : rates) rate *= random.Between(0.95, 1.05);
  const double most = *std::max_element(rates.begin(), rates.end());
  Trace trace;
  trace.name = std::string(name);
  trace.duration = std::chrono::minutes(kMinutes);
  for (int m = 0; m < kMinutes; ++m) {
    trace.intervals.push_back({std::chrono::minutes(m), rates[static_cast<size_t>(m)] / most * peak_rate, 0});
  }
  MR_RETURN_IF_ERROR(ValidateTrace(trace));
  return trace;
}

}  // namespace millrace::autoscale
