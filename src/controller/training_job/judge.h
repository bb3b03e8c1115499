// The judgement of a freshly trained model: its metrics on the test rows, the
// champion's on the same rows, and the gates.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/context.h"
#include "controller/plans.h"
#include "feature/training_set.h"
#include "training/evaluate.h"
#include "training/gate.h"

namespace millrace::controller::training_job {

struct Judgement {
  training::TestRows rows;
  training::Evaluation evaluation;
  std::optional<int64_t> champion;                 // the version it was compared with
  std::map<std::string, double> champion_metrics;  // on the same rows
  training::GateDecision gates;
};

struct JudgeRequest {
  std::string project;
  std::string model;  // name
  const ModelState& state;
  const feature::TrainingSet& set;
  const feature::Split& split;
  const feature::EventTables& events;
  std::string model_path;  // of the new model
};

Result<Judgement> Judge(Context& context, const JudgeRequest& request);

// What BuildTrainingSet keeps of the examples: the entity columns of the metrics.
std::vector<std::string> EntityColumns(const resource::ModelSpec& spec);

}  // namespace millrace::controller::training_job
