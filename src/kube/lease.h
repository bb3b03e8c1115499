// LeaderElector: of several processes that want the same, one at a time.
//
//   MR_ASSIGN_OR_RETURN(auto elector,
//       LeaderElector::Start(*client, {.ns = "millrace", .name = "operator", .identity = pod_name},
//                            {.on_started = [&] { … }, .on_stopped = [&](Status why) { … }}));
//
//        ┌───────────── candidate ◀────────────────────────────┐
//        │ every retry_period: nobody has it, or it was not     │ another has it, or it was not
//        ▼ renewed for its duration                             │ renewed for renew_deadline
//      leader ── renews every retry_period ────────────────────┘
//
// Uses coordination.k8s.io/v1 Lease, with client-go's rules (kube/lease_record.h),
// so that kubectl and other electors understand it. A leader that cannot renew for
// renew_deadline stops being one, and is told so at once, while the lease is still
// in force for lease_duration − renew_deadline: nobody else leads before that.
// IsLeader is false from that moment on even if the I/O thread stands still.
//
// Callbacks run on the client's I/O thread, in order, and must not block. After
// on_stopped it is a candidate again. The destructor stops: on_stopped is called
// if it led, and only then is the lease released, so that the next one starts at
// once but never beside us. Calls have the priority of leases and are not limited
// by the client's rate. Fails with InvalidArgument for periods that do not fit.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "kube/client.h"

namespace millrace::kube {

struct LeaderOptions {
  std::string ns;
  std::string name;
  std::string identity;                             // of this process; no two may have the same
  std::chrono::milliseconds lease_duration{15000};  // whole seconds
  std::chrono::milliseconds renew_deadline{10000};  // below lease_duration
  std::chrono::milliseconds retry_period{2000};     // renew_deadline is more than 1.2 times this
  bool release = true;                              // give it up when stopped
  std::map<std::string, std::string> labels = {};   // of the Lease, when this makes it
};

struct LeaderCallbacks {
  std::function<void()> on_started = {};
  std::function<void(Status why)> on_stopped = {};
  std::function<void(const std::string& identity)> on_new_leader = {};  // ourselves included
};

class LeaderElector {
 public:
  static Result<std::unique_ptr<LeaderElector>> Start(Client& client, LeaderOptions options,
                                                      LeaderCallbacks callbacks);
  ~LeaderElector() { Stop(); }
  void Stop();

  bool IsLeader() const;
  // The holder as last seen; "" before that.
  std::string leader() const;

 private:
  struct State;
  explicit LeaderElector(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with its coroutine
};

}  // namespace millrace::kube
