// What a DataSource's controller sees before it decides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/context.h"
#include "controller/data_source/decide.h"
#include "controller/plans.h"
#include "resource/resource.h"
#include "resource/spec.h"

namespace millrace::controller::data_source {

struct Observed {
  Result<resource::DataSourceSpec> spec = resource::DataSourceSpec();
  std::optional<SourceState> state;         // of the table of events, once there is one
  std::vector<feature::ViewPlanPtr> views;  // that the online state should hold
  Snapshot snapshot;
  OnlineSnapshot online;
  uint64_t log_position = 0;  // of the online log
};

Observed Observe(Context& context, const resource::Resource& resource);

// "PROJECT/NAME", the source's name in the OnlineStore.
std::string OnlineKey(const resource::ResourceKey& key);
// The key of the task that appends pushed events to the tables, and of the one that loads the online state.
std::string AppendTaskKey(const resource::ResourceKey& key);
std::string LoadTaskKey(const resource::ResourceKey& key);
// Names what the online state holds: events by what they were made from, views by digest.
std::string Marker(const EventsCommit& commit, const std::vector<feature::ViewPlanPtr>& views,
                   std::optional<EventTime> as_of);

}  // namespace millrace::controller::data_source
