#include "controller/data_source/observe.h"

#include "base/json.h"
#include "base/sha256.h"
#include "controller/key.h"
#include "controller/serving_plans.h"
#include "resource/decode.h"
#include "source/source.h"

namespace millrace::controller::data_source {
namespace {

Result<std::string> InputOf(const Context& context, const resource::DataSourceSpec& spec,
                            const resource::Resource& resource) {
  if (spec.files) {
    MR_ASSIGN_OR_RETURN(const source::SourceSnapshot files, FindFiles(context.layout, spec));
    return files.digest;
  }
  return "push:" + Sha256Hex(FormatJson(resource.spec));
}

// Views of versions that serve may be compiled for columns that the source had
// then. One that reads none of those that changed is the same over today's; any
// other can no longer be computed, and must not keep the rest out.
std::vector<feature::ViewPlanPtr> OverPlan(std::vector<feature::ViewPlanPtr> views,
                                           const feature::SourcePlan& plan) {
  std::vector<feature::ViewPlanPtr> over;
  for (feature::ViewPlanPtr& view : views) {
    if (view->source.schema == plan.schema) {
      over.push_back(std::move(view));
      continue;
    }
    Result<feature::ViewPlanPtr> again = feature::CompileView(view->name, view->spec, plan);
    if (again.ok() && (*again)->digest == view->digest) over.push_back(std::move(*again));
  }
  return over;
}

}  // namespace

std::string OnlineKey(const resource::ResourceKey& key) { return key.project + "/" + key.name; }

std::string AppendTaskKey(const resource::ResourceKey& key) { return KeyOf(key) + "#append"; }

std::string LoadTaskKey(const resource::ResourceKey& key) { return KeyOf(key) + "#online"; }

std::string Marker(const EventsCommit& commit, const std::vector<feature::ViewPlanPtr>& views,
                   std::optional<EventTime> as_of) {
  std::string text = commit.input;
  for (const feature::ViewPlanPtr& view : views) text += "\n" + view->name + " " + view->digest;
  if (as_of) text += "\nas of " + FormatTime(*as_of);
  return Sha256Hex(text);
}

Observed Observe(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  Observed observed;
  observed.spec = resource::DecodeSpec<resource::DataSourceSpec>(resource);
  observed.snapshot.task = context.tasks.Find(KeyOf(key));
  observed.snapshot.append = context.tasks.Find(AppendTaskKey(key));
  observed.snapshot.input = observed.spec.ok() ? InputOf(context, *observed.spec, resource)
                                               : Result<std::string>(observed.spec.status());

  Result<SourceState> state = ObserveSource(context, key.project, key.name);
  if (!state.ok()) {
    // A table that is there but cannot be read is to be said, not written over.
    if (state.status().code() != Code::kUnavailable && observed.snapshot.input.ok()) {
      observed.snapshot.input = state.status();
    }
    return observed;
  }
  observed.state = std::move(*state);
  const EventsCommit& commit = observed.state->commit;
  observed.snapshot.committed = Committed{.version = observed.state->snapshot.version,
                                          .input = commit.input,
                                          .rows = observed.state->snapshot.num_rows,
                                          .dead_letters = commit.dead_letters};
  for (const feature::SourceStats& stats : context.stores.online.Stats()) {
    if (stats.key != OnlineKey(key)) continue;
    observed.log_position = stats.log_position;
    observed.snapshot.unconfirmed_bytes = stats.unconfirmed_bytes;
    observed.snapshot.unconfirmed_limit = stats.unconfirmed_limit;
  }
  if (!context.as_of) {
    // The log's position is that of the newest event that was pushed or learned.
    if (observed.log_position > commit.through)
      observed.snapshot.pushed = static_cast<int64_t>(observed.log_position - commit.through);
    observed.snapshot.since_append = context.stores.clock.Now() - observed.state->snapshot.time;
  }
  observed.views = OverPlan(
      WithServedViews(context, key.project, key.name, ViewsOver(context, key.project, *observed.state)),
      observed.state->plan);
  observed.online.wanted = Marker(commit, observed.views, context.as_of);
  observed.online.held = context.stores.online.Marker(OnlineKey(key)).value_or("");
  observed.online.task = context.tasks.Find(LoadTaskKey(key));
  return observed;
}

}  // namespace millrace::controller::data_source
