// The placer against every way in which pods can be put on nodes.
#include "admission/internal/placement.h"

#include <gtest/gtest.h>

#include "admission/testing/random_snapshot.h"

namespace millrace::admission::internal {
namespace {

using testing::Random;

struct Instance {
  std::vector<std::pair<int64_t, int64_t>> nodes;  // gpu, cpu
  std::vector<PodSet> pods;
};

Instance RandomInstance(Random& random, int64_t pod_sets) {
  Instance instance;
  for (int64_t n = 1 + random.Below(4); n > 0; --n)
    instance.nodes.push_back({random.Below(6), random.Below(9)});
  for (int64_t s = 0; s < pod_sets; ++s) {
    instance.pods.push_back(
        {.count = 1 + random.Below(4), .requests = {{"cpu", random.Below(4)}, {"gpu", random.Below(4)}}});
  }
  return instance;
}

// Tries every node for every pod.
bool SomehowFits(std::vector<std::pair<int64_t, int64_t>> nodes, const std::vector<PodSet>& pods, size_t set,
                 int64_t done) {
  if (set == pods.size()) return true;
  if (done == pods[set].count) return SomehowFits(nodes, pods, set + 1, 0);
  const int64_t gpu = pods[set].requests.at("gpu");
  const int64_t cpu = pods[set].requests.at("cpu");
  for (auto& [free_gpu, free_cpu] : nodes) {
    if (free_gpu < gpu || free_cpu < cpu) continue;
    free_gpu -= gpu;
    free_cpu -= cpu;
    if (SomehowFits(nodes, pods, set, done + 1)) return true;
    free_gpu += gpu;
    free_cpu += cpu;
  }
  return false;
}

std::optional<Placement> Placed(const Instance& instance) {
  Pool pool{.name = "pool"};
  for (size_t n = 0; n < instance.nodes.size(); ++n) {
    pool.shapes.push_back({.name = std::to_string(n),
                           .capacity = {{"gpu", instance.nodes[n].first}, {"cpu", instance.nodes[n].second}},
                           .most = 1});
  }
  Catalog catalog = *Catalog::Create({pool}, {{.name = "p"}});
  Demand demand;
  for (const PodSet& set : instance.pods) {
    demand.one.push_back(*catalog.Intern(set.requests, "test"));
    demand.count.push_back(set.count);
    demand.total = Add(demand.total, demand.one.back(), set.count);
  }
  std::optional<Placement> placement = Placer(catalog).Place(0, ~uint64_t{0}, demand, EmptyUse(catalog, 0));
  if (!placement) return placement;
  PoolUse use = EmptyUse(catalog, 0);
  Charge(catalog, 0, demand, *placement, 1, use);
  std::vector<int64_t> pods(demand.one.size());
  for (const internal::Placed& placed : *placement) pods[placed.pod_set] += placed.pods;
  EXPECT_EQ(pods, demand.count);
  for (const Amounts& free : use.free) EXPECT_GE(*std::min_element(free.begin(), free.end()), 0);
  return placement;
}

TEST(Placer, PlacesAGangOfOneKindIfAndOnlyIfThereIsAWay) {
  int fits = 0;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    Random random(seed);
    const Instance instance = RandomInstance(random, 1);
    const bool somehow = SomehowFits(instance.nodes, instance.pods, 0, 0);
    EXPECT_EQ(Placed(instance).has_value(), somehow) << seed;
    fits += somehow ? 1 : 0;
  }
  EXPECT_GT(fits, 1000);
}

TEST(Placer, PlacesGangsOfSeveralKindsOnlyWhereThereIsAWayAndMissesFew) {
  int fits = 0;
  int missed = 0;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    Random random(seed);
    const Instance instance = RandomInstance(random, 2);
    const bool somehow = SomehowFits(instance.nodes, instance.pods, 0, 0);
    const bool placed = Placed(instance).has_value();
    EXPECT_TRUE(somehow || !placed) << seed;
    fits += somehow ? 1 : 0;
    missed += somehow && !placed ? 1 : 0;
  }
  EXPECT_GT(fits, 500);
  EXPECT_LT(missed, fits / 20);
}

TEST(Placer, TakesTheFewestNodes) {
  const Instance instance{.nodes = {{3, 9}, {6, 9}, {4, 9}, {5, 9}},
                          .pods = {{.count = 10, .requests = {{"gpu", 1}, {"cpu", 0}}}}};
  const std::optional<Placement> placement = Placed(instance);
  ASSERT_TRUE(placement);
  EXPECT_EQ(*placement,
            (Placement{{.node = 1, .pod_set = 0, .pods = 6}, {.node = 2, .pod_set = 0, .pods = 4}}));
}

}  // namespace
}  // namespace millrace::admission::internal
