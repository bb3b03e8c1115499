#include "controller/plans.h"

#include <algorithm>

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"
#include "feature/training_set.h"
#include "resource/decode.h"
#include "resource/validate.h"
#include "training/model_definition.h"

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
  return Sha256Hex(FormatJson(spec));
}

// What a version does not depend on: where it runs and what happens to it later.
std::string ModelDefinition(const Resource& model, const std::string& service, const std::string& source) {
  Json spec = model.spec;
  for (const char* field : {"promotion", "limits", "pool"}) spec.erase(field);
  return Sha256Hex(FormatJson(Json{{"model", spec}, {"service", service}, {"source", source}}));
}

}  // namespace

Result<StoredEvents> FindEvents(const Layout& layout, const std::string& project, const std::string& name) {
  const Result<DeltaTable> table = DeltaTable::Open(layout.Events(project, name));
  if (!table.ok() && table.status().code() == Code::kNotFound) {
    return Unavailable("DataSource {} has no events yet.", name);
  }
  if (!table.ok()) return table.status();
  StoredEvents events;
  MR_ASSIGN_OR_RETURN(events.snapshot, table->Snapshot());
  const std::optional<EventsCommit> commit = ParseEventsCommit(events.snapshot.user_metadata);
  if (!commit) return Unavailable("DataSource {} has no events yet.", name);
  events.commit = *commit;
  return events;
}

Result<source::SourceSnapshot> FindFiles(const Layout& layout, const resource::DataSourceSpec& spec) {
  MR_ASSIGN_OR_RETURN(source::SourceSnapshot files, source::Fingerprint(spec));
  // Tokens and the databases lie there: who may write YAML must not read them as rows.
  for (const source::SourceFile& file : files.files) {
    if (layout.Contains(file.path)) {
      return InvalidArgument("{} lies in Millrace's own data directory; move the rows elsewhere", file.path);
    }
  }
  return files;
}

std::vector<resource::FieldProblem> CheckExamples(const resource::ModelSpec& spec,
                                                  const feature::SourcePlan& source) {
  std::vector<resource::FieldProblem> problems;
  if (!spec.where.empty()) {
    problems = resource::FieldProblems(feature::CompileExamplesWhere(spec.where, source.schema).status());
  }
  const std::vector<std::string> columns = source.schema.Names();
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    const std::string& per = spec.metrics[i].per;
    if (per.empty() || source.schema.Find(per)) continue;
    const std::string nearest = Nearest(per, columns);
    problems.push_back({fmt::format("spec.metrics[{}].per", i),
                        fmt::format("there is no column '{}'; {}", per,
                                    nearest.empty() ? "the columns are " + Join(columns, ", ")
                                                    : fmt::format("did you mean '{}'?", nearest))});
  }
  return problems;
}

Result<SourceState> ObserveSource(Context& context, const std::string& project, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const Resource resource, Dependency(context, "DataSource", project, name));
  SourceState state;
  MR_ASSIGN_OR_RETURN(state.spec, resource::DecodeSpec<resource::DataSourceSpec>(resource));
  state.definition = SourceDefinition(resource);
  MR_ASSIGN_OR_RETURN(StoredEvents events, FindEvents(context.layout, project, name));
  state.snapshot = std::move(events.snapshot);
  state.commit = std::move(events.commit);
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
  MR_RETURN_IF_ERROR(resource::ToStatus(training::CheckModelDefinition(state.spec)));
  MR_ASSIGN_OR_RETURN(state.source, ObserveSource(context, project, state.spec.examples));
  MR_ASSIGN_OR_RETURN(state.plan, CompileService(context, project, state.spec.input, state.source.plan));
  MR_RETURN_IF_ERROR(feature::CheckLabel(*state.plan, state.spec.label, state.spec.split.gap));
  MR_RETURN_IF_ERROR(resource::ToStatus(CheckExamples(state.spec, state.source.plan)));
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
