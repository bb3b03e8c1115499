// One pass: the projects take turns, the one that uses least beyond its own first.
//
//   next project ─▶ its next workload ─▶ fits now ─────────────▶ admitted
//                        ▲           ├─▶ fits once some stop ──▶ room is held
//                        │           ├─▶ fits in others' place ▶ they are preempted, room is held
//                        │           └─▶ does not fit ─────────▶ its class is passed (best effort)
//                        └── the project's share is weighed again    or its project (strict)
//
// Who has waited long and does not fit gets its first pool's reservation. Behind it others
// start only if they do not delay it: EASY backfill (Lifka, "The ANL/IBM SP scheduling
// system", 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001).
#include <cmath>
#include <tuple>

#include "admission/internal/state.h"

namespace millrace::admission::internal {
namespace {

enum class Outcome { kAdmitted, kHeld, kExpired, kReserved, kFailed };

// A class in its project's order of this pass.
struct Cursor {
  uint32_t class_id = 0;
  std::set<Turn>::iterator at;
  bool known_to_fail = false;
  int64_t looked_at = 0;  // behind a reservation
};

// A project that may go on.
struct Contender {
  size_t project = 0;
  bool borrows = false;
  double share = 0;
  Turn turn;

  // The order of std::push_heap puts the last first.
  friend bool operator<(const Contender& a, const Contender& b) {
    if (a.borrows != b.borrows) return a.borrows;
    if (a.share != b.share) return a.share > b.share;
    return b.turn < a.turn;
  }
};

// When the holder of a reservation can start at the latest, and what others use then.
struct Shadow {
  bool computed = false;
  std::optional<EventTime> start;
  PoolUse use;
};

class Pass {
 public:
  Pass(State& state, EventTime now)
      : state_(state),
        now_(now),
        shadows_(state.reservations.size()),
        preempted_in_(state.reservations.size()) {
    std::fill(state.reservations.begin(), state.reservations.end(), std::nullopt);
    state.holds.clear();
  }

  std::vector<Action> Run() {
    for (const std::set<Turn> first = state_.nominated; const Turn& turn : first) TakeNominated(turn);
    cursors_.resize(state_.classes_of.size());
    for (size_t project = 0; project < cursors_.size(); ++project) {
      Gather(project);
      Queue(project);
    }
    while (!contenders_.empty()) {
      std::pop_heap(contenders_.begin(), contenders_.end());
      const size_t project = contenders_.back().project;
      contenders_.pop_back();
      if (Step(project)) Queue(project);
    }
    for (const Hold& hold : state_.holds) {
      state_.ChargeLater(hold.pool, DemandOf(hold.holder), hold.placement, -1);
      --state_.unsettled[hold.pool];
    }
    return std::move(actions_);
  }

 private:
  // Room was made for it: nobody else may take that, whoever's turn it is.
  void TakeNominated(const Turn& turn) {
    Class& cls = ClassOf(turn.id);
    if (IsLate(turn.id)) return;
    for (size_t i = 0; i < cls.pools.size(); ++i) {
      std::optional<Placement> placement = FitsNow(cls, cls.pools[i], cls.shapes[i]);
      if (!placement) continue;
      Admit(turn.id, cls.pools[i], std::move(*placement));
      cls.waiting.erase(turn);
      return;
    }
    for (size_t i = 0; i < cls.pools.size(); ++i) {
      if (!state_.ShareBooks(cls.pools[i]) && HoldLater(turn.id, cls, cls.pools[i], cls.shapes[i])) return;
    }
  }

  bool IsLate(Id id) const {
    const Entry& entry = state_.entries[id];
    return entry.deadline && now_ + entry.duration.value_or(Micros(0)) > *entry.deadline;
  }
  bool IsHeld(Id id) const {
    return std::any_of(state_.holds.begin(), state_.holds.end(),
                       [&](const Hold& hold) { return hold.holder == id; });
  }

  Class& ClassOf(Id id) { return state_.classes[state_.entries[id].class_id]; }
  const Demand& DemandOf(Id id) { return ClassOf(id).demand; }
  std::string Name(Id id) const { return std::string(state_.entries[id].turn.name); }
  static bool Later(const Cursor& a, const Cursor& b) { return *b.at < *a.at; }

  bool KnownToFail(const Class& cls) const {
    if (!cls.failed_at || cls.waiting.begin()->priority > cls.failed_priority) return false;
    return std::all_of(cls.pools.begin(), cls.pools.end(),
                       [&](size_t pool) { return state_.freed[pool] <= *cls.failed_at; });
  }
  bool Starves(const Turn& turn) const { return now_ - turn.queued_at >= state_.policy.reserve_after; }

  // A class that is known to fail still has its place in the order, and with it decides
  // when those behind it are looked at. A project of nothing else has nothing to decide.
  void Gather(size_t project) {
    std::vector<Cursor>& cursors = cursors_[project];
    bool active = false;
    for (const uint32_t id : state_.classes_of[project]) {
      const Class& cls = state_.classes[id];
      if (cls.waiting.empty() || cls.pools.empty()) continue;
      const bool fails = KnownToFail(cls);
      active = active || !fails || Starves(*cls.waiting.begin());
      cursors.push_back({.class_id = id, .at = cls.waiting.begin(), .known_to_fail = fails});
    }
    if (!active) cursors.clear();
    std::make_heap(cursors.begin(), cursors.end(), Later);
  }

  // Puts the project among those that wait for their turn.
  void Queue(size_t project) {
    if (cursors_[project].empty()) return;
    const Cursor& next = cursors_[project].front();
    const Class& cls = state_.classes[next.class_id];
    const ProjectInfo& info = state_.catalog.projects()[project];
    const size_t pool = cls.pools.front();
    contenders_.push_back({.project = project,
                           .borrows = WouldBorrow(state_.catalog, pool, cls.demand, state_.later[pool]),
                           .share = Share(info, cls.demand, pool, Starves(*next.at)) / info.weight,
                           .turn = *next.at});
    std::push_heap(contenders_.begin(), contenders_.end());
  }

  // The project's dominant share of what can be borrowed. Half of what it asks for counts,
  // the rounding of Sainte-Laguë, which keeps whole workloads nearest to the ideal. It
  // counts nothing once it has waited long: or small requests would always come first.
  double Share(const ProjectInfo& info, const Demand& demand, size_t pool, bool starves) const {
    const Amounts& used = state_.later[pool].used[demand.project];
    const Amounts before = Beyond(info.lines[pool], used);
    const Amounts after = Beyond(info.lines[pool], Add(used, demand.total));
    double share = 0;
    for (size_t r = 0; r < kResources; ++r) {
      const double asked = starves ? 0 : static_cast<double>(after[r] - before[r]) / 2;
      const double has = static_cast<double>(state_.beyond[demand.project][r]);
      share = std::max(share, (has + asked) / static_cast<double>(std::max<int64_t>(info.lendable[r], 1)));
    }
    return share;
  }

  // False: the project is done.
  bool Step(size_t project) {
    std::vector<Cursor>& cursors = cursors_[project];
    std::pop_heap(cursors.begin(), cursors.end(), Later);
    Cursor cursor = cursors.back();
    cursors.pop_back();
    Class& cls = state_.classes[cursor.class_id];
    const Id id = cursor.at->id;
    const Outcome outcome = cursor.known_to_fail ? Outcome::kFailed : Try(id, cls);
    const bool failed = outcome == Outcome::kFailed || outcome == Outcome::kReserved;
    if (failed && Starves(*cursor.at)) Reserve(id, cls);
    if (outcome == Outcome::kFailed && !cursor.known_to_fail) Remember(cls, *cursor.at);
    if (failed && state_.catalog.projects()[project].strategy == Strategy::kStrictFifo) return false;
    if (outcome == Outcome::kFailed) return true;
    if (outcome == Outcome::kReserved && ++cursor.looked_at >= state_.policy.backfill_depth) return true;
    cursor.at = outcome == Outcome::kAdmitted ? cls.waiting.erase(cursor.at) : std::next(cursor.at);
    if (cursor.at != cls.waiting.end()) {
      cursors.push_back(cursor);
      std::push_heap(cursors.begin(), cursors.end(), Later);
    }
    return true;
  }

  // The class need not be looked at before something is given back, if that alone can help:
  // not if room is promised to others now, nor if it could reclaim from a project that
  // begins to borrow, nor if it could preempt who was admitted in this cycle.
  void Remember(Class& cls, const Turn& turn) {
    if (state_.spared) return;
    const ProjectInfo& info = state_.catalog.projects()[cls.demand.project];
    for (const size_t pool : cls.pools) {
      const bool reclaims = info.cohort && info.reclaim != Reclaim::kNever &&
                            !WouldBorrow(state_.catalog, pool, cls.demand, state_.later[pool]);
      if (!state_.ShareBooks(pool) || reclaims) return;
    }
    cls.failed_at = state_.clock;
    cls.failed_priority = turn.priority;
  }

  Outcome Try(Id id, Class& cls) {
    cls.failed_at.reset();
    state_.spared = false;
    if (IsHeld(id)) return Outcome::kHeld;
    if (IsLate(id)) return Outcome::kExpired;
    bool reserved = false;
    for (size_t i = 0; i < cls.pools.size(); ++i) {
      const size_t pool = cls.pools[i];
      std::optional<Placement> placement = FitsNow(cls, pool, cls.shapes[i]);
      if (!placement) continue;
      if (!MayPass(id, pool, *placement)) {
        reserved = true;
        continue;
      }
      Admit(id, pool, std::move(*placement));
      return Outcome::kAdmitted;
    }
    for (size_t i = 0; i < cls.pools.size(); ++i) {
      if (state_.ShareBooks(cls.pools[i]) || preempted_in_[cls.pools[i]] || KeptOut(id, cls.pools[i]))
        continue;
      if (HoldLater(id, cls, cls.pools[i], cls.shapes[i])) return Outcome::kHeld;
    }
    for (size_t i = 0; i < cls.pools.size(); ++i) {
      if (preempted_in_[cls.pools[i]]) continue;
      std::optional<Preemption> found = FindPreemption(state_, id, cls.pools[i], cls.shapes[i]);
      if (!found) continue;
      if (KeptOut(id, cls.pools[i])) {
        reserved = true;
        continue;
      }
      Preempt(id, cls.pools[i], std::move(*found));
      return Outcome::kHeld;
    }
    return reserved ? Outcome::kReserved : Outcome::kFailed;
  }

  std::optional<Placement> FitsNow(const Class& cls, size_t pool, uint64_t shapes) {
    const PoolUse* other = state_.Other(pool);
    if (ShortOfQuota(state_.catalog, pool, cls.demand, state_.now[pool])) return std::nullopt;
    if (other != nullptr && ShortOfQuota(state_.catalog, pool, cls.demand, *other)) return std::nullopt;
    return state_.placer.Place(pool, shapes, cls.demand, state_.now[pool], other);
  }

  void Admit(Id id, size_t pool, Placement placement) {
    Entry& entry = state_.entries[id];
    const PoolInfo& info = state_.catalog.pools()[pool];
    std::string where = placement.size() == 1
                            ? fmt::format("on one node of shape '{}'", ShapeName(info, placement.front()))
                            : fmt::format("on {} nodes", placement.size());
    actions_.push_back({.kind = Action::Kind::kAdmit,
                        .workload = Name(id),
                        .assignment = ToAssignment(state_.catalog, pool, placement),
                        .message = fmt::format("starts in pool '{}' {}", info.name, where)});
    state_.Run(id, pool, std::move(placement));
    state_.nominated.erase(entry.turn);
    entry.started_at = now_;
    entry.admitted_in = state_.cycle;
    entry.saved_at = now_;
    --state_.waiting_count;
    ++state_.running_count;
  }
  static const std::string& ShapeName(const PoolInfo& info, const Placed& placed) {
    return info.shapes[info.shape_of[placed.node]].name;
  }

  bool HoldLater(Id id, const Class& cls, size_t pool, uint64_t shapes) {
    if (ShortOfQuota(state_.catalog, pool, cls.demand, state_.later[pool])) return false;
    std::optional<Placement> placement = state_.placer.Place(pool, shapes, cls.demand, state_.later[pool]);
    if (!placement) return false;
    Promise(id, pool, std::move(*placement));
    return true;
  }

  void Promise(Id id, size_t pool, Placement placement) {
    state_.ChargeLater(pool, DemandOf(id), placement, 1);
    ++state_.unsettled[pool];
    state_.holds.push_back({.holder = id, .pool = pool, .placement = std::move(placement)});
  }

  void Preempt(Id id, size_t pool, Preemption found) {
    const Demand& demand = DemandOf(id);
    for (const Id victim : found.victims) {
      const size_t owner = DemandOf(victim).project;
      const std::string& project = state_.catalog.projects()[demand.project].name;
      const std::string why =
          owner == demand.project
              ? fmt::format("its priority {} is higher than {}", state_.entries[id].turn.priority,
                            state_.entries[victim].turn.priority)
              : fmt::format("project '{}' takes back its own quota, which project '{}' has borrowed", project,
                            state_.catalog.projects()[owner].name);
      actions_.push_back({.kind = Action::Kind::kPreempt,
                          .workload = Name(victim),
                          .because_of = Name(id),
                          .message = fmt::format("makes room in pool '{}' for '{}': {}",
                                                 state_.catalog.pools()[pool].name, Name(id), why)});
      state_.stops_for[id].push_back(Name(victim));
      state_.Stop(victim);
    }
    Promise(id, pool, std::move(found.placement));
    preempted_in_[pool] = true;
    state_.nominated.insert(state_.entries[id].turn);
  }

  void Reserve(Id id, const Class& cls) {
    const size_t pool = cls.pools.front();
    if (state_.reservations[pool]) return;
    const ProjectInfo& info = state_.catalog.projects()[cls.demand.project];
    Reservation made{.holder = id, .project = cls.demand.project, .cohort = info.cohort};
    if (const std::optional<size_t> r = ShortOfQuota(state_.catalog, pool, cls.demand, state_.later[pool])) {
      made.scope =
          info.cohort && !OwnLimitReached(info, cls.demand, pool, *r) ? Scope::kCohort : Scope::kProject;
    }
    state_.reservations[pool] = made;
  }

  bool OwnLimitReached(const ProjectInfo& info, const Demand& demand, size_t pool, size_t r) const {
    const QuotaLine& line = info.lines[pool];
    return (line.borrow_limited & (1U << r)) &&
           state_.later[pool].used[demand.project][r] + demand.total[r] > line.nominal[r] + line.borrow[r];
  }

  bool KeptOut(Id id, size_t pool) {
    const std::optional<Reservation>& kept = state_.reservations[pool];
    if (!kept || kept->holder == id) return false;
    const size_t project = DemandOf(id).project;
    switch (kept->scope) {
      case Scope::kProject:
        return project == kept->project;
      case Scope::kCohort:
        return state_.catalog.projects()[project].cohort == kept->cohort;
      case Scope::kPool:
        return true;
    }
    return true;
  }

  // Whether `id`, which fits now, delays nobody for whom the pool is kept.
  bool MayPass(Id id, size_t pool, const Placement& placement) {
    if (!KeptOut(id, pool)) return true;
    Shadow& shadow = ShadowOf(pool);
    if (!shadow.start) return false;
    const Entry& entry = state_.entries[id];
    if (entry.duration && now_ + *entry.duration <= *shadow.start) return true;
    PoolUse tried = shadow.use;
    Charge(state_.catalog, pool, DemandOf(id), placement, 1, tried);
    if (!HolderFits(pool, tried)) return false;
    shadow.use = std::move(tried);
    return true;
  }

  bool HolderFits(size_t pool, const PoolUse& use) {
    const Class& cls = ClassOf(state_.reservations[pool]->holder);
    return !ShortOfQuota(state_.catalog, pool, cls.demand, use) &&
           state_.placer.Place(pool, cls.shapes.front(), cls.demand, use).has_value();
  }

  Shadow& ShadowOf(size_t pool) {
    Shadow& shadow = shadows_[pool];
    if (shadow.computed) return shadow;
    shadow.computed = true;
    shadow.use = state_.later[pool];
    std::vector<std::tuple<EventTime, std::string_view, Id>> ends;
    for (const std::vector<Id>& project : state_.running[pool]) {
      for (const Id id : project) {
        const Entry& entry = state_.entries[id];
        if (!entry.duration) continue;
        ends.emplace_back(std::max(now_, entry.started_at + *entry.duration), entry.turn.name, id);
      }
    }
    std::sort(ends.begin(), ends.end());
    for (const auto& [end, name, id] : ends) {
      Charge(state_.catalog, pool, DemandOf(id), state_.entries[id].placement, -1, shadow.use);
      if (!HolderFits(pool, shadow.use)) continue;
      shadow.start = end;
      break;
    }
    return shadow;
  }

  State& state_;
  EventTime now_;
  std::vector<Action> actions_;
  std::vector<std::vector<Cursor>> cursors_;  // by project, a heap
  std::vector<Contender> contenders_;
  std::vector<Shadow> shadows_;  // by pool
  // By pool. One preempts in a pass; what that leaves over is for the next pass: so a
  // class that did not fit before the pass cannot have become one that does.
  std::vector<bool> preempted_in_;
};

}  // namespace

std::vector<Action> RunCycle(State& state, EventTime now) {
  state.at = now;
  ++state.cycle;
  state.stops_for.clear();
  std::vector<Action> actions;
  for (bool again = true; again;) {
    std::vector<Action> more = Pass(state, now).Run();
    again = std::any_of(more.begin(), more.end(),
                        [](const Action& a) { return a.kind == Action::Kind::kPreempt; });
    std::move(more.begin(), more.end(), std::back_inserter(actions));
  }
  return actions;
}

}  // namespace millrace::admission::internal
