#include "controller/controllers.h"

namespace millrace::controller {

const std::vector<Controller>& Controllers() {
  static const std::vector<Controller> controllers = {
      {"Project", project::Reconcile, project::Finalize, project::Forget},
      {"ComputePool", compute_pool::Reconcile, nullptr, nullptr},
      {"DataSource", data_source::Reconcile, data_source::Finalize, data_source::Forget},
      {"FeatureView", feature_view::Reconcile, feature_view::Finalize, feature_view::Forget},
      {"FeatureService", feature_service::Reconcile, nullptr, nullptr},
      {"Model", model::Reconcile, model::Finalize, nullptr},
      {"TrainingJob", training_job::Reconcile, nullptr, training_job::Forget},
      {"ModelEndpoint", model_endpoint::Reconcile, nullptr, model_endpoint::Forget},
  };
  return controllers;
}

}  // namespace millrace::controller
