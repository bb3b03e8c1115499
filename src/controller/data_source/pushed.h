// The table offline/P/pushed/S: all that the online log has taken in, in the order in
// which it was accepted, so that files can be read again without losing it.
//
// A row without an event time is an update. Its user metadata is the position of
// the log that it reaches. It has the columns of today's source, and those that the
// source had before.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "controller/context.h"
#include "feature/online_store.h"
#include "feature/plan.h"
#include "resource/resource.h"
#include "table/table.h"

namespace millrace::controller::data_source {

struct Pushed {
  Table rows;            // of the plan's schema, from the row asked for on
  int64_t num_rows = 0;  // of the whole table
  uint64_t through = 0;  // position of the online log that they reach
};

// Empty when nothing was ever pushed. Columns that the source has no longer are
// left out, new ones are null.
Result<Pushed> ReadPushed(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan,
                          int64_t from = 0);

// The furthest position of the online log that this table or that of the dead letters has reached; each
// is committed before the events are, and may be ahead of them. 0 when there is neither.
Result<uint64_t> TakenThrough(Context& context, const resource::ResourceKey& key);

// Appends what the online log holds beyond its position, and the rows that could not be used to
// the dead letters. Nothing is done when the source has no online state.
Status TakeFromLog(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan);

}  // namespace millrace::controller::data_source
