// One training run, from the data snapshot to a registered version.
//
//   events ─▶ training set ─▶ child `millrace train` ─▶ scores of the test rows ─▶ gates ─▶ package, version
//
// Run blocks for as long as it takes; it is a task's work. What it leaves behind
// when it is killed at any point is found and cleared away by the next attempt: a
// run that is RUNNING, a version that is PENDING. Only the last step makes the
// version READY, and that is what the controller looks for.
#pragma once

#include <string>

#include "base/json.h"
#include "controller/compute_pool/admit.h"
#include "controller/context.h"
#include "controller/plans.h"
#include "resource/resource.h"
#include "resource/spec.h"

namespace millrace::controller::training_job {

// Tags of a version, by which the controller finds it again.
inline constexpr std::string_view kJobTag = "millrace.job";        // the job's uid
inline constexpr std::string_view kPassedTag = "millrace.passed";  // "true" when all gates held
inline constexpr std::string_view kRoundsTag = "millrace.rounds";  // that were trained

struct RunRequest {
  resource::ResourceKey job;
  std::string uid;  // of the job
  resource::TrainingJobSpec spec;
  ModelState model;
  compute_pool::Need need;  // what it holds of its pool: its limits
  std::string definition;   // of the version: the model's, or another when the job overrides something
};

Status Run(Context& context, const RunRequest& request, TaskContext& task);

// The digest of what this job trains: the model's unless the job overrides parameters or the start.
std::string DefinitionOf(const ModelState& model, const resource::TrainingJobSpec& spec);

}  // namespace millrace::controller::training_job
