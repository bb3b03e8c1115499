// Plans: FeatureViews and FeatureServices compiled against a source's schema.
//
// A plan is everything that determines a feature's values, typed and checked:
// batch, training sets and the online state all run the same plan, and a model
// package freezes it (ToJson / FromJson), named by its digest.
//
//   MR_ASSIGN_OR_RETURN(SourcePlan source, PlanSource("transactions", source_spec, schema));
//   MR_ASSIGN_OR_RETURN(ViewPlanPtr view, CompileView("customer-spending", view_spec, source));
//   MR_ASSIGN_OR_RETURN(ServicePlanPtr service, CompileService("fraud-input", service_spec, source, views));
//
// Plans are immutable after they are made and may be shared between threads.
// Compiling fails with InvalidArgument: for everything that is wrong a line with
// the field's path in the spec, what is wrong and the nearest known name. Leakage (a column used before
// it is known) is refused here, with types at hand.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_fwd.h"
#include "base/status.h"
#include "base/time.h"
#include "base/value.h"
#include "feature/expression.h"
#include "resource/spec.h"
#include "table/table.h"

namespace millrace::feature {

// What the engine knows of a source: its rows' types, and what time means in it.
struct SourcePlan {
  std::string name;  // the DataSource's, without its project
  Schema schema;
  size_t event_time = 0;           // columns of `schema`
  std::optional<size_t> event_id;  // int64 or string
  Micros lateness{0};
  std::map<std::string, Micros> known_after;  // by column; only columns that are known later

  const std::string& event_time_name() const { return schema[event_time].name; }
  std::string event_id_name() const { return event_id ? schema[*event_id].name : std::string(); }
};

Result<SourcePlan> PlanSource(const std::string& name, const resource::DataSourceSpec& spec,
                              const Schema& schema);

enum class Aggregate : uint8_t {
  kCount,   // int64: events (where `where` holds); 0 over an empty window
  kSum,     // of int64 and bool: int64, null when it leaves that range; of double: double, correctly rounded
  kMean,    // double: the correctly rounded sum, divided by the number of values
  kMin,     // of's type; the order of doubles is -inf < … < -0.0 < 0.0 < … < inf < NaN
  kMax,     // …
  kStddev,  // double: of the sample (n - 1); null for fewer than two values
  kFirst,   // of's type: the value at the lowest position that is not null
  kLast,    // … the highest
  kDistinct,  // int64: different values; all NaN are one, and -0.0 is 0.0
  // double: seconds from the newest event in the window to the row's time. The
  // row's own event does not count: a transaction asks for the one before it.
  kTimeSinceLast,
};

// A value that the engine keeps for each event: one expression of `of` or
// `where`, or a column that such an expression will need again when a column
// that is known later arrives. Equal expressions share a slot.
struct Slot {
  Expression expression;  // over the source's schema
  DataType type = DataType::kInt64;
  bool known_later = false;  // it reads a column that is known later
};

struct Aggregation {
  std::string name;
  Aggregate aggregate = Aggregate::kCount;
  std::optional<size_t> of;     // slot
  std::optional<size_t> where;  // slot of type bool; null is false
  DataType type = DataType::kInt64;
  Value default_value;  // over an empty window; Null for null (count and distinct: int64 0)
};

// One feature: an aggregation over one window.
struct ViewOutput {
  std::string name;  // "tx_count_1d"
  DataType type = DataType::kInt64;
  size_t aggregation = 0;
  size_t window = 0;
};

struct ViewPlan {
  std::string name;
  SourcePlan source;
  resource::FeatureViewSpec spec;  // with expressions in canonical form
  std::vector<size_t> keys;        // columns of the source's schema: int64, string, bool or timestamp
  // Which events the view sees. A condition that reads a column known later is part of each
  // aggregation's `where` instead, and then does not narrow which events count for the ttl.
  std::optional<Expression> where;
  Micros delay{0};
  std::vector<Micros> windows;
  std::optional<Micros> ttl;  // of the newest event that the view sees; unset: unlimited
  std::vector<Slot> slots;
  std::vector<Aggregation> aggregations;
  std::vector<ViewOutput> outputs;  // in order: feature by feature, its windows in order
  std::string digest;               // SHA-256 of everything that determines values

  // How far back of a row's time an event can matter.
  Micros Reach() const;
  Schema OutputSchema() const;
  // Whether a value depends on the source's column.
  bool Reads(std::string_view column) const;
  // Outputs that a reference means: an output's name, or a feature's for all its windows.
  // NotFound names the nearest.
  Result<std::vector<size_t>> Outputs(std::string_view reference) const;
};
using ViewPlanPtr = std::shared_ptr<const ViewPlan>;

Result<ViewPlanPtr> CompileView(const std::string& name, const resource::FeatureViewSpec& spec,
                                const SourcePlan& source);

// One input of a model.
struct ServiceInput {
  enum class Kind : uint8_t { kRequest, kExpression, kView };
  std::string name;  // unique; a view's feature is "VIEW__FEATURE" when its plain name occurs twice
  DataType type = DataType::kDouble;
  Kind kind = Kind::kRequest;
  size_t index = 0;   // kRequest: field; kExpression: of `expressions`; kView: of `views`
  size_t output = 0;  // kView: of the view's outputs
};

// A view as a service uses it.
struct ServiceView {
  ViewPlanPtr plan;
  std::vector<size_t> keys;  // fields of the request, in the order of the view's keys
  // The request's event is one of the view's source and may lie in its own
  // window: it is counted. Then `where` and `slots` are the view's, over the request.
  bool counts_event = false;
  std::optional<Expression> where;
  std::vector<Expression> slots;
};

// A model's exact input.
struct ServicePlan {
  std::string name;
  SourcePlan source;  // of the examples: a request is an event of it
  resource::FeatureServiceSpec spec;
  // What a request gives, in this order: the event time, the event's id where the
  // source has one, then the keys, request fields and columns that are needed.
  Schema fields;
  size_t event_time = 0;
  std::optional<size_t> event_id;
  std::vector<ServiceInput> inputs;  // the vector, in order; bool, int64 or double
  std::vector<Expression> expressions;
  std::vector<ServiceView> views;
  std::string digest;  // SHA-256; covers the views and the columns that are read

  std::vector<std::string> InputNames() const;
  Schema InputSchema() const;
  Json ToJson() const;
  // Compiles it again, bounded; DataLoss when the digest is another than the JSON says.
  static Result<std::shared_ptr<const ServicePlan>> FromJson(const Json& json);
};
using ServicePlanPtr = std::shared_ptr<const ServicePlan>;

// `source` is that of the examples and requests; views may be over others. `views`
// holds at least those that the spec names.
Result<ServicePlanPtr> CompileService(const std::string& name, const resource::FeatureServiceSpec& spec,
                                      const SourcePlan& source, std::span<const ViewPlanPtr> views);

// Refuses a label that is an input of the service or that an input reads of the
// scored event itself, and a gap shorter than the label's delay.
Status CheckLabel(const ServicePlan& plan, const std::string& label, Micros gap);
// As far as it can be told without a service: the column, its type and the gap.
Status CheckLabel(const SourcePlan& source, const std::string& label, Micros gap);

// The frozen form of a view, as ServicePlan::ToJson and snapshots hold it.
Json ViewToJson(const ViewPlan& plan);
Result<ViewPlanPtr> ViewFromJson(const Json& json);
Json SourceToJson(const SourcePlan& source);
Result<SourcePlan> SourceFromJson(const Json& json);

}  // namespace millrace::feature
