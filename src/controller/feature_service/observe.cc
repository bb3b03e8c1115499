#include "controller/feature_service/observe.h"

#include "controller/plans.h"
#include "resource/decode.h"

namespace millrace::controller::feature_service {

Result<std::string> SourceOf(Context& context, const resource::Resource& service) {
  const resource::ResourceKey key = service.Key();
  const Result<std::vector<resource::Resource>> models = ListOf(context, "Model", key.project);
  if (models.ok()) {
    for (const resource::Resource& model : *models) {
      if (model.spec.value("input", "") == key.name) return model.spec.value("examples", "");
    }
  }
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::FeatureServiceSpec>(service));
  for (const resource::ServiceItem& item : spec.items) {
    if (item.kind != resource::ServiceItem::Kind::kView) continue;
    const Result<resource::Resource> view =
        context.stores.resources.Get({"FeatureView", key.project, item.name});
    if (view.ok()) return view->spec.value("source", "");
  }
  return FailedPrecondition("It is compiled once a Model uses it as its input.");
}

Observed Observe(Context& context, const resource::Resource& resource) {
  Observed observed;
  Snapshot& snapshot = observed.snapshot;
  const resource::ResourceKey key = resource.Key();
  const Result<resource::FeatureServiceSpec> spec =
      resource::DecodeSpec<resource::FeatureServiceSpec>(resource);
  if (!spec.ok()) {
    snapshot.features = spec.status();
    return observed;
  }
  for (const resource::ServiceItem& item : spec->items) {
    if (item.kind != resource::ServiceItem::Kind::kView) continue;
    const Result<resource::Resource> view =
        context.stores.resources.Get({"FeatureView", key.project, item.name});
    if (!view.ok() || !resource::IsTrue(view->status, "Ready")) {
      snapshot.waiting_for.push_back("FeatureView " + item.name);
    }
  }
  const Result<std::string> source_name = SourceOf(context, resource);
  if (!source_name.ok()) {
    snapshot.features = source_name.status();
    return observed;
  }
  const Result<SourceState> source = ObserveSource(context, key.project, *source_name);
  if (!source.ok()) {
    const bool waits = source.status().code() == Code::kUnavailable;
    if (waits) snapshot.waiting_for.push_back("DataSource " + *source_name);
    snapshot.features = source.status();
    return observed;
  }
  const Result<feature::ServicePlanPtr> compiled =
      CompileService(context, key.project, key.name, source->plan);
  if (!compiled.ok()) {
    snapshot.features = compiled.status();
    return observed;
  }
  observed.plan = *compiled;
  snapshot.features = static_cast<int64_t>(observed.plan->inputs.size());
  return observed;
}

}  // namespace millrace::controller::feature_service
