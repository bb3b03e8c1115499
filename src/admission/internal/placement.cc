#include "admission/internal/placement.h"

#include <numeric>
#include <tuple>

namespace millrace::admission::internal {

std::optional<Placement> Placer::Place(size_t pool, uint64_t shapes, const Demand& demand, const PoolUse& use,
                                       const PoolUse* other) {
  for (size_t r = 0; r < kResources; ++r) {
    if (demand.total[r] > use.free_sum[r]) return std::nullopt;
    if (other != nullptr && demand.total[r] > other->free_sum[r]) return std::nullopt;
  }
  free_ = use.free;
  if (other != nullptr) {
    for (size_t n = 0; n < free_.size(); ++n) free_[n] = Least(free_[n], other->free[n]);
  }
  std::vector<size_t> order(demand.one.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const Amounts& whole = catalog_->pools()[pool].capacity;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return DominantShare(demand.one[a], whole) > DominantShare(demand.one[b], whole);
  });
  Placement placement;
  for (const size_t set : order) {
    Collect(pool, shapes, demand.one[set], use);
    if (!PlaceSet(static_cast<uint32_t>(set), demand.count[set], demand.one[set], placement))
      return std::nullopt;
  }
  return placement;
}

int64_t Placer::Room(size_t pool, uint64_t shapes, const Amounts& one, const PoolUse& use,
                     const PoolUse* other) const {
  const PoolInfo& info = catalog_->pools()[pool];
  int64_t room = 0;
  for (size_t n = 0; n < use.free.size(); ++n) {
    if (!(shapes >> info.shape_of[n] & 1)) continue;
    const Amounts free = other == nullptr ? use.free[n] : Least(use.free[n], other->free[n]);
    room += Times(free, one, kMostPods);
  }
  return room;
}

void Placer::Collect(size_t pool, uint64_t shapes, const Amounts& one, const PoolUse& use) {
  const PoolInfo& info = catalog_->pools()[pool];
  candidates_.clear();
  for (uint32_t n = 0; n < free_.size(); ++n) {
    if (!(shapes >> info.shape_of[n] & 1)) continue;
    const int64_t times = Times(free_[n], one, kMostPods);
    if (times == 0) continue;
    const ShapeInfo& shape = info.shapes[info.shape_of[n]];
    const bool there = use.workloads[n] > 0 || n < shape.first + static_cast<size_t>(shape.ready);
    candidates_.push_back({.node = n, .times = times, .starts = !there, .price = shape.price});
  }
}

bool Placer::PlaceSet(uint32_t pod_set, int64_t count, const Amounts& one, Placement& placement) {
  const auto tightest = [&]() -> const Candidate* {
    const Candidate* best = nullptr;
    for (const Candidate& c : candidates_) {
      if (c.times < count) continue;
      if (best == nullptr || std::tie(c.starts, c.times, c.price, c.node) <
                                 std::tie(best->starts, best->times, best->price, best->node)) {
        best = &c;
      }
    }
    return best;
  };
  if (const Candidate* whole = tightest()) {
    Take(whole->node, pod_set, count, one, placement);
    return true;
  }
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(b.times, a.starts, a.price, a.node) < std::tie(a.times, b.starts, b.price, b.node);
  });
  size_t filled = 0;
  while (count > 0 && filled < candidates_.size()) {
    const Candidate full = candidates_[filled++];
    Take(full.node, pod_set, std::min(count, full.times), one, placement);
    count -= std::min(count, full.times);
    if (count == 0) break;
    candidates_[filled - 1].times = 0;
    if (filled == candidates_.size() || candidates_[filled].times < count) continue;
    if (const Candidate* rest = tightest()) {
      Take(rest->node, pod_set, count, one, placement);
      count = 0;
    }
  }
  return count == 0;
}

void Placer::Take(uint32_t node, uint32_t pod_set, int64_t pods, const Amounts& one, Placement& placement) {
  free_[node] = Add(free_[node], one, -pods);
  placement.push_back({.node = node, .pod_set = pod_set, .pods = pods});
}

}  // namespace millrace::admission::internal
