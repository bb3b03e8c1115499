#include "admission/internal/ledger.h"

namespace millrace::admission::internal {

PoolUse EmptyUse(const Catalog& catalog, size_t pool) {
  const PoolInfo& info = catalog.pools()[pool];
  PoolUse use;
  for (const uint8_t shape : info.shape_of) use.free.push_back(info.shapes[shape].capacity);
  use.workloads.resize(use.free.size());
  use.free_sum = info.capacity;
  use.used.resize(catalog.projects().size());
  use.shared_used.resize(catalog.cohorts().size());
  return use;
}

void Charge(const Catalog& catalog, size_t pool, const Demand& demand, const Placement& placement,
            int64_t times, PoolUse& use) {
  for (const Placed& placed : placement) {
    Amounts& free = use.free[placed.node];
    for (size_t r = 0; r < kResources; ++r) {
      const int64_t before = std::max<int64_t>(0, free[r]);
      free[r] -= demand.one[placed.pod_set][r] * placed.pods * times;
      use.free_sum[r] += std::max<int64_t>(0, free[r]) - before;
    }
    use.workloads[placed.node] += static_cast<uint32_t>(times);
  }
  const ProjectInfo& project = catalog.projects()[demand.project];
  Amounts& used = use.used[demand.project];
  const Amounts after = Add(used, demand.total, times);
  if (project.cohort) {
    const Amounts& guaranteed = project.lines[pool].guaranteed;
    const uint32_t limited = project.lines[pool].limited;
    Amounts& shared = use.shared_used[*project.cohort];
    for (size_t r = 0; r < kResources; ++r) {
      if (!(limited & (1U << r))) continue;  // what is used without quota is nobody's to lend
      shared[r] +=
          std::max<int64_t>(0, after[r] - guaranteed[r]) - std::max<int64_t>(0, used[r] - guaranteed[r]);
    }
  }
  used = after;
}

int64_t Available(const Catalog& catalog, size_t pool, size_t project, size_t r, const PoolUse& use) {
  const ProjectInfo& info = catalog.projects()[project];
  const QuotaLine& line = info.lines[pool];
  const int64_t used = use.used[project][r];
  const int64_t guaranteed = line.guaranteed[r];
  if (!info.cohort) return guaranteed - used;
  const int64_t own = std::max<int64_t>(0, guaranteed - used);
  int64_t shared = catalog.cohorts()[*info.cohort].shared[pool][r] - use.shared_used[*info.cohort][r];
  if (line.borrow_limited & (1U << r)) {
    const int64_t mine = line.nominal[r] - guaranteed - std::max<int64_t>(0, used - guaranteed);
    shared = std::min(shared, mine + line.borrow[r]);
  }
  return own + (own > 0 ? std::max<int64_t>(0, shared) : shared);
}

std::optional<size_t> ShortOfQuota(const Catalog& catalog, size_t pool, const Demand& demand,
                                   const PoolUse& use) {
  const uint32_t limited = catalog.projects()[demand.project].lines[pool].limited;
  for (size_t r = 0; r < kResources; ++r) {
    if (!(limited & (1U << r)) || demand.total[r] <= 0) continue;
    if (demand.total[r] > Available(catalog, pool, demand.project, r, use)) return r;
  }
  return std::nullopt;
}

bool WouldBorrow(const Catalog& catalog, size_t pool, const Demand& demand, const PoolUse& use) {
  const QuotaLine& line = catalog.projects()[demand.project].lines[pool];
  for (size_t r = 0; r < kResources; ++r) {
    if (!(line.limited & (1U << r)) || demand.total[r] <= 0) continue;
    if (use.used[demand.project][r] + demand.total[r] > line.nominal[r]) return true;
  }
  return false;
}

bool Borrows(const Catalog& catalog, size_t pool, size_t project, const Amounts& total, const PoolUse& use) {
  const QuotaLine& line = catalog.projects()[project].lines[pool];
  for (size_t r = 0; r < kResources; ++r) {
    if (total[r] > 0 && (line.limited & (1U << r)) && use.used[project][r] > line.nominal[r]) return true;
  }
  return false;
}

Amounts Beyond(const QuotaLine& line, const Amounts& used) {
  Amounts beyond{};
  const uint32_t counted = line.limited == 0 ? ~0U : line.limited;
  for (size_t r = 0; r < kResources; ++r) {
    if (counted & (1U << r)) beyond[r] = std::max<int64_t>(0, used[r] - line.nominal[r]);
  }
  return beyond;
}

}  // namespace millrace::admission::internal
