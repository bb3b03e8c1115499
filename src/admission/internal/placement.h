// On which nodes a gang's pods fit. For a gang of one pod set the answer is exact: it is
// placed if and only if the free nodes hold it. Several pod sets are placed the largest
// first (first-fit decreasing; a packing that only a search would find is missed).
//
// Among the ways that fit: the fewest nodes, by Kueue's "best fit" of topology-aware
// scheduling (pkg/cache/scheduler/tas_flavor_snapshot.go): the whole set on the node that
// it leaves least room on; else the emptiest nodes are filled, and the rest goes to the
// tightest node that holds it. Nodes that are there come before nodes that must start,
// cheap before dear, and the lower number decides.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "admission/internal/ledger.h"

namespace millrace::admission::internal {

class Placer {
 public:
  explicit Placer(const Catalog& catalog) : catalog_(&catalog) {}

  // `shapes`: bit s set, shape s of the pool suits. What is free must be free in all of
  // `uses`, of which there is at least one.
  std::optional<Placement> Place(size_t pool, uint64_t shapes, const Demand& demand, const PoolUse& use,
                                 const PoolUse* other = nullptr);

  // Pods of a set that would fit together, whatever the rest of the gang.
  int64_t Room(size_t pool, uint64_t shapes, const Amounts& one, const PoolUse& use,
               const PoolUse* other) const;

 private:
  struct Candidate {
    uint32_t node = 0;
    int64_t times = 0;
    bool starts = false;  // is not there yet
    double price = 0;
  };
  void Collect(size_t pool, uint64_t shapes, const Amounts& one, const PoolUse& use);
  bool PlaceSet(uint32_t pod_set, int64_t count, const Amounts& one, Placement& placement);
  void Take(uint32_t node, uint32_t pod_set, int64_t pods, const Amounts& one, Placement& placement);

  const Catalog* catalog_;
  std::vector<Amounts> free_;  // scratch, so that a decision allocates little
  std::vector<Candidate> candidates_;
};

}  // namespace millrace::admission::internal
