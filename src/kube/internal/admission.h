// Admission: CallQueue with waiting coroutines. For the loop's thread.
#pragma once

#include <map>

#include "base/status.h"
#include "kube/internal/call_queue.h"
#include "kube/internal/loop.h"

namespace millrace::kube::internal {

class Admission {
 public:
  Admission(Loop& loop, CallQueue::Options options);

  // Ok once the call may go; Finish must follow when it had a slot.
  Task<Status> Enter(Priority priority, bool slot, Cancellation& cancellation, TimePoint deadline);
  void Finish(Priority priority);

 private:
  struct Waiting {
    explicit Waiting(Loop& loop) : signal(loop) {}
    Signal signal;
    bool admitted = false;
  };

  void Pump();

  Loop& loop_;
  CallQueue queue_;
  std::map<CallQueue::Ticket, Waiting*> waiting_;
  asio::steady_timer timer_;
  Cancellation ending_;
  CancelHook end_timer_;
};

}  // namespace millrace::kube::internal
