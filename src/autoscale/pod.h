// What an autoscaler sees of a pod, in the terms of the Kubernetes API. On the
// laptop a replica is a process: running, ready or not, with a start time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autoscale/quantity.h"
#include "base/time.h"

namespace millrace::autoscale {

enum class PodPhase { kPending, kRunning, kSucceeded, kFailed, kUnknown };
enum class ReadyCondition { kAbsent, kTrue, kFalse, kUnknown };

struct Container {
  std::string name;
  std::map<std::string, Milli> requests;  // by resource: {"cpu", 500}; memory in thousandths of a byte
};

struct Pod {
  std::string name;
  PodPhase phase = PodPhase::kRunning;
  bool deleting = false;                  // metadata.deletionTimestamp is set
  std::optional<EventTime> started = {};  // status.startTime
  ReadyCondition ready = ReadyCondition::kTrue;
  EventTime ready_changed = {};            // the condition's lastTransitionTime
  std::vector<Container> containers = {};  // with the init containers that go on running
  // spec.resources.requests (pod level); when it is not empty it stands for the containers' sum.
  std::map<std::string, Milli> requests = {};
};

// One pod's value of a metric: the mean over `window`, ending at `at`.
struct PodSample {
  std::string pod;
  Milli value = 0;
  EventTime at;
  Micros window{0};
};

}  // namespace millrace::autoscale
