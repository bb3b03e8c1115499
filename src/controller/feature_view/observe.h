// What a FeatureView's controller sees before it decides.
#pragma once

#include <optional>
#include <string>

#include "controller/context.h"
#include "controller/feature_view/decide.h"
#include "controller/plans.h"
#include "resource/resource.h"

namespace millrace::controller::feature_view {

struct Observed {
  std::optional<ViewState> view;  // once it compiles
  Snapshot snapshot;
  int64_t state_bytes = 0;
};

Observed Observe(Context& context, const resource::Resource& resource);

}  // namespace millrace::controller::feature_view
