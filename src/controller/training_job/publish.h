// The last steps of a run: the run's record in the registry, the package, the version.
#pragma once

#include <string>

#include "base/json.h"
#include "controller/context.h"
#include "controller/training_job/judge.h"
#include "controller/training_job/run.h"
#include "training/trainer.h"

namespace millrace::controller::training_job {

// A run with its parameters; attempts of this job that were cut short are closed.
Result<registry::Run> OpenRun(Context& context, const RunRequest& request, const Json& parameters);

// Ends the run as `result` says. Keeps the first failure there is.
Status CloseRun(Context& context, const std::string& run, const Status& result);

struct PublishRequest {
  const RunRequest& run;
  const registry::Run& record;
  const training::TrainingOutcome& outcome;
  const Judgement& judgement;
  Json parameters;
  feature::Split split;
  int64_t seed = 0;
};

// Registers the version, writes its package, and makes it READY. Returns its number.
Result<int64_t> Publish(Context& context, const PublishRequest& request);

}  // namespace millrace::controller::training_job
