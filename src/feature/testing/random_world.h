// Random events with everything that goes wrong in them, and views over them in
// two forms: for the engine (specs) and for the oracle (functions).
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "feature/cell.h"
#include "feature/plan.h"
#include "feature/testing/oracle.h"

namespace millrace::feature::testing {

enum WorldColumn : size_t { kIdColumn, kTime, kPart, kName, kAmount, kWhole, kFlag, kText, kLate, kColumns };

inline Schema WorldSchema() {
  return Schema({{"id", DataType::kInt64},
                 {"at", DataType::kTimestamp},
                 {"part", DataType::kInt64},
                 {"name", DataType::kString},
                 {"amount", DataType::kDouble},
                 {"whole", DataType::kInt64},
                 {"flag", DataType::kBool},
                 {"text", DataType::kString},
                 {"late", DataType::kInt64}});
}

constexpr int64_t kWorldSecond = 1'000'000;
constexpr int64_t kKnownAfter = 4 * kWorldSecond;
constexpr int64_t kLateness = 6 * kWorldSecond;

inline SourcePlan WorldSource() {
  resource::DataSourceSpec spec;
  spec.event_time = "at";
  spec.event_id = "id";
  spec.lateness = Micros(kLateness);
  spec.columns = {{"late", std::nullopt, Micros(kKnownAfter)}};
  Result<SourcePlan> plan = PlanSource("world", spec, WorldSchema());
  return std::move(plan).value();
}

// Sorted by position. Times tie often; every value may be null; keys share text
// that a separator would confuse ("1" + "a|b" and "1|a" + "b").
inline std::vector<OracleEvent> RandomEvents(std::mt19937_64& random, size_t count) {
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
  const auto rarely = [&] { return below(8) == 0; };
  std::vector<OracleEvent> events;
  int64_t time = 1'530'000'000 * kWorldSecond;
  for (size_t i = 0; i < count; ++i) {
    time += below(3) == 0 ? 0 : below(3 * kWorldSecond);
    OracleEvent event;
    event.id = static_cast<int64_t>((i * 7919) % 10'007);  // unique, and not in order of time
    event.time = time;
    std::vector<Value> row(kColumns);
    row[kIdColumn] = *event.id;
    row[kTime] = EventTime{time};
    if (!rarely()) row[kPart] = below(3);
    static const char* const names[] = {"a", "a|b", "", "|"};
    if (!rarely()) row[kName] = std::string(names[below(4)]);
    static const double odd[] = {0.0, -0.0, 0.125, -3.5, 1000.25};
    if (!rarely()) row[kAmount] = below(3) == 0 ? odd[below(5)] : static_cast<double>(below(64)) / 8 - 2;
    if (!rarely()) row[kWhole] = below(9) - 4;
    if (!rarely()) row[kFlag] = below(2) == 1;
    if (!rarely()) row[kText] = std::string(1, static_cast<char>('p' + below(4)));
    if (!rarely()) row[kLate] = below(2);
    event.columns = std::move(row);
    events.push_back(std::move(event));
  }
  std::sort(events.begin(), events.end(),
            [](const OracleEvent& a, const OracleEvent& b) { return InOrder(&a, &b); });
  for (size_t i = 0; i < events.size(); ++i) events[i].arrival = static_cast<int64_t>(i);
  return events;
}

inline Table ToTable(const std::vector<OracleEvent>& events) {
  const Schema schema = WorldSchema();
  std::vector<Column> columns;
  for (size_t column = 0; column < schema.size(); ++column) {
    ColumnBuilder builder(schema[column].type);
    for (const OracleEvent& event : events) {
      const Status status = builder.Append(event.columns[column]);
      MR_CHECK(status.ok(), "{}", status.ToString());
    }
    columns.push_back(std::move(builder).Finish());
  }
  return Table::Create(schema, std::move(columns)).value();
}

struct WorldView {
  ViewPlanPtr plan;
  OracleView oracle;
  std::vector<size_t> keys;  // columns
};

inline std::function<Value(const OracleEvent&)> ColumnOf(size_t column) {
  return [column](const OracleEvent& event) { return event.columns[column]; };
}

// Every aggregate, with and without conditions and defaults. `later`: over the late column, too.
inline WorldView MakeWorldView(const std::string& name, std::vector<size_t> keys, int64_t delay,
                               std::optional<int64_t> ttl, bool where, bool later) {
  WorldView view;
  resource::FeatureViewSpec spec;
  spec.source = "world";
  for (const size_t key : keys) spec.entities.push_back(WorldSchema()[key].name);
  spec.delay = Micros(delay);
  spec.windows = {Micros(2 * kWorldSecond), Micros(9 * kWorldSecond), Micros(40 * kWorldSecond)};
  if (ttl) spec.ttl = Micros(*ttl);
  if (where) spec.where = "whole is null or whole > -4";
  view.keys = std::move(keys);
  view.oracle = {delay, {2 * kWorldSecond, 9 * kWorldSecond, 40 * kWorldSecond}, ttl, {}, {}};
  if (where) {
    view.oracle.where = [](const OracleEvent& e) -> Value {
      return IsNull(e.columns[kWhole]) || std::get<int64_t>(e.columns[kWhole]) > -4;
    };
  }
  const auto add = [&](const char* aggregate, const char* of,
                       std::function<Value(const OracleEvent&)> of_function, bool condition,
                       Json default_json, Value default_value) {
    spec.features.push_back({fmt::format("f{}", spec.features.size()), aggregate, of, condition ? "flag" : "",
                             std::move(default_json)});
    view.oracle.features.push_back(
        {aggregate, std::move(of_function), condition ? ColumnOf(kFlag) : nullptr, std::move(default_value)});
  };
  for (const bool condition : {false, true}) {
    add("count", "", nullptr, condition, nullptr, int64_t{0});
    add("time_since_last", "", nullptr, condition, nullptr, Null{});
    for (const char* aggregate : {"sum", "mean", "min", "max", "stddev", "first", "last"}) {
      add(aggregate, "amount", ColumnOf(kAmount), condition, condition ? Json(-1.5) : Json(nullptr),
          condition ? Value(-1.5) : Value(Null{}));
    }
    for (const char* aggregate : {"sum", "min", "max", "first", "last"}) {
      add(aggregate, "whole", ColumnOf(kWhole), condition, 7, int64_t{7});
    }
    add("mean", "flag", ColumnOf(kFlag), condition, nullptr, Null{});
    add("max", "flag", ColumnOf(kFlag), condition, nullptr, Null{});
    add("distinct", "amount", ColumnOf(kAmount), condition, nullptr, int64_t{0});
    add("distinct", "text", ColumnOf(kText), condition, nullptr, int64_t{0});
  }
  add("first", "text", ColumnOf(kText), true, "none", std::string("none"));
  add("last", "text", ColumnOf(kText), false, nullptr, Null{});
  if (later) {
    add("mean", "late", ColumnOf(kLate), false, 0, 0.0);
    add(
        "sum", "late + whole",
        [](const OracleEvent& e) -> Value {
          if (IsNull(e.columns[kLate]) || IsNull(e.columns[kWhole])) return Null{};
          return std::get<int64_t>(e.columns[kLate]) + std::get<int64_t>(e.columns[kWhole]);
        },
        true, nullptr, Null{});
  }
  for (size_t i = 0; i < spec.features.size(); ++i) {
    if (spec.features[i].default_value.is_number_integer() && spec.features[i].aggregate == "mean") {
      spec.features[i].default_value = 0.0;
    }
  }
  Result<ViewPlanPtr> plan = CompileView(name, spec, WorldSource());
  MR_CHECK(plan.ok(), "{}", plan.status().ToString());
  view.plan = *plan;
  return view;
}

inline std::vector<OracleEvent> WithKeys(std::vector<OracleEvent> events, const WorldView& view) {
  for (OracleEvent& event : events) {
    event.key.clear();
    for (const size_t key : view.keys) event.key.push_back(event.columns[key]);
  }
  return events;
}

inline std::vector<WorldView> WorldViews() {
  return {MakeWorldView("by-part", {kPart}, 0, std::nullopt, false, false),
          MakeWorldView("by-both", {kPart, kName}, 5 * kWorldSecond, std::nullopt, true, true),
          MakeWorldView("fresh", {kName}, 0, 5 * kWorldSecond, true, false),
          MakeWorldView("delayed-fresh", {kName, kPart}, 4 * kWorldSecond, 7 * kWorldSecond, false, true)};
}

// Same type and, for doubles, the same bits (any NaN is NaN).
inline bool SameValue(const Value& a, const Value& b) {
  const double* x = std::get_if<double>(&a);
  const double* y = std::get_if<double>(&b);
  if (x == nullptr || y == nullptr) return a == b;
  if (std::isnan(*x) || std::isnan(*y)) return std::isnan(*x) && std::isnan(*y);
  return *x == *y && std::signbit(*x) == std::signbit(*y);
}

}  // namespace millrace::feature::testing
