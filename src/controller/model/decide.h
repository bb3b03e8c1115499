// Model: a version for the current definition, made by one TrainingJob.
//
// The definition's digest covers everything that a version depends on but the
// data: the model's own spec, its service, the views and the source. A new
// definition gets a new job; new data alone does not. The job's name is derived
// from the digest, so that a controller that is killed between making the job
// and noting it finds it again. Decide is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "controller/ready.h"

namespace millrace::controller::model {

struct Version {
  int64_t version = 0;
  std::string definition = {};  // digest of what it was trained from
  std::string reason = {};      // what its gates said, in a sentence
  bool passed = false;          // all of them
};

struct Job {
  std::string name = {};
  std::string phase =
      {};  // of its status: Pending, Running, Succeeded, Failed, Cancelled; "" not looked at yet
  std::string message = {};  // of its condition Ready
};

struct Snapshot {
  std::string name = {};                           // of the model
  Result<std::string> definition = std::string();  // digest, or what is not ready or wrong
  std::string alias = {};                          // that promotion moves
  std::optional<int64_t> promoted = {};            // the version it points at
  std::vector<Version> versions = {};
  std::optional<Job> job = {};  // the one that JobName gives
};

struct Decision {
  std::string create_job = {};  // its name; "" for none
  Ready ready;
};

// "fraud-1a2b3c4d".
std::string JobName(const std::string& model, const std::string& definition);

Decision Decide(const Snapshot& snapshot);

}  // namespace millrace::controller::model
