#include "autoscale/simulation.h"

#include <algorithm>
#include <cmath>

#include "autoscale/internal/arrivals.h"
#include "autoscale/internal/fleet.h"

namespace millrace::autoscale {
namespace {

using internal::Fleet;
using internal::kNever;

constexpr int64_t kSecond = 1'000'000'000;  // ns
constexpr int32_t kMaxReplicas = 100'000;
constexpr size_t kMaxChanges = 10'000;

class Simulation {
 public:
  Simulation(const Trace& trace, Autoscaler& policy, const SimulationOptions& options)
      : trace_(trace),
        policy_(policy),
        options_(options),
        fleet_(options.replica, options.seed),
        arrivals_(trace, options.seed) {
    end_ = trace.duration.count() * 1000;
    const int64_t seconds = (end_ + kSecond - 1) / kSecond;
    piece_ = std::max<int64_t>(1, (seconds + options.points - 1) / options.points);
    result_.policy = policy.name();
  }

  SimulationResult Run() {
    fleet_.Begin(policy_.initial_replicas());
    result_.max_replicas = policy_.initial_replicas();
    int64_t arrival = arrivals_.Next();
    int64_t tick = 0;
    while (true) {
      const int64_t ends = fleet_.NextEnd();
      const int64_t ready = fleet_.NextReady();
      const int64_t now = std::min(std::min(arrival, ends), std::min(ready, tick));
      if (now >= end_) break;
      if (now == ends) {
        fleet_.End();
      } else if (now == arrival) {
        Arrive(now);
        arrival = arrivals_.Next();
      } else if (now == ready) {
        fleet_.BecomeReady(now);
      } else {
        Tick(now);
        tick += kSecond;
      }
    }
    return Finish();
  }

 private:
  void Arrive(int64_t now) {
    ++result_.requests;
    ++arrived_;
    fleet_.Arrive(now, arrivals_.service_ms());
    if (fleet_.wanted() == 0 && policy_.wakes_at_once()) Evaluate(now);
  }

  // The end of one second, and the beginning of the next.
  void Tick(int64_t now) {
    fleet_.Expire(now);
    const int64_t second = now / kSecond;
    if (second > 0) {
      Note(now);
      if (second % piece_ == 0) Close(now);
    }
    if (second % std::max<int64_t>(1, policy_.period().count() / 1'000'000) == 0) Evaluate(now);
  }

  void Note(int64_t now) {
    const uint64_t busy = fleet_.in_service().Until(now);
    const uint64_t waiting = fleet_.waiting().Until(now);
    const double mean_busy = static_cast<double>(busy - busy_seen_) / static_cast<double>(kSecond);
    const double mean_waiting = static_cast<double>(waiting - waiting_seen_) / static_cast<double>(kSecond);
    load_.Add({mean_busy + mean_waiting, mean_busy, static_cast<double>(result_.requests - requests_seen_)});
    busy_seen_ = busy;
    waiting_seen_ = waiting;
    requests_seen_ = result_.requests;
  }

  // A piece of the series ends.
  void Close(int64_t now) {
    const double length = static_cast<double>(now - piece_begin_);
    if (length <= 0) return;
    const uint64_t existing = fleet_.existing().Until(now);
    const uint64_t ready = fleet_.ready().Until(now);
    const int64_t failed = fleet_.counts().timeouts + fleet_.counts().rejected;
    result_.series.push_back({Micros(piece_begin_ / 1000), static_cast<double>(arrived_) * 1e9 / length,
                              static_cast<double>(existing - existing_seen_) / length,
                              static_cast<double>(ready - ready_seen_) / length,
                              fleet_.latencies.PercentileMs(0.99), failed - failed_seen_});
    // The sums of the whole are taken here too: over a year the areas themselves would wrap around.
    replica_ns_ += static_cast<double>(existing - existing_seen_);
    ready_ns_ += static_cast<double>(ready - ready_seen_);
    const uint64_t busy = fleet_.in_service().Until(now);
    busy_ns_ += static_cast<double>(busy - busy_closed_);
    busy_closed_ = busy;
    existing_seen_ = existing;
    ready_seen_ = ready;
    failed_seen_ = failed;
    piece_begin_ = now;
    arrived_ = 0;
    latencies_.Add(fleet_.latencies);
    fleet_.latencies.Clear();
  }

  void Evaluate(int64_t now) {
    const EventTime time = trace_.start + Micros(now / 1000);
    const Observation observation{time, fleet_.wanted(), fleet_.Pods(trace_.start), fleet_.outstanding(),
                                  &load_};
    Autoscaler::Answer answer = policy_.Evaluate(observation);
    const int32_t to = std::clamp(answer.replicas, 0, kMaxReplicas);
    if (to == fleet_.wanted()) return;
    ++result_.change_count;
    if (result_.changes.size() < kMaxChanges) {
      result_.changes.push_back({Micros(now / 1000), fleet_.wanted(), to, std::move(answer.why)});
    }
    fleet_.ScaleTo(to, now);
    result_.max_replicas = std::max(result_.max_replicas, to);
  }

  SimulationResult Finish() {
    Close(end_);
    const Fleet::Counts& counts = fleet_.counts();
    result_.served = counts.served;
    result_.timeouts = counts.timeouts;
    result_.rejected = counts.rejected;
    result_.unfinished = fleet_.waiting().count();
    result_.mean_ms = latencies_.MeanMs();
    result_.p50_ms = latencies_.PercentileMs(0.50);
    result_.p95_ms = latencies_.PercentileMs(0.95);
    result_.p99_ms = latencies_.PercentileMs(0.99);
    result_.max_ms = latencies_.MaxMs();
    if (counts.served > 0) {
      result_.mean_wait_ms = counts.wait_ns / static_cast<double>(counts.served) / 1e6;
      result_.waited = static_cast<double>(counts.waited) / static_cast<double>(counts.served);
    }
    result_.replica_seconds = replica_ns_ / 1e9;
    result_.mean_replicas = replica_ns_ / static_cast<double>(end_);
    result_.cost = result_.replica_seconds / 3600 * options_.price_per_replica_hour;
    if (ready_ns_ > 0) result_.busy = busy_ns_ / (ready_ns_ * options_.replica.concurrency);
    return std::move(result_);
  }

  const Trace& trace_;
  Autoscaler& policy_;
  const SimulationOptions& options_;
  Fleet fleet_;
  internal::ArrivalStream arrivals_;
  LoadHistory load_;
  internal::LatencyHistogram latencies_;
  SimulationResult result_;
  int64_t end_ = 0;          // ns
  int64_t piece_ = 1;        // s
  int64_t piece_begin_ = 0;  // ns
  int64_t arrived_ = 0;      // in the piece
  int64_t requests_seen_ = 0, failed_seen_ = 0;
  uint64_t busy_seen_ = 0, busy_closed_ = 0, waiting_seen_ = 0, existing_seen_ = 0, ready_seen_ = 0;
  double replica_ns_ = 0, ready_ns_ = 0, busy_ns_ = 0;
};

}  // namespace

Status ValidateSimulation(const SimulationOptions& options) {
  const ReplicaModel& model = options.replica;
  if (model.concurrency < 1 || model.concurrency > 10'000) {
    return InvalidArgument("a replica serves {} requests at once; 1 to 10,000 can be", model.concurrency);
  }
  if (!(model.service_ms > 0 && model.service_ms <= 3.6e6)) {
    return InvalidArgument("a request takes {} ms; more than 0 and at most 3,600,000 can be",
                           FormatReal(model.service_ms));
  }
  if (!(model.variation >= 0 && model.variation <= 100)) {
    return InvalidArgument("the variation of the service time is {}; 0 to 100 can be",
                           FormatReal(model.variation));
  }
  if (model.startup < Micros(0) || model.startup > std::chrono::hours(24)) {
    return InvalidArgument("a replica starts in {}; 0 to 1d can be", FormatDuration(model.startup));
  }
  if (!(model.startup_spread >= 0 && model.startup_spread <= 1)) {
    return InvalidArgument("the spread of the start-up time is {}; 0 to 1 can be",
                           FormatReal(model.startup_spread));
  }
  if (model.timeout <= Micros(0) || model.timeout > std::chrono::hours(24)) {
    return InvalidArgument("the timeout is {}; it must be longer than 0 and at most 1d",
                           FormatDuration(model.timeout));
  }
  if (model.queue_limit < 0 || model.queue_limit > 10'000'000) {
    return InvalidArgument("the queue's limit is {}; 0 to 10,000,000 can be", model.queue_limit);
  }
  if (!(options.price_per_replica_hour >= 0 && options.price_per_replica_hour <= 1e9)) {
    return InvalidArgument("the price is {}; it cannot be negative",
                           FormatReal(options.price_per_replica_hour));
  }
  if (options.points < 1 || options.points > 100'000) {
    return InvalidArgument("a series of {} points was asked for; 1 to 100,000 can be", options.points);
  }
  return Ok();
}

Result<SimulationResult> Simulate(const Trace& trace, Autoscaler& policy, const SimulationOptions& options) {
  MR_RETURN_IF_ERROR(ValidateTrace(trace));
  MR_RETURN_IF_ERROR(ValidateSimulation(options));
  if (policy.initial_replicas() < 0 || policy.initial_replicas() > kMaxReplicas) {
    return InvalidArgument("{} begins with {} replicas; 0 to {} can be", policy.name(),
                           policy.initial_replicas(), kMaxReplicas);
  }
  return Simulation(trace, policy, options).Run();
}

}  // namespace millrace::autoscale
