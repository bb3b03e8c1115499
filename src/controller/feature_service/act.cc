#include "controller/controllers.h"
#include "controller/feature_service/observe.h"
#include "controller/status_writer.h"

namespace millrace::controller::feature_service {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const Observed observed = Observe(context, resource);
  const feature::ServicePlanPtr& plan = observed.plan;
  const Decision decision = Decide(observed.snapshot);
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
