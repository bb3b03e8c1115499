// Training sets: which rows are examples, and their vectors with labels.
//
// Each example is a row of the model's source at its own event's position; its
// vector is computed by the ServicePlan that serves, from the events known at
// that moment, so a training set cannot differ from what is served.
//
//   MR_ASSIGN_OR_RETURN(Split split, ResolveSplit(model.split, newest_event));
//   MR_ASSIGN_OR_RETURN(TrainingSet set, BuildTrainingSet({.plan = plan, .split = split, …}));
//
// Pure; thread safe. InvalidArgument on unknown columns, leakage (CheckLabel),
// and splits without rows.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "feature/batch.h"
#include "feature/plan.h"
#include "resource/spec.h"
#include "table/table.h"

namespace millrace::feature {

// Half-open ranges of event time: [train_begin, train_end), a gap, [test_begin, test_end).
struct Split {
  EventTime train_begin;
  EventTime train_end;
  EventTime test_begin;
  EventTime test_end;
  bool operator==(const Split&) const = default;
};

// With no start, the test range ends at the end of the newest whole day of data:
// the last UTC midnight that is not after `newest` + 1 µs.
Result<Split> ResolveSplit(const resource::SplitSpec& spec, EventTime newest);

// Which rows are examples: a condition over the source's columns.
Result<Expression> CompileExamplesWhere(const std::string& where, const Schema& schema);

struct TrainingSetRequest {
  ServicePlanPtr plan;
  EventTables events;  // by source; must hold the plan's own source
  Split split;
  std::string label;                       // column of the examples
  std::string where = {};                  // which rows are examples; "" takes all
  std::vector<std::string> entities = {};  // further columns of the examples to keep, for metrics per entity
  BatchOptions batch = {};
};

// The tables hold the inputs (double, in order), then label, event time, event
// id and entities with their own types (each unless an input has its name).
struct TrainingSet {
  std::vector<std::string> inputs;
  Table train;
  Table test;
  // Label, event time and entities of all examples from train_begin to test_end.
  Table history;
  int64_t unlabelled = 0;  // examples left out of train or test because their label is null
};

Result<TrainingSet> BuildTrainingSet(const TrainingSetRequest& request);

}  // namespace millrace::feature
