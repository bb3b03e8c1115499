#include "controller/controllers.h"

namespace millrace::controller {

const std::vector<Controller>& Controllers() {
  static const std::vector<Controller> controllers = {
      {"Project", project::Reconcile, project::Forget},
      {"ComputePool", compute_pool::Reconcile, nullptr},
      {"DataSource", data_source::Reconcile, data_source::Forget},
      {"FeatureView", feature_view::Reconcile, feature_view::Forget},
      {"FeatureService", feature_service::Reconcile, nullptr},
      {"Model", model::Reconcile, nullptr},
      {"TrainingJob", training_job::Reconcile, training_job::Forget},
      {"ModelEndpoint", model_endpoint::Reconcile, model_endpoint::Forget},
  };
  return controllers;
}

}  // namespace millrace::controller
