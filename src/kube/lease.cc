#include "kube/lease.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "kube/internal/watch_loop.h"
#include "kube/lease_record.h"

namespace millrace::kube {
namespace {

using internal::Cancellation;
using internal::Core;
using internal::Task;
using internal::TimePoint;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// client-go's: candidates do not ask in step.
constexpr double kJitter = 1.2;
constexpr auto kReleaseTimeout = std::chrono::seconds(2);
const GroupVersionResource kLeases{"coordination.k8s.io", "v1", "leases"};

Status CheckOptions(const LeaderOptions& options) {
  if (options.ns.empty() || options.name.empty() || options.identity.empty()) {
    return InvalidArgument("leader election needs a namespace, a name and an identity");
  }
  const bool whole = options.lease_duration.count() >= 1000 && options.lease_duration.count() % 1000 == 0;
  if (!whole) return InvalidArgument("the lease's duration is a whole number of seconds, 1 at least");
  if (options.retry_period.count() <= 0 || static_cast<double>(options.renew_deadline.count()) <=
                                               kJitter * static_cast<double>(options.retry_period.count())) {
    return InvalidArgument("the renew deadline must be more than {} retry periods", kJitter);
  }
  if (options.lease_duration <= options.renew_deadline) {
    return InvalidArgument("the lease's duration must be longer than the renew deadline");
  }
  return Ok();
}

}  // namespace

struct LeaderElector::State {
  State(Core& c, LeaderOptions o, LeaderCallbacks f)
      : core(c), options(std::move(o)), callbacks(std::move(f)), fiber(c) {}

  // What an attempt to hold the lease came to.
  struct Outcome {
    bool held = false;
    bool others = false;  // it is another's now
    Status failure;
  };

  Core& core;
  const LeaderOptions options;
  const LeaderCallbacks callbacks;

  // Of the loop's thread.
  std::optional<ObservedLease> observed;
  Json object;  // the Lease as last seen, or null

  std::atomic<int64_t> leads_until{0};  // by the steady clock, in its ticks; 0: not the leader
  mutable std::mutex mutex;
  std::string reported;  // the leader that was told

  internal::Fiber fiber;

  ObjectName name() const { return {kLeases, options.ns, options.name, ""}; }
  CallOptions Call(TimePoint deadline) const {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    return {.priority = Priority::kLease, .timeout = std::max(left, milliseconds(1))};
  }
  Status Observe(Json lease);
  void Report();
  Request WriteRequest(LeaseAction action, const LeaseRecord& record, TimePoint deadline) const;
  Task<Outcome> TryHold(Cancellation& cancellation, TimePoint deadline);
  Task<Status> Lead(Cancellation& cancellation, TimePoint held_since);
  Task<void> Release();
  Task<void> Run(Cancellation& cancellation);
};

Status LeaderElector::State::Observe(Json lease) {
  MR_ASSIGN_OR_RETURN(LeaseRecord record, ReadLease(lease));
  // The clock of the record starts anew only when it changed.
  if (!observed || !(observed->record == record))
    observed = ObservedLease{std::move(record), steady_clock::now()};
  object = std::move(lease);
  return Ok();
}

void LeaderElector::State::Report() {
  {
    const std::lock_guard lock(mutex);
    if (!observed || observed->record.holder == reported) return;
    reported = observed->record.holder;
  }
  if (callbacks.on_new_leader && !observed->record.holder.empty())
    callbacks.on_new_leader(observed->record.holder);
}

Request LeaderElector::State::WriteRequest(LeaseAction action, const LeaseRecord& record,
                                           TimePoint deadline) const {
  if (action == LeaseAction::kCreate) {
    Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                  {"kind", "Lease"},
                  {"metadata", {{"name", options.name}, {"namespace", options.ns}}},
                  {"spec", LeaseSpec(record)}};
    for (const auto& [key, value] : options.labels) lease["metadata"]["labels"][key] = value;
    return CreateRequest(kLeases, options.ns, lease, {}, Call(deadline));
  }
  // With the version that was seen: if anybody wrote since, this is a Conflict.
  Json lease = object;
  const Json spec = LeaseSpec(record);
  for (const auto& [key, value] : spec.items()) lease["spec"][key] = value;
  Request request = ReplaceRequest(name(), lease, {}, Call(deadline));
  // Sent twice, the second would be refused for what the first did.
  request.idempotent = false;
  return request;
}

Task<LeaderElector::State::Outcome> LeaderElector::State::TryHold(Cancellation& cancellation,
                                                                  TimePoint deadline) {
  Outcome outcome;
  // A leader renews what it wrote last; only when that fails does it look.
  const bool ours = observed && observed->record.holder == options.identity && !object.is_null();
  for (int round = ours ? 0 : 1; round < 2; ++round) {
    if (round == 1) {
      const Request read = GetRequest(name(), Call(deadline));
      Result<Json> seen = co_await core.CallJson(read, cancellation);
      if (seen.ok()) {
        outcome.failure = Observe(std::move(*seen));
      } else if (seen.status().code() == Code::kNotFound) {
        observed.reset();
        object = Json();
        outcome.failure = Ok();
      } else {
        outcome.failure = seen.status();
      }
      if (!outcome.failure.ok()) co_return outcome;
    }
    const LeaseAction action = DecideLease(observed, options.identity, steady_clock::now());
    if (action == LeaseAction::kWait) {
      outcome.others = true;
      co_return outcome;
    }
    const std::chrono::seconds duration =
        std::chrono::duration_cast<std::chrono::seconds>(options.lease_duration);
    const LeaseRecord next = NextLease(action, observed, options.identity, duration, SystemClock().Now());
    const Request write = WriteRequest(action, next, deadline);
    Result<Json> written = co_await core.CallJson(write, cancellation);
    outcome.failure = written.ok() ? Observe(std::move(*written)) : written.status();
    outcome.held = outcome.failure.ok();
    if (outcome.held || cancellation.cancelled()) co_return outcome;
  }
  co_return outcome;
}

// Renews until the lease is lost or this is called off; tells which.
Task<Status> LeaderElector::State::Lead(Cancellation& cancellation, TimePoint held_since) {
  for (;;) {
    const TimePoint deadline = held_since + options.renew_deadline;
    leads_until = deadline.time_since_epoch().count();
    const bool slept = co_await core.loop().Sleep(cancellation, options.retry_period);
    if (!slept) co_return Cancelled("stopped");
    Status why;
    for (;;) {
      const TimePoint began = steady_clock::now();
      if (began >= deadline) co_return why.ok() ? DeadlineExceeded("the lease was not renewed in time") : why;
      Outcome outcome = co_await TryHold(cancellation, deadline);
      if (cancellation.cancelled()) co_return Cancelled("stopped");
      Report();
      if (outcome.held) {
        held_since = began;
        break;
      }
      if (outcome.others) co_return Conflict("'{}' has taken the lease", observed->record.holder);
      why = outcome.failure;
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - steady_clock::now());
      const std::chrono::nanoseconds pause = std::min<std::chrono::nanoseconds>(options.retry_period, left);
      if (pause.count() <= 0) continue;
      const bool paused = co_await core.loop().Sleep(cancellation, pause);
      if (!paused) co_return Cancelled("stopped");
    }
  }
}

// With a Cancellation of its own: the election's has been called off.
Task<void> LeaderElector::State::Release() {
  if (!options.release || !observed || observed->record.holder != options.identity || object.is_null())
    co_return;
  Cancellation cancellation(core.loop());
  const LeaseRecord released = ReleasedLease(observed->record, SystemClock().Now());
  const TimePoint deadline = steady_clock::now() + kReleaseTimeout;
  const Request write = WriteRequest(LeaseAction::kRenew, released, deadline);
  Result<Json> written = co_await core.CallJson(write, cancellation);
  if (!written.ok()) LogWarning("the lease could not be released", {{"why", written.status().message()}});
}

Task<void> LeaderElector::State::Run(Cancellation& cancellation) {
  while (!cancellation.cancelled()) {
    const TimePoint began = steady_clock::now();
    const TimePoint deadline = began + options.renew_deadline;
    Outcome outcome = co_await TryHold(cancellation, deadline);
    Report();
    // Held though it was called off meanwhile: it is released below.
    if (outcome.held && !cancellation.cancelled()) {
      if (callbacks.on_started) {
        leads_until = deadline.time_since_epoch().count();
        callbacks.on_started();
      }
      Status why = co_await Lead(cancellation, began);
      leads_until = 0;
      if (callbacks.on_stopped) callbacks.on_stopped(why);
      continue;
    }
    if (!outcome.failure.ok() && !cancellation.cancelled()) {
      LogWarning("the lease could not be had", {{"why", outcome.failure.message()}});
    }
    const double factor = 1 + kJitter * core.Random();
    const std::chrono::nanoseconds period = options.retry_period;
    const std::chrono::nanoseconds pause(static_cast<int64_t>(static_cast<double>(period.count()) * factor));
    const bool slept = co_await core.loop().Sleep(cancellation, pause);
    if (!slept) break;
  }
  co_await Release();
}

Result<std::unique_ptr<LeaderElector>> LeaderElector::Start(Client& client, LeaderOptions options,
                                                            LeaderCallbacks callbacks) {
  MR_RETURN_IF_ERROR(CheckOptions(options));
  auto state = std::make_shared<State>(client.core(), std::move(options), std::move(callbacks));
  State* const borrowed = state.get();
  state->fiber.Start(
      [borrowed](Cancellation& cancellation) -> Task<void> { co_await borrowed->Run(cancellation); }, state);
  return std::unique_ptr<LeaderElector>(new LeaderElector(std::move(state)));
}

void LeaderElector::Stop() { state_->fiber.Stop(); }

bool LeaderElector::IsLeader() const {
  return steady_clock::now().time_since_epoch().count() < state_->leads_until.load();
}

std::string LeaderElector::leader() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reported;
}

}  // namespace millrace::kube
