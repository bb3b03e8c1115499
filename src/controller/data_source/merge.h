// Events that came by push, put beside those of files.
//
// One rule (docs/architecture.md, "The rules of time"): rows are taken in the order in
// which they were accepted, those of the files first. A new id is a new event, and
// what it says stays; a column that is known later has the last value that is not
// null. So rows may be taken all at once or a few at a time: the result is the same.
//
// A pushed row without an event time is an update: columns that became known later,
// for the event of its id; left out when there is none yet. Pure functions.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::controller::data_source {

// What pushed rows do to a table of events. An event is a row of the table or, behind
// its rows, an added one.
struct Fold {
  std::vector<int64_t> added;  // rows of `pushed` that are new events, in order of acceptance
  // By event: the pushed rows that say what was not known before, in order.
  std::unordered_map<int64_t, std::vector<int64_t>> fills;
};

// `events` has the source's event time and event id, all rows; `pushed` has all of its columns.
Result<Fold> FoldPushed(const Table& events, const Table& pushed, const feature::SourcePlan& plan);

// The events from row `first` on, `tail`, with what the fold adds and fills in, in order of position.
// Precondition: it changes nothing before `first`.
Result<Table> ApplyFold(const Table& tail, int64_t first, int64_t num_events, const Table& pushed,
                        const Fold& fold, const feature::SourcePlan& plan);

// Both, on whole tables. `events`: each id once, in order of position.
Result<Table> MergePushed(Table events, const Table& pushed, const feature::SourcePlan& plan);

// Whether row `a` stands before row `b`.
bool Precedes(const Table& a_table, size_t a, const Table& b_table, size_t b,
              const feature::SourcePlan& plan);

}  // namespace millrace::controller::data_source
