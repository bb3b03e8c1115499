// Snapshots at random, from a seed: few small numbers, so that ties and tight fits are common.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "admission/types.h"

namespace millrace::admission::testing {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t Below(int64_t bound) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(bound)); }
  bool Once(int64_t in) { return Below(in) == 0; }

 private:
  std::mt19937_64 engine_;
};

inline constexpr EventTime kStart{1'800'000'000'000'000};

inline Workload RandomWorkload(Random& random, const Snapshot& snapshot, int64_t number, EventTime now) {
  const Project& project =
      snapshot.projects[static_cast<size_t>(random.Below(static_cast<int64_t>(snapshot.projects.size())))];
  Workload w{.name = "w" + std::to_string(number), .project = project.name};
  for (const Pool& pool : snapshot.pools) {
    if (random.Once(2)) w.pools.push_back(pool.name);
  }
  w.priority = random.Below(4);
  w.queued_at = now - std::chrono::minutes(random.Below(10));
  w.pods = {
      {.count = 1 + random.Below(3), .requests = {{"gpu", random.Below(5)}, {"cpu", 1 + random.Below(3)}}}};
  w.preemptible = !random.Once(5);
  if (random.Once(2)) w.duration = std::chrono::minutes(1 + random.Below(30));
  if (random.Once(4)) w.tolerations = {{.key = "spot"}};
  if (random.Once(8)) w.node_selector = {{"zone", "a"}};
  return w;
}

inline Snapshot RandomSnapshot(Random& random, int64_t workloads) {
  Snapshot snapshot;
  snapshot.now = kStart;
  for (int64_t p = 0; p < 1 + random.Below(3); ++p) {
    Pool pool{.name = "pool" + std::to_string(p)};
    for (int64_t s = 0; s < 1 + random.Below(2); ++s) {
      NodeShape shape{.name = "shape" + std::to_string(s),
                      .capacity = {{"gpu", 2 + random.Below(6)}, {"cpu", 4 + random.Below(6)}},
                      .most = 1 + random.Below(4),
                      .price_per_hour = static_cast<double>(random.Below(3))};
      shape.ready = random.Below(shape.most + 1);
      if (random.Once(2)) shape.labels = {{"zone", "a"}};
      if (random.Once(4)) shape.taints = {{.key = "spot", .value = "true"}};
      pool.shapes.push_back(shape);
    }
    snapshot.pools.push_back(pool);
  }
  for (int64_t p = 0; p < 1 + random.Below(4); ++p) {
    Project project{.name = "project" + std::to_string(p),
                    .weight = static_cast<double>(1 + random.Below(3))};
    if (!random.Once(3)) project.cohort = "cohort" + std::to_string(random.Below(2));
    if (random.Once(4)) project.strategy = Strategy::kStrictFifo;
    project.preempt_lower_priority = !random.Once(4);
    project.reclaim = static_cast<Reclaim>(random.Below(3));
    for (const Pool& pool : snapshot.pools) {
      for (const char* resource : {"cpu", "gpu"}) {
        if (random.Once(5)) continue;
        Quota quota{.pool = pool.name, .resource = resource, .nominal = random.Below(12)};
        if (random.Once(3)) quota.borrowing_limit = random.Below(6);
        if (random.Once(3)) quota.lending_limit = random.Below(6);
        project.quotas.push_back(quota);
      }
    }
    if (random.Once(5)) project.quotas.clear();
    snapshot.projects.push_back(project);
  }
  for (int64_t i = 0; i < workloads; ++i) {
    snapshot.workloads.push_back(RandomWorkload(random, snapshot, i, snapshot.now));
  }
  return snapshot;
}

}  // namespace millrace::admission::testing
