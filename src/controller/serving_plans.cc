#include "controller/serving_plans.h"

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "inference/endpoint.h"
#include "resource/decode.h"

namespace millrace::controller {
namespace {

constexpr uint64_t kMostServiceBytes = 16 << 20;

// Null when the package cannot be read: loading it will say why.
feature::ServicePlanPtr PlanIn(const std::string& package) {
  const Result<std::string> text = ReadFile(package + "/service.json", kMostServiceBytes);
  if (!text.ok()) return nullptr;
  const Result<Json> json = ParseJson(*text);
  if (!json.ok()) return nullptr;
  Result<feature::ServicePlanPtr> plan = feature::ServicePlan::FromJson(*json);
  return plan.ok() ? *plan : nullptr;
}

std::vector<feature::ServicePlanPtr> PlansOf(Context& context, const std::string& project) {
  std::vector<feature::ServicePlanPtr> plans;
  for (const std::shared_ptr<inference::Endpoint>& endpoint : context.stores.endpoints.List()) {
    if (endpoint->project() != project) continue;
    const inference::ServingVersionPtr version = endpoint->Pin();
    if (version != nullptr && version->model().plan() != nullptr) plans.push_back(version->model().plan());
  }
  const Result<std::vector<resource::Resource>> endpoints = ListOf(context, "ModelEndpoint", project);
  if (!endpoints.ok()) return plans;
  for (const resource::Resource& endpoint : *endpoints) {
    const auto spec = resource::DecodeSpec<resource::ModelEndpointSpec>(endpoint);
    if (!spec.ok()) continue;
    const Result<registry::ModelVersion> version = ResolveVersion(context, project, *spec);
    if (!version.ok()) continue;
    feature::ServicePlanPtr plan = PlanIn(version->source);
    if (plan != nullptr) plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace

Result<registry::ModelVersion> ResolveVersion(Context& context, const std::string& project,
                                              const resource::ModelEndpointSpec& spec) {
  const registry::ScopedName name{project, spec.model};
  if (!spec.version) return context.stores.registry.ResolveAlias(name, spec.alias);
  MR_ASSIGN_OR_RETURN(registry::ModelVersion version,
                      context.stores.registry.GetVersion(name, *spec.version));
  if (version.status != registry::VersionStatus::kReady) {
    return FailedPrecondition("version {} is {}: {}", version.version,
                              registry::VersionStatusName(version.status), version.reason);
  }
  return version;
}

std::vector<feature::ViewPlanPtr> WithServedViews(Context& context, const std::string& project,
                                                  const std::string& source,
                                                  std::vector<feature::ViewPlanPtr> views) {
  std::vector<feature::ViewPlanPtr> all;
  const auto holds = [](const std::vector<feature::ViewPlanPtr>& list, const feature::ViewPlanPtr& view) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& have) { return have->digest == view->digest; });
  };
  for (const feature::ServicePlanPtr& plan : PlansOf(context, project)) {
    for (const feature::ServiceView& view : plan->views) {
      if (view.plan->source.name != source || holds(views, view.plan) || holds(all, view.plan)) continue;
      all.push_back(view.plan);
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->digest < b->digest; });
  // The definitions of today come last: a look-up by name means them.
  all.insert(all.end(), views.begin(), views.end());
  return all;
}

}  // namespace millrace::controller
