// FeatureView: keep the offline table of features, and the online state, equal
// to the definition and to the source's newest version.
//
// A view's *input* is its definition's digest, and which version of which table of
// the source it is computed from (InputOf). Decide is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "controller/ready.h"
#include "controller/task_set.h"

namespace millrace::controller::feature_view {

struct Snapshot {
  std::string source = {};                     // its name, for messages
  std::optional<int64_t> source_version = {};  // of its table of events; empty: nothing was read yet
  Result<std::string> input =
      std::string();               // digest of definition and source version, or why it does not compile
  std::string offline_input = {};  // what the newest version of the features' table was made from
  int64_t offline_version = 0;
  int64_t rows = 0;                   // of that version
  bool online = false;                // the online state serves this definition
  int64_t online_keys = 0;            // entities in the online state
  std::optional<TaskView> task = {};  // of the offline table
};

struct Decision {
  bool compute = false;
  bool cancel = false;
  Ready ready;
  Micros look_again{0};  // 0: when something changes
};

Decision Decide(const Snapshot& snapshot);

}  // namespace millrace::controller::feature_view
