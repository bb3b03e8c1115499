// ModelEndpoint: serve the version that the alias points at, or the pinned one.
//
// Another version is loaded beside the running one, checked, warmed and swapped
// in; when that fails the running one stays. Decide is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "controller/ready.h"
#include "controller/task_set.h"

namespace millrace::controller::model_endpoint {

struct Snapshot {
  std::string model = {};               // "fraud@champion", "fraud:3", for messages
  Result<int64_t> wanted = int64_t{0};  // the version now, or why there is none
  Status inputs = {};                   // not ok: its features cannot be looked up yet
  std::optional<int64_t> serving = {};  // the version that answers
  std::string url = {};                 // where it answers
  std::optional<TaskView> task = {};    // the load; its input is the version's number
};

struct Decision {
  std::optional<int64_t> load = {};
  Ready ready;
  Micros look_again{0};
};

Decision Decide(const Snapshot& snapshot);

}  // namespace millrace::controller::model_endpoint
