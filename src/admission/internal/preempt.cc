// Preemption as Kueue's classical algorithm (pkg/scheduler/preemption): candidates are
// taken from the cheapest on until the workload fits, then given back from the dearest on
// where it fits without them. The set is minimal (nobody in it could stay), not the least
// possible: that would be a knapsack.
#include <tuple>

#include "admission/internal/state.h"

namespace millrace::admission::internal {
namespace {

struct Candidate {
  Id id = 0;
  bool reclaimed = false;  // from another project, which borrows
  double lost = 0;         // seconds of the whole pool that would have to be done again
};

class Search {
 public:
  Search(State& state, Id id, size_t pool, uint64_t shapes)
      : state_(state),
        entry_(state.entries[id]),
        demand_(state.classes[entry_.class_id].demand),
        pool_(pool),
        shapes_(shapes) {}

  std::optional<Preemption> Run() {
    CollectOwn();
    CollectReclaimed();
    if (candidates_.empty() || !FitsInThePlaceOfAll()) return std::nullopt;
    std::sort(candidates_.begin(), candidates_.end(), [&](const Candidate& a, const Candidate& b) {
      const Turn& turn_a = state_.entries[a.id].turn;
      const Turn& turn_b = state_.entries[b.id].turn;
      return std::tie(turn_a.priority, a.lost, turn_a.name) < std::tie(turn_b.priority, b.lost, turn_b.name);
    });
    use_ = state_.later[pool_];
    if (!TakeUntilItFits()) return std::nullopt;
    GiveBack();
    return Preemption{.victims = std::move(chosen_), .placement = std::move(placement_)};
  }

 private:
  const ProjectInfo& Project(size_t project) const { return state_.catalog.projects()[project]; }
  const Demand& DemandOf(Id id) const { return state_.classes[state_.entries[id].class_id].demand; }

  void Collect(size_t project, bool any_priority, bool reclaimed) {
    for (const Id id : state_.running[pool_][project]) {
      const Entry& victim = state_.entries[id];
      if (!victim.preemptible) continue;
      if (!any_priority && victim.turn.priority >= entry_.turn.priority) continue;
      if (victim.admitted_in == state_.cycle) {
        state_.spared = true;
        continue;
      }
      const Micros since = std::max(Micros(0), state_.at - victim.saved_at);
      const double share = DominantShare(DemandOf(id).total, state_.catalog.pools()[pool_].capacity);
      candidates_.push_back(
          {.id = id, .reclaimed = reclaimed, .lost = share * static_cast<double>(since.count())});
    }
  }

  void CollectOwn() {
    if (Project(demand_.project).preempt_lower_priority) Collect(demand_.project, false, false);
  }

  // Only what is one's own is reclaimed, and only from those who use more than theirs.
  void CollectReclaimed() {
    const ProjectInfo& project = Project(demand_.project);
    if (!project.cohort || project.reclaim == Reclaim::kNever) return;
    if (WouldBorrow(state_.catalog, pool_, demand_, state_.later[pool_])) return;
    for (const size_t member : state_.catalog.cohorts()[*project.cohort].members) {
      if (member == demand_.project || !BorrowsIn(member, state_.later[pool_])) continue;
      Collect(member, project.reclaim == Reclaim::kAny, true);
    }
  }

  bool BorrowsIn(size_t project, const PoolUse& use) const {
    return Borrows(state_.catalog, pool_, project, demand_.total, use);
  }

  bool Fits() {
    if (ShortOfQuota(state_.catalog, pool_, demand_, use_)) return false;
    std::optional<Placement> placement = state_.placer.Place(pool_, shapes_, demand_, use_);
    if (placement) placement_ = std::move(*placement);
    return placement.has_value();
  }

  void Move(Id id, int64_t times) {
    Charge(state_.catalog, pool_, DemandOf(id), state_.entries[id].placement, times, use_);
  }

  // Most searches end here: not even all of them would make room.
  bool FitsInThePlaceOfAll() {
    Amounts most = state_.later[pool_].free_sum;
    for (const Candidate& candidate : candidates_) most = Add(most, DemandOf(candidate.id).total);
    for (size_t r = 0; r < kResources; ++r) {
      if (demand_.total[r] > most[r]) return false;
    }
    use_ = state_.later[pool_];
    for (const Candidate& candidate : candidates_) Move(candidate.id, -1);
    return Fits();
  }

  // Whether what `project` now lacks of its own, with what others were left short before,
  // is less than what is gained. Else it would reclaim in turn, and so on without end.
  bool Heals(size_t project) {
    const QuotaLine& line = Project(project).lines[pool_];
    Amounts lacks = short_;
    for (size_t r = 0; r < kResources; ++r) {
      if (!(line.limited & (1U << r)) || demand_.total[r] <= 0) continue;
      lacks[r] += std::max<int64_t>(0, line.nominal[r] - use_.used[project][r]);
      if (lacks[r] >= demand_.total[r]) return false;
    }
    short_ = lacks;
    return true;
  }

  bool TakeUntilItFits() {
    for (const Candidate& candidate : candidates_) {
      if (candidate.reclaimed && !BorrowsIn(DemandOf(candidate.id).project, use_)) continue;
      Move(candidate.id, -1);
      if (candidate.reclaimed && !Heals(DemandOf(candidate.id).project)) {
        Move(candidate.id, 1);
        continue;
      }
      chosen_.push_back(candidate.id);
      if (Fits()) return true;
    }
    return false;
  }

  void GiveBack() {
    // The last one taken made it fit.
    for (size_t i = chosen_.size() - 1; i-- > 0;) {
      Move(chosen_[i], 1);
      if (Fits()) {
        chosen_.erase(chosen_.begin() + static_cast<ptrdiff_t>(i));
      } else {
        Move(chosen_[i], -1);
      }
    }
    MR_CHECK(Fits(), "a set of victims that makes room");
  }

  State& state_;
  const Entry& entry_;
  const Demand& demand_;
  size_t pool_;
  uint64_t shapes_;
  std::vector<Candidate> candidates_;
  PoolUse use_;
  std::vector<Id> chosen_;
  Amounts short_{};  // what projects lack of their own because of those chosen
  Placement placement_;
};

}  // namespace

std::optional<Preemption> FindPreemption(State& state, Id id, size_t pool, uint64_t shapes) {
  return Search(state, id, pool, shapes).Run();
}

}  // namespace millrace::admission::internal
