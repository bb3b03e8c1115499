// What a FeatureService's controller sees before it decides.
#pragma once

#include <string>

#include "controller/context.h"
#include "controller/feature_service/decide.h"
#include "feature/plan.h"
#include "resource/resource.h"

namespace millrace::controller::feature_service {

struct Observed {
  feature::ServicePlanPtr plan;  // null until it compiles
  Snapshot snapshot;
};

Observed Observe(Context& context, const resource::Resource& resource);

// A service is compiled for the examples of the model that uses it; without a
// model, for events of its first view's source. FailedPrecondition when nothing tells.
Result<std::string> SourceOf(Context& context, const resource::Resource& service);

}  // namespace millrace::controller::feature_service
