// EventRecorder: what a controller has to say about an object, as Events that
// `kubectl describe` shows.
//
//   MR_ASSIGN_OR_RETURN(auto events, EventRecorder::Create(*client, {.controller =
//   "millrace.dev/operator"})); events->Record(job, EventType::kWarning, "QuotaExceeded", "Admit", "the
//   project has 8 of its 8 GPUs in use");
//
// Record never waits and never fails: events are remarks, not state. Repetitions
// become a series, each object has a rate, and the queue of writes is bounded;
// dropped() counts what was lost. Thread safe. Ends before its client; Flush first
// if the last remarks matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/json_fwd.h"
#include "base/status.h"
#include "kube/client.h"

namespace millrace::kube {

enum class EventType : uint8_t { kNormal, kWarning };

struct EventOptions {
  std::string controller;             // a qualified name: "millrace.dev/operator"
  std::string instance = "millrace";  // of this process: the pod's name
  std::chrono::seconds series_interval{60};
  size_t max_queue = 1000;  // writes that wait
};

class EventRecorder {
 public:
  static Result<std::unique_ptr<EventRecorder>> Create(Client& client, EventOptions options);
  ~EventRecorder();

  // `object` is the whole object or at least apiVersion, kind and metadata. Reasons
  // and actions are words in UpperCamelCase.
  void Record(const Json& object, EventType type, const std::string& reason, const std::string& action,
              const std::string& note);

  // Writes what is known and waits until nothing is to be written any more.
  Status Flush(std::chrono::steady_clock::time_point deadline);
  // Remarks and writes that were lost: too many, or refused by the server.
  int64_t dropped() const;

 private:
  struct State;
  explicit EventRecorder(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with its coroutine
};

}  // namespace millrace::kube
