// The specs of the kinds as C++ values: what the rest of Millrace reads.
//
// They are made by DecodeSpec from a document that the kind's description
// (resource/kinds) has already accepted, with every default filled in, so that
// no other code knows a default. Plain values; copy freely.
//
// Names refer to resources of the same project. Expressions and conditions are
// text here; src/feature compiles them. JSON values (defaults, parameters) keep
// the type that the YAML gave them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"
#include "base/value.h"

namespace millrace::resource {

// ---- DataSource: where rows or events come from.
struct SourceColumn {
  std::string name;
  std::optional<DataType> type;       // else as the data has it
  std::optional<Micros> known_after;  // the value arrives this much after the event
};

struct FilesSource {
  std::vector<std::string>
      paths;  // globs; relative ones are below the YAML file's folder (made absolute at apply)
  std::string format = "auto";  // auto (by extension), parquet, csv, jsonl
  std::string sql;              // optional: SELECT … FROM files, run in DuckDB over the rows read
};

struct PushSource {};

struct DataSourceSpec {
  std::optional<FilesSource> files;  // exactly one of files and push; a files source accepts pushes as well
  std::optional<PushSource> push;
  std::string event_time;
  std::string event_id;           // "" when events have no id; then they are never deduplicated
  Micros lateness{0};             // how much older than the newest event one may arrive
  std::string time_zone = "UTC";  // of timestamps without a zone
  std::vector<SourceColumn> columns;
};

// ---- FeatureView: aggregates over a source's events, by entity.
struct FeatureSpec {
  std::string name;
  std::string aggregate;  // count sum mean min max stddev first last distinct time_since_last
  std::string of;         // expression over the source's columns; "" for count and time_since_last
  std::string where;      // condition on the event; "" takes all (the view's `where` applies as well)
  Json default_value;     // null: the value over an empty window is null (count: 0)
};

struct FeatureViewSpec {
  std::string source;
  std::vector<std::string> entities;  // one or several key columns, in order
  std::string where;
  Micros delay{0};
  std::vector<Micros> windows;  // each feature once per window, named NAME_1d
  std::optional<Micros> ttl;    // how old the newest event may be for the features to count as present
  std::vector<FeatureSpec> features;
};

// ---- FeatureService: a model's exact, ordered input.
struct ServiceItem {
  enum class Kind { kRequest, kExpression, kView };
  Kind kind = Kind::kRequest;
  std::string name;              // request: the field; expression: the feature's name; view: the view's name
  std::string expression;        // kExpression: over request fields (and so the event's columns)
  std::optional<DataType> type;  // kRequest: else that of the source's column of this name
  std::vector<std::string> features;  // kView: "" for all, else names such as tx_count_1d or tx_count
};

struct FeatureServiceSpec {
  std::vector<ServiceItem> items;
};

// ---- Model: how versions are trained, judged and promoted.
struct SplitSpec {
  std::optional<EventTime>
      start;  // of the training range; unset: the split ends with the newest whole day of data
  Micros train{0};
  Micros gap{0};
  Micros test{0};
};

struct MetricSpec {
  std::string name;  // e.g. precision_at
  std::optional<int64_t> k;
  std::string per;  // entity column, for precision_at per entity and day
  std::optional<Micros> every;
  bool exclude_known =
      true;  // precision_at with per: leave out entities already known by the training range and gap
};

struct PromotionSpec {
  std::string alias = "champion";
  bool automatic = true;  // else a person moves the alias
};

struct ResourceLimits {
  double cpu = 0;      // cores; 0: all
  int64_t memory = 0;  // bytes; 0: no limit
  Micros time{0};      // 0: no limit
};

struct ModelSpec {
  std::string input;     // FeatureService
  std::string examples;  // DataSource: one example a row, at its event time
  std::string where;     // which rows are examples
  std::string label;     // column of examples
  SplitSpec split;
  std::string trainer = "xgboost";
  Json parameters = Json::object();  // by the trainer's own names
  std::vector<MetricSpec> metrics;
  std::vector<std::string> gates;  // "average_precision >= 0.6", "… >= champion.… - 0.01"
  PromotionSpec promotion;
  ResourceLimits limits;
  std::string pool;  // ComputePool; "" for this machine
  int64_t seed = 0;
};

// ---- TrainingJob: one run of a Model.
struct TrainingJobSpec {
  std::string model;
  Json parameters = Json::object();  // merged over the model's
  std::optional<EventTime> start;    // overrides split.start
  bool cancel = false;               // set to stop a running job
};

// ---- ModelEndpoint: where versions are served.
struct ScalingSpec {
  int64_t min_replicas = 0;
  int64_t max_replicas = 1;
  int64_t concurrency = 8;
};

struct ModelEndpointSpec {
  std::string model;               // "fraud@champion" split at the '@' …
  std::string alias;               // … "" when a version is pinned
  std::optional<int64_t> version;  // "fraud:3"
  std::string learn;               // DataSource that scored events enter; "" for none
  ScalingSpec scaling;
};

// ---- ComputePool: slots of CPU and memory on this machine.
struct ComputePoolSpec {
  double cpu = 0;      // cores; 0: the machine's
  int64_t memory = 0;  // bytes; 0: the machine's
  int64_t slots = 1;   // jobs at once
};

// ---- Project: who may do what.
struct Grant {
  std::string subject;  // a token's name
  std::string role;     // viewer, editor, admin
};

struct ProjectSpec {
  std::string description;
  std::vector<Grant> grants;
};

}  // namespace millrace::resource
