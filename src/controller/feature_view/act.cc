#include <atomic>

#include "base/log.h"
#include "controller/controllers.h"
#include "controller/feature_view/observe.h"
#include "controller/key.h"
#include "controller/status_writer.h"
#include "feature/batch.h"

namespace millrace::controller::feature_view {
namespace {

// The events' time, id and keys, then the features: one row an event.
Result<Table> Published(const feature::ViewPlan& plan, const Table& events, const Table& features) {
  std::vector<Field> fields;
  std::vector<Column> columns;
  std::vector<size_t> leading = {plan.source.event_time};
  if (plan.source.event_id) leading.push_back(*plan.source.event_id);
  leading.insert(leading.end(), plan.keys.begin(), plan.keys.end());
  for (const size_t index : leading) {
    const std::string& name = plan.source.schema[index].name;
    const Schema so_far(fields);
    // A feature of the same name is what the table is about.
    if (so_far.Find(name) || features.schema().Find(name)) continue;
    MR_ASSIGN_OR_RETURN(Column column, events.Find(name));
    fields.push_back(plan.source.schema[index]);
    columns.push_back(std::move(column));
  }
  for (size_t i = 0; i < features.num_columns(); ++i) {
    fields.push_back(features.schema()[i]);
    columns.push_back(features.column(i));
  }
  return Table::Create(Schema(std::move(fields)), std::move(columns));
}

Status Compute(Context& context, const resource::ResourceKey& key, const ViewState& view,
               const std::string& input, TaskContext& task) {
  const int64_t total = view.source.snapshot.num_rows;
  task.Report("reading events", 0, total);
  MR_ASSIGN_OR_RETURN(const DeltaTable source,
                      DeltaTable::Open(context.layout.Events(key.project, view.source.plan.name)));
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
  MR_RETURN_IF_ERROR(table.Overwrite(published, {.user_metadata = input}).status());
  LogInfo("features computed", {{"resource", key.ToString()}, {"rows", std::to_string(total)}});
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

void Forget(Context& context, const resource::ResourceKey& key) { context.tasks.Cancel(KeyOf(key)); }

}  // namespace millrace::controller::feature_view
