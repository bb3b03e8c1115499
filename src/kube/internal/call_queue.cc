#include "kube/internal/call_queue.h"

#include <algorithm>
#include <cmath>

namespace millrace::kube::internal {
namespace {

std::chrono::milliseconds MayWait(Priority priority) {
  switch (priority) {
    case Priority::kLease:
    case Priority::kStatus:
      return std::chrono::milliseconds(0);
    case Priority::kNormal:
      return std::chrono::milliseconds(1000);
    case Priority::kBulk:
      return std::chrono::milliseconds(5000);
  }
  return std::chrono::milliseconds(0);
}

}  // namespace

CallQueue::Ticket CallQueue::Enter(Priority priority, bool slot, TimePoint now) {
  const Ticket ticket = next_++;
  const Call call{priority, slot, now + MayWait(priority)};
  calls_.emplace(ticket, call);
  order_.emplace(call.order, ticket);
  return ticket;
}

void CallQueue::Refill(TimePoint now) {
  if (refilled_ && now > *refilled_) {
    const double seconds = std::chrono::duration<double>(now - *refilled_).count();
    tokens_ = std::min<double>(options_.burst, tokens_ + seconds * options_.rate);
  }
  if (!refilled_ || now > *refilled_) refilled_ = now;
}

bool CallQueue::HasSlot(const Call& call) const {
  if (!call.slot) return true;
  if (call.priority == Priority::kLease) return leases_in_flight_ < kLeaseSlots;
  return in_flight_ < options_.slots;
}

std::vector<CallQueue::Ticket> CallQueue::Admit(TimePoint now) {
  Refill(now);
  std::vector<Ticket> admitted;
  for (auto it = order_.begin(); it != order_.end();) {
    const auto found = calls_.find(it->second);
    const Call& call = found->second;
    const bool lease = call.priority == Priority::kLease;
    if (!HasSlot(call) || (!lease && tokens_ < 1)) {
      ++it;
      continue;
    }
    if (!lease) tokens_ -= 1;
    if (call.slot) ++(lease ? leases_in_flight_ : in_flight_);
    admitted.push_back(it->second);
    calls_.erase(found);
    it = order_.erase(it);
  }
  return admitted;
}

std::optional<TimePoint> CallQueue::NextAt(TimePoint now) {
  Refill(now);
  const bool ready =
      std::any_of(calls_.begin(), calls_.end(), [this](const auto& entry) { return HasSlot(entry.second); });
  if (!ready) return std::nullopt;
  const double missing = std::max(0.0, 1 - tokens_);
  const auto wait = std::chrono::nanoseconds(std::llround(std::ceil(missing / options_.rate * 1e9)));
  return now + wait;
}

bool CallQueue::Leave(Ticket ticket) {
  const auto found = calls_.find(ticket);
  if (found == calls_.end()) return false;
  order_.erase({found->second.order, ticket});
  calls_.erase(found);
  return true;
}

void CallQueue::Finish(Priority priority) {
  int& count = priority == Priority::kLease ? leases_in_flight_ : in_flight_;
  --count;
}

}  // namespace millrace::kube::internal
