#include "admission/scheduler.h"

#include "admission/internal/state.h"

namespace millrace::admission {

using internal::Class;
using internal::Entry;
using internal::Id;

namespace {

Status CheckTimes(const Workload& workload) {
  if (workload.name.empty()) return InvalidArgument("a workload has no name");
  if (workload.duration && workload.duration->count() < 0) {
    return InvalidArgument("'{}' has a duration below 0", workload.name);
  }
  // Far beyond any date, and sums of them stay in range.
  constexpr int64_t kFar = int64_t{1} << 60;
  const int64_t times[] = {
      workload.queued_at.micros, workload.started_at.micros, workload.duration.value_or(Micros(0)).count(),
      workload.deadline.value_or(EventTime()).micros, workload.checkpoint_at.value_or(EventTime()).micros};
  for (const int64_t time : times) {
    if (time > kFar || time < -kFar)
      return InvalidArgument("'{}' has a time that is out of range", workload.name);
  }
  return Ok();
}

Result<Id> FindId(const internal::State& state, std::string_view name) {
  const auto found = state.by_name.find(std::string(name));
  if (found == state.by_name.end()) return NotFound("there is no workload '{}'", name);
  return found->second;
}

// How many of its project are before each that waits; in the order of their turns.
std::vector<std::pair<Id, size_t>> Positions(const internal::State& state, size_t project) {
  std::vector<internal::Turn> turns;
  for (const uint32_t id : state.classes_of[project]) {
    const Class& cls = state.classes[id];
    turns.insert(turns.end(), cls.waiting.begin(), cls.waiting.end());
  }
  std::sort(turns.begin(), turns.end());
  std::vector<std::pair<Id, size_t>> positions;
  for (size_t i = 0; i < turns.size(); ++i) positions.emplace_back(turns[i].id, i);
  return positions;
}

// Whether room is kept for this very one, which has its own sentence.
bool IsHolder(const internal::State& state, Id id) {
  return std::any_of(state.holds.begin(), state.holds.end(),
                     [&](const internal::Hold& hold) { return hold.holder == id; }) ||
         std::any_of(state.reservations.begin(), state.reservations.end(),
                     [&](const auto& reservation) { return reservation && reservation->holder == id; });
}

Waiting Reason(const internal::State& state, Id id, const std::string& of_class, size_t before) {
  const Entry& entry = state.entries[id];
  const Class& cls = state.classes[entry.class_id];
  Waiting waiting{.workload = std::string(entry.turn.name), .reason = {}, .never = cls.pools.empty()};
  if (waiting.never) {
    waiting.reason = fmt::format("cannot ever start: {}", cls.never);
    return waiting;
  }
  if (entry.deadline && state.at + entry.duration.value_or(Micros(0)) > *entry.deadline) {
    waiting.never = true;
    waiting.reason = fmt::format("is not started any more: it could not end by its deadline, {}",
                                 FormatTime(*entry.deadline));
    return waiting;
  }
  waiting.reason = of_class;
  if (before > 0) {
    waiting.reason += fmt::format("; {} of its project {} before it", before, before == 1 ? "is" : "are");
  }
  return waiting;
}

}  // namespace

Scheduler::Scheduler(std::unique_ptr<internal::State> state) : state_(std::move(state)) {}
Scheduler::Scheduler(Scheduler&& other) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&& other) noexcept = default;
Scheduler::~Scheduler() = default;

Result<Scheduler> Scheduler::Create(const Options& options) {
  if (options.policy.reserve_after < Micros(0) || options.policy.backfill_depth < 0) {
    return InvalidArgument("a policy's reserve_after and backfill_depth are 0 or more");
  }
  MR_ASSIGN_OR_RETURN(internal::Catalog catalog, internal::Catalog::Create(options.pools, options.projects));
  return Scheduler(std::make_unique<internal::State>(std::move(catalog), options.policy));
}

Status Scheduler::Add(const Workload& workload) {
  MR_RETURN_IF_ERROR(CheckTimes(workload));
  internal::State& state = *state_;
  if (state.by_name.contains(workload.name)) {
    return AlreadyExists("there are two workloads '{}'", workload.name);
  }
  MR_ASSIGN_OR_RETURN(const uint32_t class_id, state.ClassOf(workload));
  Id id = static_cast<Id>(state.entries.size());
  if (state.free_entries.empty()) {
    state.entries.emplace_back();
  } else {
    id = state.free_entries.back();
    state.free_entries.pop_back();
  }
  const auto named = state.by_name.emplace(workload.name, id).first;
  Entry& entry = state.entries[id];
  entry =
      Entry{.turn = {.priority = workload.priority,
                     .queued_at = workload.queued_at,
                     .name = named->first,
                     .id = id},
            .class_id = class_id,
            .state = workload.state,
            .preemptible = workload.preemptible,
            .duration = workload.duration,
            .deadline = workload.deadline,
            .started_at = workload.started_at,
            .saved_at = std::max(workload.started_at, workload.checkpoint_at.value_or(workload.started_at))};
  Class& cls = state.classes[class_id];
  ++cls.entries;
  if (workload.state == State::kWaiting) {
    ++state.waiting_count;
    if (workload.nominated) state.nominated.insert(entry.turn);
    cls.waiting.insert(entry.turn);
    return Ok();
  }
  ++state.running_count;
  entry.pool = state.catalog.FindPool(workload.assignment.pool);
  if (!entry.pool) return Ok();
  state.Run(id, *entry.pool, state.Adopt(cls, *entry.pool, workload.assignment));
  state.freed[*entry.pool] = ++state.clock;  // it may be preempted, which is as good
  if (workload.state == State::kStopping) state.Stop(id);
  entry.state = workload.state;
  return Ok();
}

Status Scheduler::Remove(std::string_view name) {
  internal::State& state = *state_;
  MR_ASSIGN_OR_RETURN(const Id id, FindId(state, name));
  Entry& entry = state.entries[id];
  Class& cls = state.classes[entry.class_id];
  if (entry.state == State::kWaiting) {
    cls.waiting.erase(entry.turn);
    state.nominated.erase(entry.turn);
    --state.waiting_count;
  } else {
    --state.running_count;
    if (entry.pool) {
      if (entry.state == State::kRunning) state.Stop(id);
      state.ChargeNow(*entry.pool, cls.demand, entry.placement, -1);
      --state.unsettled[*entry.pool];
    }
  }
  state.Release(entry.class_id);
  const auto named = state.by_name.find(std::string(name));
  state.by_name.erase(named);
  entry = Entry();
  state.free_entries.push_back(id);
  return Ok();
}

Status Scheduler::Stopped(std::string_view name) {
  internal::State& state = *state_;
  MR_ASSIGN_OR_RETURN(const Id id, FindId(state, name));
  Entry& entry = state.entries[id];
  if (entry.state != State::kStopping) return FailedPrecondition("the workload '{}' was not stopping", name);
  Class& cls = state.classes[entry.class_id];
  if (entry.pool) {
    state.ChargeNow(*entry.pool, cls.demand, entry.placement, -1);
    --state.unsettled[*entry.pool];
  }
  entry.pool.reset();
  entry.placement.clear();
  entry.state = State::kWaiting;
  cls.waiting.insert(entry.turn);
  --state.running_count;
  ++state.waiting_count;
  return Ok();
}

Status Scheduler::Checkpointed(std::string_view name, EventTime at) {
  MR_ASSIGN_OR_RETURN(const Id id, FindId(*state_, name));
  Entry& entry = state_->entries[id];
  entry.saved_at = std::max(entry.saved_at, at);
  return Ok();
}

std::vector<Action> Scheduler::Cycle(EventTime now) { return internal::RunCycle(*state_, now); }

Result<Waiting> Scheduler::Explain(std::string_view name) const {
  MR_ASSIGN_OR_RETURN(const Id id, FindId(*state_, name));
  const Entry& entry = state_->entries[id];
  if (entry.state != State::kWaiting) return NotFound("the workload '{}' does not wait", name);
  const Class& cls = state_->classes[entry.class_id];
  size_t before = 0;
  for (const uint32_t other : state_->classes_of[cls.demand.project]) {
    for (const internal::Turn& turn : state_->classes[other].waiting) {
      if (!(turn < entry.turn)) break;
      ++before;
    }
  }
  return Reason(*state_, id, cls.pools.empty() ? "" : internal::WhyWaiting(*state_, cls, id), before);
}

std::vector<Waiting> Scheduler::ExplainAll() const {
  std::vector<Waiting> all;
  all.reserve(state_->waiting_count);
  std::vector<std::string> of_class(state_->classes.size());
  for (size_t project = 0; project < state_->classes_of.size(); ++project) {
    for (const auto& [id, before] : Positions(*state_, project)) {
      const uint32_t class_id = state_->entries[id].class_id;
      const Class& cls = state_->classes[class_id];
      if (IsHolder(*state_, id)) {
        all.push_back(Reason(*state_, id, internal::WhyWaiting(*state_, cls, id), before));
        continue;
      }
      if (of_class[class_id].empty() && !cls.pools.empty()) {
        of_class[class_id] = internal::WhyWaiting(*state_, cls, id);
      }
      all.push_back(Reason(*state_, id, of_class[class_id], before));
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Waiting& a, const Waiting& b) { return a.workload < b.workload; });
  return all;
}

size_t Scheduler::waiting() const { return state_->waiting_count; }
size_t Scheduler::running() const { return state_->running_count; }

}  // namespace millrace::admission
