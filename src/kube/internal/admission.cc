#include "kube/internal/admission.h"

namespace millrace::kube::internal {

Admission::Admission(Loop& loop, CallQueue::Options options)
    : loop_(loop), queue_(options), timer_(loop.context()), ending_(loop), end_timer_(ending_, [this] {
        timer_.cancel();
      }) {}

void Admission::Pump() {
  const TimePoint now = std::chrono::steady_clock::now();
  for (const CallQueue::Ticket ticket : queue_.Admit(now)) {
    const auto found = waiting_.find(ticket);
    found->second->admitted = true;
    found->second->signal.Notify();
    waiting_.erase(found);
  }
  const std::optional<TimePoint> next = queue_.NextAt(now);
  if (!next || ending_.cancelled()) return;
  timer_.expires_at(*next);
  timer_.async_wait([this](boost::system::error_code ec) {
    if (!ec) Pump();
  });
}

Task<Status> Admission::Enter(Priority priority, bool slot, Cancellation& cancellation, TimePoint deadline) {
  Waiting waiting(loop_);
  const CallQueue::Ticket ticket = queue_.Enter(priority, slot, std::chrono::steady_clock::now());
  waiting_.emplace(ticket, &waiting);
  Pump();
  while (!waiting.admitted && !cancellation.cancelled() && std::chrono::steady_clock::now() < deadline) {
    co_await waiting.signal.Wait(cancellation, deadline);
  }
  if (waiting.admitted && !cancellation.cancelled()) co_return Ok();
  if (waiting.admitted) {
    if (slot) Finish(priority);
  } else {
    queue_.Leave(ticket);
    waiting_.erase(ticket);
  }
  if (cancellation.cancelled()) co_return Cancelled("called off");
  co_return DeadlineExceeded(
      "the call waited for its turn until its time was over: the client's rate limit is reached");
}

void Admission::Finish(Priority priority) {
  queue_.Finish(priority);
  Pump();
}

}  // namespace millrace::kube::internal
