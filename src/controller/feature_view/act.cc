#include <atomic>
#include <chrono>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/feature_view/observe.h"
#include "controller/feature_view/refresh.h"
#include "controller/key.h"
#include "controller/maintain.h"
#include "controller/status_writer.h"
#include "controller/tail.h"
#include "feature/batch.h"

namespace millrace::controller::feature_view {
namespace {

Status ComputeAll(Context& context, const resource::ResourceKey& key, const ViewState& view,
                  const DeltaTable& source, const std::string& input, TaskContext& task) {
  const int64_t total = view.source.snapshot.num_rows;
  task.Report("reading events", 0, total);
  MR_ASSIGN_OR_RETURN(const Table events, source.Read(view.source.snapshot));
  std::atomic<int64_t> done{0};
  feature::BatchOptions options;
  options.progress = [&](int64_t rows) { task.Report("computing features", done += rows, total); };
  MR_ASSIGN_OR_RETURN(const Table features,
                      feature::ComputeFeatures(*view.plan, events, feature::Spine::OfEvents(), options));
  if (task.stopped())
    return Cancelled("called off: the definition or the source has changed, or Millrace stops");
  task.Report("writing the table of features", 0, total);
  MR_ASSIGN_OR_RETURN(const Table published, Published(*view.plan, events, features));
  MR_ASSIGN_OR_RETURN(
      const DeltaTable table,
      DeltaTable::OpenOrCreate(context.layout.Features(key.project, key.name), published.schema()));
  return table.Overwrite(published, {.user_metadata = input, .rows_a_file = kRowsAFile}).status();
}

// False when the table has to be made as a whole.
Result<bool> TryRefresh(Context& context, const resource::ResourceKey& key, const ViewState& view,
                        const DeltaTable& source, const std::string& input, TaskContext& task) {
  const Result<DeltaTable> table = DeltaTable::Open(context.layout.Features(key.project, key.name));
  if (!table.ok()) return false;
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot made, table->Snapshot());
  const std::optional<int64_t> made_from = MadeFrom(*view.plan, view.source.snapshot, made.user_metadata);
  if (!made_from) return false;
  MR_ASSIGN_OR_RETURN(const std::vector<DeltaCommit> history, source.History(*made_from));
  const Refresh refresh = PlanRefresh(*view.plan, history, *made_from, view.source.snapshot.version);
  if (refresh.whole) return false;
  task.Report("computing what has changed", 0, 0);
  std::atomic<int64_t> done{0};
  const Result<int64_t> refreshed =
      RefreshFeatures(*view.plan, {source, view.source.snapshot, *table, made}, refresh.from, input,
                      [&](int64_t rows) { task.Report("computing what has changed", done += rows, 0); });
  if (!refreshed.ok()) return refreshed.status();
  return true;
}

Status Compute(Context& context, const resource::ResourceKey& key, const ViewState& view,
               const std::string& input, TaskContext& task) {
  const auto began = std::chrono::steady_clock::now();
  MR_ASSIGN_OR_RETURN(const DeltaTable source,
                      DeltaTable::Open(context.layout.Events(key.project, view.source.plan.name)));
  const Result<bool> refreshed = TryRefresh(context, key, view, source, input, task);
  // What cannot be refreshed is made as a whole: that needs nothing of what is there.
  const bool whole = !refreshed.ok() || !*refreshed;
  if (whole) MR_RETURN_IF_ERROR(ComputeAll(context, key, view, source, input, task));
  const auto took = std::chrono::steady_clock::now() - began;
  LogInfo("features computed",
          {{"resource", key.ToString()},
           {"rows", std::to_string(view.source.snapshot.num_rows)},
           {"of", whole ? "all" : "what has changed"},
           {"ms", std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count())}});
  MaintainTables({context.layout.Features(key.project, key.name)});
  return Ok();
}

Json StatusFields(const Observed& observed) {
  Json fields = Json::object();
  if (!observed.view) return fields;
  fields["digest"] = observed.view->plan->digest;
  fields["rows"] = observed.snapshot.rows;
  fields["snapshot"] = observed.snapshot.offline_version;
  if (observed.snapshot.online) fields["keys"] = observed.snapshot.online_keys;
  if (observed.snapshot.online) fields["stateBytes"] = observed.state_bytes;
  Json features = Json::array();
  for (const feature::ViewOutput& output : observed.view->plan->outputs) {
    features.push_back({{"name", output.name}, {"type", DataTypeName(output.type)}});
  }
  fields["features"] = std::move(features);
  return fields;
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  const Observed observed = Observe(context, resource);
  const Decision decision = Decide(observed.snapshot);
  if (decision.cancel) context.tasks.Cancel(KeyOf(key));
  if (decision.compute) {
    context.tasks.Start(KeyOf(key), *observed.snapshot.input,
                        [&context, key, view = *observed.view, input = *observed.snapshot.input](
                            TaskContext& task) { return Compute(context, key, view, input, task); });
  }
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, StatusFields(observed), decision.ready));
  return decision.look_again;
}

void Forget(Context& context, const resource::ResourceKey& key) { context.tasks.Forget(KeyOf(key)); }

}  // namespace millrace::controller::feature_view
