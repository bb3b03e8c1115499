// A view's table of features, brought to a newer version of its source.
//
// Where the source was only appended to (EventsChange), a feature can have another
// value only at or after the first event that is new or has another value that the
// view reads. Those rows are computed, from the events that their windows reach; the
// files before them stay. The table is, bit for bit, the one that computing all gives.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/status.h"
#include "base/time.h"
#include "feature/plan.h"
#include "table/delta.h"
#include "table/table.h"

namespace millrace::controller::feature_view {

// What a table of features is made from: the view's definition and a version of the source's table of
// events. It names that table too: one that is made anew counts its versions from the start.
std::string InputOf(const feature::ViewPlan& plan, const DeltaSnapshot& events);
// The version of the source's table, of which `events` is the newest, that `input` names; empty when
// it names another table or definition.
std::optional<int64_t> MadeFrom(const feature::ViewPlan& plan, const DeltaSnapshot& events,
                                const std::string& input);

struct Refresh {
  bool whole = true;                   // nothing of the table can be kept
  std::optional<EventTime> from = {};  // else: rows from here on; unset: no value has changed
};

// What the commits of the source after version `made_from`, up to `now`, mean for the view.
Refresh PlanRefresh(const feature::ViewPlan& plan, std::span<const DeltaCommit> history, int64_t made_from,
                    int64_t now);

struct FeatureTables {
  const DeltaTable& source;
  const DeltaSnapshot& events;
  const DeltaTable& features;
  const DeltaSnapshot& made;  // the newest version of the features
};

// Rows from `from` on, computed and put in the place of what was there. `progress` as in
// feature::BatchOptions. Returns the new version; Conflict when `made` is not the newest.
Result<int64_t> RefreshFeatures(const feature::ViewPlan& plan, const FeatureTables& tables,
                                std::optional<EventTime> from, const std::string& metadata,
                                const std::function<void(int64_t)>& progress);

// The events' time, id and keys, then the features: one row an event.
Result<Table> Published(const feature::ViewPlan& plan, const Table& events, const Table& features);

}  // namespace millrace::controller::feature_view
