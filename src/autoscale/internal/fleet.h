// The replicas of a simulation, the requests that they serve, and the queue in
// front of them. Private to src/autoscale. One thread at a time.
//
//   Starting ─(startup has passed)─▶ Ready ─(scaled down)─▶ Draining ─(last request ends)─▶ gone
//      └───────────────────────(scaled down)──────────────────────────────────────────────▲
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "autoscale/internal/arrivals.h"
#include "autoscale/internal/latency_histogram.h"
#include "autoscale/internal/random.h"
#include "autoscale/simulation.h"

namespace millrace::autoscale::internal {

// The integral of a count over time, reckoned only when the count changes:
// ∫N dt to t is N·t − Σ change·its time. Wraps around; differences are right.
class Area {
 public:
  void Change(int64_t by, int64_t at) {
    count_ += by;
    moment_ -= static_cast<uint64_t>(by) * static_cast<uint64_t>(at);
  }
  int64_t count() const { return count_; }
  // In count × ns.
  uint64_t Until(int64_t at) const {
    return static_cast<uint64_t>(count_) * static_cast<uint64_t>(at) + moment_;
  }

 private:
  int64_t count_ = 0;
  uint64_t moment_ = 0;
};

class Fleet {
 public:
  Fleet(const ReplicaModel& model, uint64_t seed);

  // Before the first request: so many replicas that are ready.
  void Begin(int32_t replicas);
  void ScaleTo(int32_t replicas, int64_t now);
  void Arrive(int64_t now, double service_ms);
  // When something happens next of itself: a request ends, a replica becomes ready.
  int64_t NextEnd() const { return ends_.empty() ? kNever : ends_.front().at; }
  int64_t NextReady() const { return next_ready_; }
  void End();
  void BecomeReady(int64_t now);
  // Lets go of what has waited too long.
  void Expire(int64_t now);

  std::vector<Pod> Pods(EventTime start) const;
  int32_t wanted() const { return wanted_; }
  int64_t outstanding() const { return in_service_.count() + waiting_.count(); }
  const Area& in_service() const { return in_service_; }
  const Area& waiting() const { return waiting_; }
  const Area& existing() const { return existing_; }
  const Area& ready() const { return ready_; }

  struct Counts {
    int64_t served = 0, timeouts = 0, rejected = 0, waited = 0;
    double wait_ns = 0;
  };
  const Counts& counts() const { return counts_; }
  LatencyHistogram latencies;  // since it was last cleared

 private:
  enum class Phase { kGone, kStarting, kReady, kDraining };
  struct Replica {
    Phase phase = Phase::kGone;
    int64_t created = 0, ready_at = 0;
    int32_t busy = 0;
    uint64_t id = 0;
  };
  struct Ending {
    int64_t at;
    uint32_t replica;
  };
  struct Request {
    int64_t arrived;
    double service_ms;
  };

  void Create(int64_t now);
  void Remove(int64_t now);
  void Start(const Request& request, uint32_t replica, int64_t now);
  void StartWaiting(int64_t now);
  double ServiceNs(double mean_ms);
  void FindNextReady();
  void PushEnd(Ending ending);
  Ending PopEnd();

  ReplicaModel model_;
  Random service_, startup_;
  double log_mean_shift_ = 0, log_deviation_ = 0;
  std::vector<Replica> replicas_;
  std::vector<uint32_t> free_;  // places in replicas_ that may be used again
  std::vector<uint32_t> idle_;  // an entry for each free place of a ready replica
  std::vector<Ending> ends_;    // a heap, the earliest first
  std::deque<Request> queue_;
  Area in_service_, waiting_, existing_, ready_;
  Counts counts_;
  int32_t wanted_ = 0;
  int64_t next_ready_ = kNever;
  uint64_t created_ = 0;
};

}  // namespace millrace::autoscale::internal
