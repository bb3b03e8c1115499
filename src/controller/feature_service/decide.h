// FeatureService: compile the ordered, typed input of a model, once all the
// views that it takes features from are there. Decide is pure.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "controller/ready.h"

namespace millrace::controller::feature_service {

struct Snapshot {
  std::vector<std::string> waiting_for = {};  // views that are not ready, "FeatureView NAME"
  Result<int64_t> features =
      int64_t{0};  // how many inputs the compiled service has, or why it does not compile
};

struct Decision {
  Ready ready;
};

Decision Decide(const Snapshot& snapshot);

}  // namespace millrace::controller::feature_service
