// Definitions compiled: from resources and the tables' schemas to the plans of
// src/feature. Computed anew for each reconcile, in a millisecond or so; nothing
// is remembered that could be out of date.
//
// definition_check.h compiles with the same functions before anything is stored.
//
// Unavailable says that something is not there yet (the caller waits); any other
// failure is a mistake in a definition, in a sentence.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "controller/context.h"
#include "controller/events_commit.h"
#include "feature/plan.h"
#include "resource/diagnostics.h"
#include "resource/spec.h"
#include "source/source.h"
#include "table/delta.h"

namespace millrace::controller {

// The newest version of a source's table of events.
struct StoredEvents {
  DeltaSnapshot snapshot;
  EventsCommit commit;
};
Result<StoredEvents> FindEvents(const Layout& layout, const std::string& project, const std::string& name);

// The files of a source, none of which may lie in the data directory.
Result<source::SourceSnapshot> FindFiles(const Layout& layout, const resource::DataSourceSpec& spec);

// A source that has events.
struct SourceState {
  resource::DataSourceSpec spec;
  std::string definition;  // digest of what the spec says about rows, without where the files lie
  DeltaSnapshot snapshot;  // newest version of the table of events
  EventsCommit commit;
  feature::SourcePlan plan;
};

Result<SourceState> ObserveSource(Context& context, const std::string& project, const std::string& name);

// A view, with its source.
struct ViewState {
  feature::ViewPlanPtr plan;
  SourceState source;
};
Result<ViewState> CompileView(Context& context, const std::string& project, const std::string& name);

// A service, for examples and requests of `source`.
Result<feature::ServicePlanPtr> CompileService(Context& context, const std::string& project,
                                               const std::string& name, const feature::SourcePlan& source);

// What a model says of its examples beside the label: the condition, the columns of metrics.
std::vector<resource::FieldProblem> CheckExamples(const resource::ModelSpec& spec,
                                                  const feature::SourcePlan& source);

// Everything that a training run needs to know, checked.
struct ModelState {
  resource::ModelSpec spec;
  SourceState source;  // of the examples
  feature::ServicePlanPtr plan;
  std::string definition;  // digest of the model, its service, views and source
};
Result<ModelState> CompileModel(Context& context, const std::string& project, const std::string& name);

// The views over a source that compile, by name.
std::vector<feature::ViewPlanPtr> ViewsOver(Context& context, const std::string& project,
                                            const SourceState& source);

}  // namespace millrace::controller
