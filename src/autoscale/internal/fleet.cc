#include "autoscale/internal/fleet.h"

#include <cmath>

namespace millrace::autoscale::internal {

Fleet::Fleet(const ReplicaModel& model, uint64_t seed) : model_(model), service_(seed, 1), startup_(seed, 2) {
  // A log-normal with mean 1 and the given variation.
  const double variance = std::log1p(model.variation * model.variation);
  log_deviation_ = std::sqrt(variance);
  log_mean_shift_ = -variance / 2;
}

void Fleet::Begin(int32_t replicas) {
  for (int32_t i = 0; i < replicas; ++i) Create(0);
  wanted_ = replicas;
  for (Replica& replica : replicas_) replica.ready_at = 0;
  BecomeReady(0);
}

void Fleet::Create(int64_t now) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(replicas_.size()));
    replicas_.emplace_back();
  }
  const uint32_t place = free_.back();
  free_.pop_back();
  const double spread = startup_.Between(1 - model_.startup_spread, 1 + model_.startup_spread);
  const auto takes = static_cast<int64_t>(static_cast<double>(model_.startup.count()) * 1000 * spread);
  replicas_[place] = {Phase::kStarting, now, now + takes, 0, created_++};
  next_ready_ = std::min(next_ready_, now + takes);
  existing_.Change(1, now);
}

// As a ReplicaSet chooses: what is not ready first, then the youngest.
void Fleet::Remove(int64_t now) {
  Replica* chosen = nullptr;
  for (Replica& replica : replicas_) {
    if (replica.phase != Phase::kStarting && replica.phase != Phase::kReady) continue;
    if (chosen == nullptr || std::pair(replica.phase == Phase::kStarting, replica.id) >
                                 std::pair(chosen->phase == Phase::kStarting, chosen->id)) {
      chosen = &replica;
    }
  }
  if (chosen == nullptr) return;
  const auto place = static_cast<uint32_t>(chosen - replicas_.data());
  if (chosen->phase == Phase::kReady) {
    ready_.Change(-1, now);
    std::erase(idle_, place);
  }
  chosen->phase = Phase::kDraining;
  if (chosen->busy == 0) {
    chosen->phase = Phase::kGone;
    free_.push_back(place);
    existing_.Change(-1, now);
  }
}

void Fleet::ScaleTo(int32_t replicas, int64_t now) {
  for (; wanted_ < replicas; ++wanted_) Create(now);
  for (; wanted_ > replicas; --wanted_) Remove(now);
  FindNextReady();
}

void Fleet::FindNextReady() {
  next_ready_ = kNever;
  for (const Replica& replica : replicas_) {
    if (replica.phase == Phase::kStarting) next_ready_ = std::min(next_ready_, replica.ready_at);
  }
}

void Fleet::BecomeReady(int64_t now) {
  for (size_t i = 0; i < replicas_.size(); ++i) {
    Replica& replica = replicas_[i];
    if (replica.phase != Phase::kStarting || replica.ready_at > now) continue;
    replica.phase = Phase::kReady;
    ready_.Change(1, now);
    idle_.insert(idle_.end(), static_cast<size_t>(model_.concurrency), static_cast<uint32_t>(i));
  }
  FindNextReady();
  StartWaiting(now);
}

double Fleet::ServiceNs(double mean_ms) {
  const double mean = (mean_ms > 0 ? mean_ms : model_.service_ms) * 1e6;
  switch (model_.shape) {
    case ServiceShape::kFixed:
      return mean;
    case ServiceShape::kExponential:
      return mean * service_.Exponential();
    case ServiceShape::kLogNormal:
      return mean * std::exp(log_mean_shift_ + log_deviation_ * service_.Normal());
  }
  return mean;
}

void Fleet::PushEnd(Ending ending) {
  ends_.push_back(ending);
  std::push_heap(ends_.begin(), ends_.end(), [](const Ending& a, const Ending& b) { return a.at > b.at; });
}

Fleet::Ending Fleet::PopEnd() {
  std::pop_heap(ends_.begin(), ends_.end(), [](const Ending& a, const Ending& b) { return a.at > b.at; });
  const Ending ending = ends_.back();
  ends_.pop_back();
  return ending;
}

void Fleet::Start(const Request& request, uint32_t replica, int64_t now) {
  const auto takes = static_cast<int64_t>(ServiceNs(request.service_ms));
  const int64_t waited = now - request.arrived;
  ++replicas_[replica].busy;
  in_service_.Change(1, now);
  PushEnd({now + takes, replica});
  ++counts_.served;
  counts_.waited += waited > 0 ? 1 : 0;
  counts_.wait_ns += static_cast<double>(waited);
  latencies.Add(waited + takes);
}

void Fleet::Arrive(int64_t now, double service_ms) {
  const Request request{now, service_ms};
  if (!idle_.empty() && queue_.empty()) {
    const uint32_t replica = idle_.back();
    idle_.pop_back();
    Start(request, replica, now);
    return;
  }
  if (waiting_.count() >= model_.queue_limit) Expire(now);
  if (waiting_.count() >= model_.queue_limit) {
    ++counts_.rejected;
    return;
  }
  queue_.push_back(request);
  waiting_.Change(1, now);
}

void Fleet::End() {
  const Ending ending = PopEnd();
  in_service_.Change(-1, ending.at);
  Replica& replica = replicas_[ending.replica];
  --replica.busy;
  if (replica.phase == Phase::kReady) {
    idle_.push_back(ending.replica);
    if (!queue_.empty()) StartWaiting(ending.at);
  } else if (replica.busy == 0) {
    replica.phase = Phase::kGone;
    free_.push_back(ending.replica);
    existing_.Change(-1, ending.at);
  }
}

void Fleet::Expire(int64_t now) {
  const int64_t timeout = model_.timeout.count() * 1000;
  while (!queue_.empty() && now - queue_.front().arrived > timeout) {
    queue_.pop_front();
    waiting_.Change(-1, now);
    ++counts_.timeouts;
  }
}

void Fleet::StartWaiting(int64_t now) {
  Expire(now);
  while (!queue_.empty() && !idle_.empty()) {
    const Request request = queue_.front();
    queue_.pop_front();
    waiting_.Change(-1, now);
    const uint32_t replica = idle_.back();
    idle_.pop_back();
    Start(request, replica, now);
  }
}

std::vector<Pod> Fleet::Pods(EventTime start) const {
  std::vector<Pod> pods;
  for (const Replica& replica : replicas_) {
    if (replica.phase != Phase::kStarting && replica.phase != Phase::kReady) continue;
    Pod pod;
    pod.name = fmt::format("replica-{}", replica.id);
    pod.started = start + Micros(replica.created / 1000);
    const bool ready = replica.phase == Phase::kReady;
    pod.ready = ready ? ReadyCondition::kTrue : ReadyCondition::kFalse;
    pod.ready_changed = ready ? start + Micros(replica.ready_at / 1000) : *pod.started;
    pods.push_back(std::move(pod));
  }
  return pods;
}

}  // namespace millrace::autoscale::internal
