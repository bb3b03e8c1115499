#include "controller/plans.h"

#include <algorithm>
#include <thread>

#include "base/json.h"
#include "base/sha256.h"
#include "resource/decode.h"
#include "resource/validate.h"
#include "training/gate.h"
#include "training/metrics.h"
#include "training/parameters.h"

namespace millrace::controller {
namespace {

using resource::Resource;

Result<Resource> Dependency(Context& context, const std::string& kind, const std::string& project,
                            const std::string& name) {
  Result<Resource> found = context.stores.resources.Get({kind, project, name});
  if (!found.ok() && found.status().code() == Code::kNotFound) {
    return Unavailable("{} {} does not exist.", kind, name);
  }
  return found;
}

std::string SourceDefinition(const Resource& source) {
  Json spec = source.spec;
  if (spec.contains("files") && spec["files"].is_object()) spec["files"].erase("path");
  return Sha256Hex(spec.dump());
}

// Gates, metrics and parameters, before any data is touched.
Status CheckModel(const resource::ModelSpec& spec) {
  MR_RETURN_IF_ERROR(training::ValidateMetrics(spec.metrics));
  std::vector<std::string> known = training::StandardMetrics();
  for (const resource::MetricSpec& metric : spec.metrics) known.push_back(training::MetricName(metric));
  for (const std::string& gate : spec.gates) {
    const Result<training::Gate> parsed = training::ParseGate(gate, known);
    if (!parsed.ok()) return parsed.status().WithContext(fmt::format("gate '{}'", gate));
  }
  return training::ParseXgboostParameters(spec.parameters, spec.seed, 1).status();
}

// What a version does not depend on: where it runs and what happens to it later.
std::string ModelDefinition(const Resource& model, const std::string& service, const std::string& source) {
  Json spec = model.spec;
  for (const char* field : {"promotion", "limits", "pool"}) spec.erase(field);
  return Sha256Hex(Json{{"model", spec}, {"service", service}, {"source", source}}.dump());
}

}  // namespace

Result<SourceState> ObserveSource(Context& context, const std::string& project, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const Resource resource, Dependency(context, "DataSource", project, name));
  SourceState state;
  MR_ASSIGN_OR_RETURN(state.spec, resource::DecodeSpec<resource::DataSourceSpec>(resource));
  state.definition = SourceDefinition(resource);
  const Result<DeltaTable> table =
      DeltaTable::Open(context.layout.Events(project, name), context.stores.clock);
  if (!table.ok() && table.status().code() == Code::kNotFound) {
    return Unavailable("DataSource {} has no events yet.", name);
  }
  if (!table.ok()) return table.status();
  MR_ASSIGN_OR_RETURN(state.snapshot, table->Snapshot());
  const std::optional<EventsCommit> commit = ParseEventsCommit(state.snapshot.user_metadata);
  if (!commit) return Unavailable("DataSource {} has no events yet.", name);
  state.commit = *commit;
  MR_ASSIGN_OR_RETURN(state.plan, feature::PlanSource(name, state.spec, state.snapshot.schema));
  return state;
}

Result<ViewState> CompileView(Context& context, const std::string& project, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const Resource resource, Dependency(context, "FeatureView", project, name));
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::FeatureViewSpec>(resource));
  ViewState state;
  MR_ASSIGN_OR_RETURN(state.source, ObserveSource(context, project, spec.source));
  MR_ASSIGN_OR_RETURN(state.plan, feature::CompileView(name, spec, state.source.plan));
  return state;
}

Result<feature::ServicePlanPtr> CompileService(Context& context, const std::string& project,
                                               const std::string& name, const feature::SourcePlan& source) {
  MR_ASSIGN_OR_RETURN(const Resource resource, Dependency(context, "FeatureService", project, name));
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::FeatureServiceSpec>(resource));
  std::vector<feature::ViewPlanPtr> views;
  for (const resource::ServiceItem& item : spec.items) {
    if (item.kind != resource::ServiceItem::Kind::kView) continue;
    if (std::any_of(views.begin(), views.end(), [&](const auto& view) { return view->name == item.name; }))
      continue;
    Result<ViewState> view = CompileView(context, project, item.name);
    if (!view.ok()) return view.status().WithContext("FeatureView " + item.name);
    views.push_back(view->plan);
  }
  return feature::CompileService(name, spec, source, views);
}

Result<ModelState> CompileModel(Context& context, const std::string& project, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const Resource resource, Dependency(context, "Model", project, name));
  ModelState state;
  MR_ASSIGN_OR_RETURN(state.spec, resource::DecodeSpec<resource::ModelSpec>(resource));
  MR_RETURN_IF_ERROR(CheckModel(state.spec));
  MR_ASSIGN_OR_RETURN(state.source, ObserveSource(context, project, state.spec.examples));
  MR_ASSIGN_OR_RETURN(state.plan, CompileService(context, project, state.spec.input, state.source.plan));
  MR_RETURN_IF_ERROR(feature::CheckLabel(*state.plan, state.spec.label, state.spec.split.gap));
  state.definition = ModelDefinition(resource, state.plan->digest, state.source.definition);
  return state;
}

std::vector<feature::ViewPlanPtr> ViewsOver(Context& context, const std::string& project,
                                            const SourceState& source) {
  std::vector<feature::ViewPlanPtr> views;
  const Result<std::vector<resource::Resource>> all = ListOf(context, "FeatureView", project);
  if (!all.ok()) return views;
  for (const Resource& resource : *all) {
    const auto spec = resource::DecodeSpec<resource::FeatureViewSpec>(resource);
    if (!spec.ok() || spec->source != source.plan.name) continue;
    // A view that does not compile says so itself; it must not keep the others out.
    Result<feature::ViewPlanPtr> plan = feature::CompileView(resource.metadata.name, *spec, source.plan);
    if (plan.ok()) views.push_back(std::move(*plan));
  }
  return views;
}

}  // namespace millrace::controller
