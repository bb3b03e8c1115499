// CallQueue: which waiting call goes next. A token bucket limits the rate, a
// number of slots limits the calls in flight, and the priority of the caller
// orders those that wait.
//
// Each call has a virtual deadline, its arrival and what its priority may wait
// (status 0, normal 1 s, bulk 5 s), and the earliest goes first: a status goes
// before a list that came a little sooner, yet a list waits for at most as long
// a backlog as its 5 seconds stand for, so nothing starves. Calls for leases are
// not limited by rate and have two slots of their own: leadership is not lost to
// a burst.
//
// Pure: time comes in as an argument. Not thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "kube/request.h"

namespace millrace::kube::internal {

using TimePoint = std::chrono::steady_clock::time_point;

class CallQueue {
 public:
  using Ticket = uint64_t;
  struct Options {
    double rate = 50;  // calls a second, in the long run; above 0
    int burst = 100;   // calls at once after a rest; above 0
    int slots = 16;    // calls in flight, those for leases not counted
  };

  explicit CallQueue(Options options) : options_(options), tokens_(options.burst) {}

  // A call waits from now on. Without `slot` (a stream), it only takes a token.
  Ticket Enter(Priority priority, bool slot, TimePoint now);
  // Those that may go now, in order; they wait no longer.
  std::vector<Ticket> Admit(TimePoint now);
  // When time alone will let another go; none when it is slots that are missing, or nobody waits.
  std::optional<TimePoint> NextAt(TimePoint now);
  // A call that waits was called off. False when it waits no longer: it was admitted.
  bool Leave(Ticket ticket);
  // An admitted call with a slot ended.
  void Finish(Priority priority);

  size_t waiting() const { return calls_.size(); }

 private:
  struct Call {
    Priority priority;
    bool slot;
    TimePoint order;
  };
  using Key = std::pair<TimePoint, Ticket>;

  static constexpr int kLeaseSlots = 2;

  void Refill(TimePoint now);
  bool HasSlot(const Call& call) const;

  Options options_;
  double tokens_;
  std::optional<TimePoint> refilled_;
  int in_flight_ = 0;
  int leases_in_flight_ = 0;
  Ticket next_ = 1;
  std::map<Ticket, Call> calls_;
  std::set<Key> order_;
};

}  // namespace millrace::kube::internal
