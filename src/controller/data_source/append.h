// Pushed rows into a source's table of events, without writing all of it again.
//
// Only the files from the first event on that is new or changed are written; the
// commit says from which event on that is (EventsChange), so that what is computed
// from the events need not be computed anew as a whole. The table is, row for row,
// the one that MergePushed would make of everything.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "controller/events_commit.h"
#include "feature/plan.h"
#include "table/delta.h"
#include "table/table.h"

namespace millrace::controller::data_source {

// `snapshot`: the newest version, Conflict when it no longer is. `pushed`: rows that it does not
// hold yet, in order of acceptance. `commit`: what its metadata should say; change, oldest and
// newest are set here. Returns the new version.
Result<int64_t> AppendPushed(const DeltaTable& table, const DeltaSnapshot& snapshot, const Table& pushed,
                             const feature::SourcePlan& plan, EventsCommit commit);

}  // namespace millrace::controller::data_source
