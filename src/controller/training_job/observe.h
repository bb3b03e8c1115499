// What a TrainingJob's controller sees before it decides.
#pragma once

#include <optional>

#include "controller/context.h"
#include "controller/plans.h"
#include "controller/training_job/decide.h"
#include "registry/registry.h"
#include "resource/resource.h"
#include "resource/spec.h"

namespace millrace::controller::training_job {

struct Observed {
  resource::TrainingJobSpec spec;
  std::optional<ModelState> model;                // once its inputs are there
  std::optional<registry::ModelVersion> version;  // that the job's run made
  // A run of a deleted job of the same name still ends: its slot, its directory and its failures are not this
  // job's.
  bool of_earlier_job = false;
  Snapshot snapshot;
};

// A run's input as a task: which job, and what it trains.
std::string TaskInput(const std::string& uid, const std::string& definition);

// Fails when a store does.
Result<Observed> Observe(Context& context, const resource::Resource& resource);

}  // namespace millrace::controller::training_job
