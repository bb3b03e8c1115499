// Why a workload waits, and why one can never start, in sentences for the person who
// asks "why is my job pending?".
#include <cmath>
#include <set>

#include "admission/internal/state.h"
#include "base/text.h"

namespace millrace::admission::internal {
namespace {

std::string Quoted(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (parts.size() == kShown) break;
    parts.push_back("'" + name + "'");
  }
  std::string text = Join(parts, ", ");
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

// "4 pods of 2 GPUs, 8 cores each", or "2 GPUs, 8 cores" of a single pod.
std::string FormatDemand(const Catalog& catalog, const Amounts& one, int64_t count) {
  std::vector<std::string> parts;
  for (size_t r = 0; r < catalog.resources().size(); ++r) {
    if (one[r] > 0) parts.push_back(FormatAmount(catalog.resources()[r], one[r]));
  }
  const std::string pod = parts.empty() ? "nothing" : Join(parts, ", ");
  return count == 1 ? pod : fmt::format("{} pods of {} each", count, pod);
}

class Explanation {
 public:
  Explanation(const State& state, const Class& cls, size_t pool, uint64_t shapes)
      : state_(state),
        cls_(cls),
        pool_(pool),
        shapes_(shapes),
        info_(state.catalog.pools()[pool]),
        project_(state.catalog.projects()[cls.demand.project]) {}

  // The clause of one pool; "" when it fits there.
  std::string Clause() const {
    std::optional<size_t> r = ShortOfQuota(state_.catalog, pool_, cls_.demand, state_.now[pool_]);
    if (r) return OfQuota(*r);
    if (std::string text = OfNodes(); !text.empty()) return text;
    return {};
  }

 private:
  std::string Amount(size_t r, int64_t amount) const {
    return FormatAmount(state_.catalog.resources()[r], amount);
  }

  std::string OfQuota(size_t r) const {
    const QuotaLine& line = project_.lines[pool_];
    const PoolUse& use = state_.now[pool_];
    const int64_t used = use.used[cls_.demand.project][r];
    std::string text =
        fmt::format("{} of pool '{}': project '{}' uses {} of its {}", Amount(r, cls_.demand.total[r]),
                    info_.name, project_.name, Number(r, used), Number(r, line.nominal[r]));
    if (!project_.cohort) return text;
    const bool limited = line.borrow_limited & (1U << r);
    if (limited && line.borrow[r] == 0) return text + " and may borrow none";
    text += limited ? fmt::format(" and may borrow {}", Number(r, line.borrow[r]))
                    : std::string(" and may borrow");
    if (limited && used + cls_.demand.total[r] > line.nominal[r] + line.borrow[r]) return text;
    return text + OfCohort(r);
  }

  // Who uses what could be borrowed.
  std::string OfCohort(size_t r) const {
    const CohortInfo& cohort = state_.catalog.cohorts()[*project_.cohort];
    const PoolUse& use = state_.now[pool_];
    const int64_t free = std::max<int64_t>(0, cohort.shared[pool_][r] - use.shared_used[*project_.cohort][r]);
    std::string text =
        fmt::format(", but of what cohort '{}' shares {} is free", cohort.name, Number(r, free));
    std::optional<size_t> most;
    for (const size_t member : cohort.members) {
      const bool counted = state_.catalog.projects()[member].lines[pool_].limited & (1U << r);
      if (member == cls_.demand.project || !counted || use.used[member][r] == 0) continue;
      if (!most || use.used[member][r] > use.used[*most][r]) most = member;
    }
    if (!most) return text;
    const ProjectInfo& other = state_.catalog.projects()[*most];
    const int64_t nominal = other.lines[pool_].nominal[r];
    const int64_t used = use.used[*most][r];
    if (used <= nominal) {
      return text + fmt::format(": project '{}' needs {} of its own {}", other.name, Number(r, used),
                                Number(r, nominal));
    }
    return text + fmt::format(": project '{}' uses {}, {} of it borrowed", other.name, Number(r, used),
                              Number(r, used - nominal));
  }

  std::string OfNodes() const {
    const PoolUse* other = state_.Other(pool_);
    for (size_t set = 0; set < cls_.demand.one.size(); ++set) {
      const Amounts& one = cls_.demand.one[set];
      const int64_t count = cls_.demand.count[set];
      const int64_t room = state_.placer.Room(pool_, shapes_, one, state_.now[pool_], other);
      if (room >= count) continue;
      const std::string has =
          count == 1 ? "no node has that free" : fmt::format("the free nodes hold {} of them", room);
      return fmt::format("{} in pool '{}': {}{}", FormatDemand(state_.catalog, one, count), info_.name, has,
                         Most(one));
    }
    Placer placer = state_.placer;
    if (placer.Place(pool_, shapes_, cls_.demand, state_.now[pool_], other)) return {};
    return fmt::format("its pods in pool '{}': each kind fits, but not all of them together", info_.name);
  }

  // What is free of the scarcest, in all and on the emptiest node.
  std::string Most(const Amounts& one) const {
    const PoolUse& use = state_.now[pool_];
    for (size_t r = kResources; r-- > 0;) {
      if (one[r] == 0) continue;
      int64_t all = 0;
      int64_t best = 0;
      for (size_t n = 0; n < use.free.size(); ++n) {
        if (!(shapes_ >> info_.shape_of[n] & 1)) continue;
        all += std::max<int64_t>(0, use.free[n][r]);
        best = std::max(best, use.free[n][r]);
      }
      if (best >= one[r]) continue;
      return fmt::format(" ({} of {} are free, {} at most on one node)", Number(r, all), Amount(r, Total(r)),
                         Number(r, best));
    }
    return {};
  }
  int64_t Total(size_t r) const { return info_.capacity[r]; }

  // Without the unit's name where a person can tell.
  std::string Number(size_t r, int64_t amount) const {
    const std::string& name = state_.catalog.resources()[r];
    if (name == "memory") return Amount(r, amount);
    if (name == "cpu") return fmt::format("{:g}", static_cast<double>(amount) / 1000);
    return std::to_string(amount);
  }

  const State& state_;
  const Class& cls_;
  size_t pool_;
  uint64_t shapes_;
  const PoolInfo& info_;
  const ProjectInfo& project_;
};

// It fits in the pool, yet was not admitted: for whom is the room kept?
std::string KeptFor(const State& state, size_t pool, Id id) {
  const std::string& name = state.catalog.pools()[pool].name;
  if (state.reservations[pool] && state.reservations[pool]->holder != id) {
    const Turn& holder = state.entries[state.reservations[pool]->holder].turn;
    return fmt::format("its turn in pool '{}': what is free is kept for '{}', which has waited for {}", name,
                       holder.name,
                       FormatDuration(std::chrono::floor<std::chrono::seconds>(state.at - holder.queued_at)));
  }
  for (const Hold& hold : state.holds) {
    if (hold.pool == pool && hold.holder != id) {
      return fmt::format(
          "its turn in pool '{}': what is free is kept for '{}', which waits for others to stop", name,
          state.entries[hold.holder].turn.name);
    }
  }
  return fmt::format("its turn in pool '{}'", name);
}

std::string WhoStops(const State& state, const Hold& hold) {
  std::vector<std::string> names;
  if (const auto known = state.stops_for.find(hold.holder); known != state.stops_for.end()) {
    names = known->second;
  } else {
    for (const Entry& entry : state.entries) {
      if (entry.state == admission::State::kStopping && entry.pool == hold.pool)
        names.emplace_back(entry.turn.name);
    }
  }
  std::sort(names.begin(), names.end());
  return fmt::format("waits for {} to stop, then it starts in pool '{}'", Quoted(names),
                     state.catalog.pools()[hold.pool].name);
}

}  // namespace

std::string FormatAmount(std::string_view resource, int64_t amount) {
  const double number = static_cast<double>(amount);
  if (resource == "cpu") return amount == 1000 ? "1 core" : fmt::format("{:g} cores", number / 1000);
  if (resource == "memory") {
    constexpr double kGiB = 1024.0 * 1024 * 1024;
    if (number >= kGiB) return fmt::format("{:.4g} GiB", number / kGiB);
    if (number >= 1024 * 1024) return fmt::format("{:.4g} MiB", number / 1024 / 1024);
    return fmt::format("{} bytes", amount);
  }
  if (resource.ends_with("/gpu")) return amount == 1 ? "1 GPU" : fmt::format("{} GPUs", amount);
  if (resource == "slots") return amount == 1 ? "1 slot" : fmt::format("{} slots", amount);
  return fmt::format("{} of {}", amount, resource);
}

std::string WhyNever(State& state, const Demand& demand, size_t pool, uint64_t shapes) {
  const Catalog& catalog = state.catalog;
  const PoolInfo& info = catalog.pools()[pool];
  const ProjectInfo& project = catalog.projects()[demand.project];
  if (!project.open && !project.lines[pool].listed) {
    return fmt::format("project '{}' has no quota in pool '{}'", project.name, info.name);
  }
  const PoolUse empty = EmptyUse(catalog, pool);
  for (const Amounts& one : demand.one) {
    if (state.placer.Room(pool, shapes, one, empty, nullptr) > 0) continue;
    for (size_t r = 0; r < catalog.resources().size(); ++r) {
      int64_t largest = 0;
      for (size_t s = 0; s < info.shapes.size(); ++s) {
        if (shapes >> s & 1) largest = std::max(largest, info.shapes[s].capacity[r]);
      }
      if (one[r] <= largest) continue;
      return fmt::format("asks {} on one node, the largest node of pool '{}' has {}",
                         FormatAmount(catalog.resources()[r], one[r]), info.name,
                         FormatAmount(catalog.resources()[r], largest));
    }
    return fmt::format("asks {} on one node, and no node of pool '{}' has all of that",
                       FormatDemand(catalog, one, 1), info.name);
  }
  if (!state.placer.Place(pool, shapes, demand, empty)) {
    const int64_t room = state.placer.Room(pool, shapes, demand.one.front(), empty, nullptr);
    if (demand.one.size() > 1)
      return fmt::format("its pods do not fit in pool '{}' even when it is empty", info.name);
    return fmt::format("asks {}, and pool '{}' holds {} of them when it is empty",
                       FormatDemand(catalog, demand.one.front(), demand.count.front()), info.name, room);
  }
  if (const std::optional<size_t> r = ShortOfQuota(catalog, pool, demand, empty)) {
    const int64_t most = std::max<int64_t>(0, Available(catalog, pool, demand.project, *r, empty));
    return fmt::format("asks {} of pool '{}', and project '{}' may use {}, with all that it may borrow",
                       FormatAmount(catalog.resources()[*r], demand.total[*r]), info.name, project.name,
                       FormatAmount(catalog.resources()[*r], most));
  }
  return {};
}

std::string WhyWaiting(const State& state, const Class& cls, Id id) {
  for (const Hold& hold : state.holds) {
    if (hold.holder == id) return WhoStops(state, hold);
  }
  std::vector<std::string> clauses;
  for (size_t i = 0; i < cls.pools.size(); ++i) {
    std::string clause = Explanation(state, cls, cls.pools[i], cls.shapes[i]).Clause();
    clauses.push_back(clause.empty() ? KeptFor(state, cls.pools[i], id) : std::move(clause));
  }
  std::string text = "waits for " + Join(clauses, "; or for ");
  if (!cls.never.empty()) text += "; besides, " + cls.never;
  return text;
}

}  // namespace millrace::admission::internal
