// What is used: of each node, and of each project's quota. Quota is reckoned as Kueue
// does it for one level of cohorts (pkg/cache/scheduler/resource_node.go, `available`):
//
//   available = what of my guaranteed part is unused
//             + what of the cohort's shared part is unused, within my borrowing limit
//
// The guaranteed part is what the lending limit keeps out of the shared one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "admission/internal/catalog.h"

namespace millrace::admission::internal {

// Pods of one pod set on one node.
struct Placed {
  uint32_t node = 0;
  uint32_t pod_set = 0;
  int64_t pods = 0;
  bool operator==(const Placed&) const = default;
};
using Placement = std::vector<Placed>;

// What a workload asks for, numbered.
struct Demand {
  size_t project = 0;
  std::vector<Amounts> one;    // of a pod, by pod set
  std::vector<int64_t> count;  // by pod set
  Amounts total{};
};

// One pool's use.
struct PoolUse {
  std::vector<Amounts> free;         // by node; negative when nodes went away under their load
  std::vector<uint32_t> workloads;   // by node
  Amounts free_sum{};                // of what is positive in `free`
  std::vector<Amounts> used;         // by project
  std::vector<Amounts> shared_used;  // by cohort
};

PoolUse EmptyUse(const Catalog& catalog, size_t pool);
// times 1: takes; -1: gives back.
void Charge(const Catalog& catalog, size_t pool, const Demand& demand, const Placement& placement,
            int64_t times, PoolUse& use);

// Of resource r, what the project may still use; negative when it uses too much.
int64_t Available(const Catalog& catalog, size_t pool, size_t project, size_t r, const PoolUse& use);
// The first resource of which too little is available; none: the quota allows it.
std::optional<size_t> ShortOfQuota(const Catalog& catalog, size_t pool, const Demand& demand,
                                   const PoolUse& use);
// Whether the project would use more than its nominal quota.
bool WouldBorrow(const Catalog& catalog, size_t pool, const Demand& demand, const PoolUse& use);
// Whether it does so now, in a resource of which `total` asks some.
bool Borrows(const Catalog& catalog, size_t pool, size_t project, const Amounts& total, const PoolUse& use);

// The project's use beyond nominal, of one pool; of what has no quota nothing counts,
// unless the project has none at all.
Amounts Beyond(const QuotaLine& line, const Amounts& used);

}  // namespace millrace::admission::internal
