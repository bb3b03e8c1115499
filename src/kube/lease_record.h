// What a Lease says, and who may take it: the decision of leader election, pure.
//
// The algorithm is client-go's (tools/leaderelection): clocks of different machines
// are never compared. A candidate notes, by its own steady clock, when it saw the
// record change for the last time, and takes the lease when that is longer ago than
// the record's own duration. A holder that renews in time therefore keeps it
// whatever the wall clocks say.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/json_fwd.h"
#include "base/status.h"
#include "base/time.h"

namespace millrace::kube {

struct LeaseRecord {
  std::string holder;  // "": nobody
  int64_t duration_seconds = 0;
  std::optional<EventTime> acquired;
  std::optional<EventTime> renewed;
  int64_t transitions = 0;

  bool operator==(const LeaseRecord&) const = default;
};

// Of an object coordination.k8s.io/v1 Lease; what is missing stays empty. Fields of
// another form are InvalidArgument.
Result<LeaseRecord> ReadLease(const Json& lease);
// spec of the object that says so.
Json LeaseSpec(const LeaseRecord& record);

// A record, and when this candidate first saw it in this form.
struct ObservedLease {
  LeaseRecord record;
  std::chrono::steady_clock::time_point since;
};

enum class LeaseAction : uint8_t {
  kCreate,  // there is none
  kTake,    // nobody has it, or its holder did not renew it
  kRenew,   // it is ours
  kWait,    // another's, and in force as far as we can know
};

LeaseAction DecideLease(const std::optional<ObservedLease>& observed, const std::string& me,
                        std::chrono::steady_clock::time_point now);

// What is to be written for an action other than kWait.
LeaseRecord NextLease(LeaseAction action, const std::optional<ObservedLease>& observed, const std::string& me,
                      std::chrono::seconds duration, EventTime now);
// What gives it up: anybody may take it at once.
LeaseRecord ReleasedLease(const LeaseRecord& held, EventTime now);

}  // namespace millrace::kube
