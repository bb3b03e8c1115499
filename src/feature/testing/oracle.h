// A second implementation of the rules of time, for tests: slow, literal, and
// sharing no code with the engine. Values must be multiples of 1/8 below 2^20 (so
// that its own sums, in integers of eighths, are exact), or NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/value.h"

namespace millrace::feature::testing {

struct OracleEvent {
  std::optional<int64_t> id;
  int64_t time = 0;
  int64_t arrival = 0;
  std::vector<Value> key;
  std::vector<Value> columns;
};

struct OracleFeature {
  std::string aggregate;
  std::function<Value(const OracleEvent&)> of;     // empty for count and time_since_last
  std::function<Value(const OracleEvent&)> where;  // empty: all
  Value default_value;
};

struct OracleView {
  int64_t delay = 0;
  std::vector<int64_t> windows;
  std::optional<int64_t> ttl;
  std::function<Value(const OracleEvent&)> where;
  std::vector<OracleFeature> features;
};

// What is asked: a key at a position; `self` is the row's own event, if it is one.
struct OracleQuery {
  std::vector<Value> key;
  int64_t time = 0;
  const OracleEvent* self = nullptr;  // null: after every event at the instant
};

inline bool IsTrue(const std::function<Value(const OracleEvent&)>& condition, const OracleEvent& event) {
  return !condition || condition(event) == Value(true);
}

// (time, id, arrival), events without an id after those with one.
inline bool NotAfter(const OracleEvent& event, const OracleEvent& self) {
  if (event.time != self.time) return event.time < self.time;
  if (event.id.has_value() != self.id.has_value()) return event.id.has_value();
  if (event.id) return *event.id <= *self.id;
  return event.arrival <= self.arrival;
}

inline bool InOrder(const OracleEvent* a, const OracleEvent* b) {
  return NotAfter(*a, *b) && !NotAfter(*b, *a);
}

// A number that two values are ordered by: -0.0 below 0.0, NaN above all.
inline bool Less(const Value& a, const Value& b) {
  const auto number = [](const Value& v) -> double {
    if (const bool* flag = std::get_if<bool>(&v)) return *flag ? 1 : 0;
    if (const int64_t* whole = std::get_if<int64_t>(&v)) return static_cast<double>(*whole);
    if (const EventTime* time = std::get_if<EventTime>(&v)) return static_cast<double>(time->micros);
    return std::get<double>(v);
  };
  const double x = number(a);
  const double y = number(b);
  if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
  if (x == 0 && y == 0) return std::signbit(x) && !std::signbit(y);
  return x < y;
}

inline Value OracleAggregate(const OracleFeature& feature, const std::vector<const OracleEvent*>& window,
                             const OracleQuery& query) {
  std::vector<const OracleEvent*> counted;
  for (const OracleEvent* event : window) {
    if (IsTrue(feature.where, *event)) counted.push_back(event);
  }
  if (feature.aggregate == "count") {
    return counted.empty() ? feature.default_value : Value(static_cast<int64_t>(counted.size()));
  }
  if (feature.aggregate == "time_since_last") {
    if (!counted.empty() && counted.back() == query.self) counted.pop_back();
    if (counted.empty()) return feature.default_value;
    return static_cast<double>(query.time - counted.back()->time) / 1e6;
  }
  std::vector<Value> values;
  for (const OracleEvent* event : counted) {
    if (Value value = feature.of(*event); !IsNull(value)) values.push_back(std::move(value));
  }
  if (values.empty()) return feature.default_value;
  if (feature.aggregate == "first") return values.front();
  if (feature.aggregate == "last") return values.back();
  if (feature.aggregate == "min") return *std::min_element(values.begin(), values.end(), Less);
  if (feature.aggregate == "max") return *std::max_element(values.begin(), values.end(), Less);
  if (feature.aggregate == "distinct") {
    std::set<std::string> texts;
    for (const Value& value : values) {
      const double* real = std::get_if<double>(&value);
      texts.insert(real != nullptr && std::isnan(*real) ? "nan"
                   : real != nullptr && *real == 0      ? "0"
                                                        : ToText(value));
    }
    return static_cast<int64_t>(texts.size());
  }
  // In eighths.
  __extension__ typedef __int128 Wide;
  Wide sum = 0;
  Wide squares = 0;
  bool nan = false;
  const bool real = std::holds_alternative<double>(values.front());
  for (const Value& value : values) {
    double x = 0;
    if (const bool* flag = std::get_if<bool>(&value)) {
      x = *flag ? 1 : 0;
    } else {
      x = real ? std::get<double>(value) : static_cast<double>(std::get<int64_t>(value));
    }
    if (std::isnan(x)) {
      nan = true;
      continue;
    }
    const int64_t eighths = static_cast<int64_t>(x * 8);
    sum += eighths;
    squares += static_cast<Wide>(eighths) * eighths;
  }
  const double n = static_cast<double>(values.size());
  if (feature.aggregate == "stddev") {
    if (values.size() < 2) return Null{};
    if (nan) return std::numeric_limits<double>::quiet_NaN();
    // Both below 2^53 here, so one IEEE division rounds the quotient correctly.
    const Wide numerator = static_cast<Wide>(values.size()) * squares - sum * sum;
    return std::sqrt(static_cast<double>(numerator) / (64 * n * (n - 1)));
  }
  const double total = nan ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(sum) / 8;
  if (feature.aggregate == "mean") return total / n;
  if (!real) return static_cast<int64_t>(total);
  return total;
}

// The view's outputs, feature by feature, window by window.
inline std::vector<Value> OracleFeatures(const OracleView& view, const std::vector<OracleEvent>& events,
                                         const OracleQuery& query) {
  std::vector<const OracleEvent*> visible;
  const bool null_key =
      std::any_of(query.key.begin(), query.key.end(), [](const Value& v) { return IsNull(v); });
  for (const OracleEvent& event : events) {
    if (null_key || event.key != query.key || !IsTrue(view.where, event)) continue;
    if (event.time > query.time - view.delay) continue;
    if (view.delay == 0 && query.self != nullptr && !NotAfter(event, *query.self)) continue;
    visible.push_back(&event);
  }
  std::sort(visible.begin(), visible.end(), InOrder);
  const bool expired =
      view.ttl && !visible.empty() && visible.back()->time <= query.time - view.delay - *view.ttl;
  std::vector<Value> values;
  for (const OracleFeature& feature : view.features) {
    for (const int64_t length : view.windows) {
      std::vector<const OracleEvent*> window;
      for (const OracleEvent* event : visible) {
        if (event->time > query.time - view.delay - length) window.push_back(event);
      }
      values.push_back(expired ? Value(Null{}) : OracleAggregate(feature, window, query));
    }
  }
  return values;
}

}  // namespace millrace::feature::testing
