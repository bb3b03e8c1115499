#include "kube/lease_record.h"

#include "base/json.h"
#include "kube/internal/micro_time.h"

namespace millrace::kube {
namespace {

Result<int64_t> NumberAt(const Json& spec, const char* key) {
  const auto found = spec.find(key);
  if (found == spec.end() || found->is_null()) return 0;
  if (!found->is_number_integer()) return InvalidArgument("spec.{} of the lease is no whole number", key);
  return found->get<int64_t>();
}

Result<std::optional<EventTime>> TimeAt(const Json& spec, const char* key) {
  const auto found = spec.find(key);
  if (found == spec.end() || found->is_null()) return std::optional<EventTime>();
  if (!found->is_string()) return InvalidArgument("spec.{} of the lease is no time", key);
  Result<EventTime> time = ParseTime(found->get<std::string>());
  if (!time.ok()) return time.status().WithContext(fmt::format("spec.{} of the lease", key));
  return std::optional<EventTime>(*time);
}

}  // namespace

Result<LeaseRecord> ReadLease(const Json& lease) {
  LeaseRecord record;
  if (!lease.is_object()) return InvalidArgument("a lease is an object");
  const auto spec = lease.find("spec");
  if (spec == lease.end() || spec->is_null()) return record;
  if (!spec->is_object()) return InvalidArgument("spec of the lease is no object");
  const auto holder = spec->find("holderIdentity");
  if (holder != spec->end() && holder->is_string()) record.holder = holder->get<std::string>();
  MR_ASSIGN_OR_RETURN(record.duration_seconds, NumberAt(*spec, "leaseDurationSeconds"));
  MR_ASSIGN_OR_RETURN(record.transitions, NumberAt(*spec, "leaseTransitions"));
  MR_ASSIGN_OR_RETURN(record.acquired, TimeAt(*spec, "acquireTime"));
  MR_ASSIGN_OR_RETURN(record.renewed, TimeAt(*spec, "renewTime"));
  return record;
}

Json LeaseSpec(const LeaseRecord& record) {
  Json spec = {{"holderIdentity", record.holder},
               {"leaseDurationSeconds", record.duration_seconds},
               {"leaseTransitions", record.transitions}};
  if (record.acquired) spec["acquireTime"] = internal::FormatMicroTime(*record.acquired);
  if (record.renewed) spec["renewTime"] = internal::FormatMicroTime(*record.renewed);
  return spec;
}

LeaseAction DecideLease(const std::optional<ObservedLease>& observed, const std::string& me,
                        std::chrono::steady_clock::time_point now) {
  if (!observed) return LeaseAction::kCreate;
  const LeaseRecord& record = observed->record;
  if (record.holder == me) return LeaseAction::kRenew;
  if (record.holder.empty()) return LeaseAction::kTake;
  // Counted in seconds: a duration from outside may be any number.
  const double age = std::chrono::duration<double>(now - observed->since).count();
  return age < static_cast<double>(record.duration_seconds) ? LeaseAction::kWait : LeaseAction::kTake;
}

LeaseRecord NextLease(LeaseAction action, const std::optional<ObservedLease>& observed, const std::string& me,
                      std::chrono::seconds duration, EventTime now) {
  LeaseRecord next{me, duration.count(), now, now, 0};
  if (!observed) return next;
  next.transitions = observed->record.transitions;
  if (action == LeaseAction::kRenew) {
    next.acquired = observed->record.acquired ? observed->record.acquired : now;
  } else {
    ++next.transitions;
  }
  return next;
}

LeaseRecord ReleasedLease(const LeaseRecord& held, EventTime now) {
  // A duration of 0 is not valid.
  return {"", 1, now, now, held.transitions};
}

}  // namespace millrace::kube
