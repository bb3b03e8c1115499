#include "controller/feature_view/observe.h"

#include "controller/feature_view/refresh.h"
#include "controller/key.h"

namespace millrace::controller::feature_view {
namespace {

void ObserveTable(Context& context, const resource::ResourceKey& key, Snapshot& snapshot) {
  const Result<DeltaTable> table = DeltaTable::Open(context.layout.Features(key.project, key.name));
  if (!table.ok()) return;
  const Result<DeltaSnapshot> newest = table->Snapshot();
  if (!newest.ok()) return;
  snapshot.offline_input = newest->user_metadata;
  snapshot.offline_version = newest->version;
  snapshot.rows = newest->num_rows;
}

}  // namespace

Observed Observe(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  Observed observed;
  observed.snapshot.source = resource.spec.value("source", "");
  observed.snapshot.task = context.tasks.Find(KeyOf(key));
  Result<ViewState> view = CompileView(context, key.project, key.name);
  if (!view.ok()) {
    if (view.status().code() != Code::kUnavailable) {
      observed.snapshot.source_version = 0;
      observed.snapshot.input = view.status();
    }
    return observed;
  }
  observed.view = std::move(*view);
  const SourceState& source = observed.view->source;
  observed.snapshot.source_version = source.snapshot.version;
  observed.snapshot.input = InputOf(*observed.view->plan, source.snapshot);
  ObserveTable(context, key, observed.snapshot);
  for (const feature::SourceStats& stats : context.stores.online.Stats()) {
    if (stats.key != key.project + "/" + source.plan.name) continue;
    for (const feature::ViewStats& held : stats.views) {
      if (held.name != key.name || held.digest != observed.view->plan->digest) continue;
      observed.snapshot.online = true;
      observed.snapshot.online_keys = held.keys;
      observed.state_bytes = held.bytes;
    }
  }
  return observed;
}

}  // namespace millrace::controller::feature_view
