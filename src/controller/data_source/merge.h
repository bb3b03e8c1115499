// Events that came by push beside those of files.
//
// The table offline/P/pushed/S keeps what the online log has taken in, so that
// files can be read again without losing it. A row without an event time is an
// update: columns that became known later, for the event of its id.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "controller/context.h"
#include "feature/plan.h"
#include "resource/resource.h"
#include "table/table.h"

namespace millrace::controller::data_source {

// `events` (each id once, in order of position) with the pushed rows in their
// places. Where an id is in both, the event of `events` stays, and its columns
// that are known later are filled in where they are null; pushed rows of one id
// count once, the first. Rows that have no event to update are left out. Pure.
Result<Table> MergePushed(Table events, const Table& pushed, const feature::SourcePlan& plan);

struct Pushed {
  Table rows;            // of the plan's schema
  uint64_t through = 0;  // position of the online log that they reach
};

// Empty when nothing was ever pushed. Columns that the source has no longer are
// left out, new ones are null.
Result<Pushed> ReadPushed(Context& context, const resource::ResourceKey& key,
                          const feature::SourcePlan& plan);

// Appends what the online log holds beyond that position.
Status TakeFromLog(Context& context, const resource::ResourceKey& key, const feature::SourcePlan& plan,
                   const std::string& online_key);

}  // namespace millrace::controller::data_source
