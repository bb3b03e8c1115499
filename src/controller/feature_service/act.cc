#include "controller/controllers.h"
#include "controller/feature_service/decide.h"
#include "controller/plans.h"
#include "controller/status_writer.h"
#include "resource/decode.h"

namespace millrace::controller::feature_service {
namespace {

// A service is compiled for the examples of the model that uses it; without a
// model, for events of its first view's source. "" when nothing tells.
std::string SourceOf(Context& context, const resource::ResourceKey& key,
                     const resource::FeatureServiceSpec& spec) {
  const Result<std::vector<resource::Resource>> models = ListOf(context, "Model", key.project);
  if (models.ok()) {
    for (const resource::Resource& model : *models) {
      if (model.spec.value("input", "") == key.name) return model.spec.value("examples", "");
    }
  }
  for (const resource::ServiceItem& item : spec.items) {
    if (item.kind != resource::ServiceItem::Kind::kView) continue;
    const Result<resource::Resource> view =
        context.stores.resources.Get({"FeatureView", key.project, item.name});
    if (view.ok()) return view->spec.value("source", "");
  }
  return "";
}

Snapshot Observe(Context& context, const resource::Resource& resource, feature::ServicePlanPtr& plan) {
  Snapshot snapshot;
  const resource::ResourceKey key = resource.Key();
  const Result<resource::FeatureServiceSpec> spec =
      resource::DecodeSpec<resource::FeatureServiceSpec>(resource);
  if (!spec.ok()) {
    snapshot.features = spec.status();
    return snapshot;
  }
  for (const resource::ServiceItem& item : spec->items) {
    if (item.kind != resource::ServiceItem::Kind::kView) continue;
    const Result<resource::Resource> view =
        context.stores.resources.Get({"FeatureView", key.project, item.name});
    if (!view.ok() || !resource::IsTrue(view->status, "Ready")) {
      snapshot.waiting_for.push_back("FeatureView " + item.name);
    }
  }
  const std::string source_name = SourceOf(context, key, *spec);
  if (source_name.empty()) {
    snapshot.features = FailedPrecondition("It is compiled once a Model uses it as its input.");
    return snapshot;
  }
  const Result<SourceState> source = ObserveSource(context, key.project, source_name);
  if (!source.ok()) {
    if (source.status().code() == Code::kUnavailable)
      snapshot.waiting_for.push_back("DataSource " + source_name);
    snapshot.features = source.status();
    return snapshot;
  }
  const Result<feature::ServicePlanPtr> compiled =
      CompileService(context, key.project, key.name, source->plan);
  if (!compiled.ok()) {
    snapshot.features = compiled.status();
    return snapshot;
  }
  plan = *compiled;
  snapshot.features = static_cast<int64_t>(plan->inputs.size());
  return snapshot;
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  feature::ServicePlanPtr plan;
  const Decision decision = Decide(Observe(context, resource, plan));
  Json fields = Json::object();
  if (plan != nullptr) {
    Json inputs = Json::array();
    for (const feature::ServiceInput& input : plan->inputs) {
      inputs.push_back({{"name", input.name}, {"type", DataTypeName(input.type)}});
    }
    fields = {{"inputs", std::move(inputs)}, {"digest", plan->digest}};
  }
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, fields, decision.ready));
  return Micros(0);
}

}  // namespace millrace::controller::feature_service
