// The plans of versions that endpoints serve or are to serve: the online state
// must hold their views, also when the definitions have moved on.
#pragma once

#include <string>
#include <vector>

#include "controller/context.h"
#include "feature/plan.h"
#include "registry/registry.h"
#include "resource/spec.h"

namespace millrace::controller {

// The version that an endpoint's spec means now.
Result<registry::ModelVersion> ResolveVersion(Context& context, const std::string& project,
                                              const resource::ModelEndpointSpec& spec);

// The views of `views` preceded by those of the served and wanted versions that
// are over the source and differ from them.
std::vector<feature::ViewPlanPtr> WithServedViews(Context& context, const std::string& project,
                                                  const std::string& source,
                                                  std::vector<feature::ViewPlanPtr> views);

}  // namespace millrace::controller
