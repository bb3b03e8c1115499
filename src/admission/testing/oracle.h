// Judges of a decision that share no code with what decides: they work on names and maps,
// and on every way in which pods can be put on nodes. For tests.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "admission/types.h"

namespace millrace::admission::testing {

class Oracle {
 public:
  // The snapshot's running and stopping workloads, which must have their nodes.
  explicit Oracle(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const Workload& w : snapshot.workloads) {
      if (w.state != State::kWaiting) Put(w, w.assignment);
    }
  }

  const Workload& Find(const std::string& name) const {
    for (const Workload& w : snapshot_.workloads) {
      if (w.name == name) return w;
    }
    static const Workload none;
    return none;
  }
  void Put(const Workload& w, const Assignment& where, int64_t times = 1) {
    for (const NodeAssignment& at : where.nodes) {
      for (const auto& [resource, amount] : w.pods[static_cast<size_t>(at.pod_set)].requests) {
        nodes_[{where.pool, at.shape, at.node}][resource] += amount * at.pods * times;
        used_[{w.project, where.pool}][resource] += amount * at.pods * times;
      }
    }
  }

  // Sentences about what is wrong; none: nothing is.
  std::vector<std::string> Overused() const {
    std::vector<std::string> wrong;
    for (const auto& [key, use] : nodes_) {
      const NodeShape* shape = ShapeOf(std::get<0>(key), std::get<1>(key));
      if (shape == nullptr || std::get<2>(key) >= shape->most) {
        wrong.push_back("a pod on a node that is not there");
        continue;
      }
      for (const auto& [resource, amount] : use) {
        if (amount > Get(shape->capacity, resource))
          wrong.push_back("a node of " + std::get<0>(key) + " holds too much");
      }
    }
    for (const Project& project : snapshot_.projects) {
      for (const Quota& quota : project.quotas) {
        if (Over(project, quota) > 0) wrong.push_back(project.name + " uses too much of " + quota.pool);
      }
    }
    return wrong;
  }

  // Whether the workload has all its pods, on nodes that suit it.
  static bool IsWhole(const Workload& w, const Assignment& where) {
    std::map<int64_t, int64_t> pods;
    for (const NodeAssignment& at : where.nodes) pods[at.pod_set] += at.pods;
    for (size_t set = 0; set < w.pods.size(); ++set) {
      if (pods[static_cast<int64_t>(set)] != w.pods[set].count) return false;
    }
    return true;
  }

  // Whether it would fit somewhere now: for workloads of one pod set.
  bool Fits(const Workload& w) const {
    for (const Pool& pool : snapshot_.pools) {
      const bool wanted =
          w.pools.empty() || std::find(w.pools.begin(), w.pools.end(), pool.name) != w.pools.end();
      if (wanted && FitsIn(w, pool)) return true;
    }
    return false;
  }

  int64_t Used(const std::string& project, const std::string& pool, const std::string& resource) const {
    const auto at = used_.find({project, pool});
    return at == used_.end() ? 0 : Get(at->second, resource);
  }
  bool WithinNominal(const Workload& w, const std::string& pool) const {
    for (const Project& project : snapshot_.projects) {
      if (project.name != w.project) continue;
      for (const Quota& quota : project.quotas) {
        if (quota.pool != pool) continue;
        int64_t asks = 0;
        for (const PodSet& set : w.pods) asks += Get(set.requests, quota.resource) * set.count;
        if (asks > 0 && Used(project.name, pool, quota.resource) + asks > quota.nominal) return false;
      }
    }
    return true;
  }

 private:
  using Node = std::tuple<std::string, std::string, int64_t>;

  static int64_t Get(const ResourceList& list, const std::string& resource) {
    const auto at = list.find(resource);
    return at == list.end() ? 0 : at->second;
  }
  const NodeShape* ShapeOf(const std::string& pool, const std::string& shape) const {
    for (const Pool& p : snapshot_.pools) {
      for (const NodeShape& s : p.shapes) {
        if (p.name == pool && s.name == shape) return &s;
      }
    }
    return nullptr;
  }

  // By how much the project exceeds what it may use: by itself, or with its cohort.
  int64_t Over(const Project& project, const Quota& quota) const {
    const int64_t used = Used(project.name, quota.pool, quota.resource);
    if (project.cohort.empty()) return used - quota.nominal;
    if (quota.borrowing_limit && used > quota.nominal + *quota.borrowing_limit) return 1;
    int64_t lent = 0;
    int64_t taken = 0;
    for (const Project& member : snapshot_.projects) {
      if (member.cohort != project.cohort) continue;
      for (const Quota& of : member.quotas) {
        if (of.pool != quota.pool || of.resource != quota.resource) continue;
        const int64_t lends = std::min(of.nominal, of.lending_limit.value_or(of.nominal));
        lent += lends;
        taken += std::max<int64_t>(0, Used(member.name, of.pool, of.resource) - (of.nominal - lends));
      }
    }
    const int64_t lends = std::min(quota.nominal, quota.lending_limit.value_or(quota.nominal));
    return used > quota.nominal - lends ? taken - lent : 0;
  }

  bool FitsIn(const Workload& w, const Pool& pool) const {
    int64_t room = 0;
    for (const NodeShape& shape : pool.shapes) {
      if (!Suits(w, shape)) continue;
      for (int64_t n = 0; n < shape.most; ++n) {
        const auto at = nodes_.find({pool.name, shape.name, n});
        int64_t pods = w.pods[0].count;
        for (const auto& [resource, amount] : w.pods[0].requests) {
          const int64_t free =
              Get(shape.capacity, resource) - (at == nodes_.end() ? 0 : Get(at->second, resource));
          if (amount > 0) pods = std::min(pods, std::max<int64_t>(0, free) / amount);
        }
        room += pods;
      }
    }
    if (room < w.pods[0].count) return false;
    for (const Project& project : snapshot_.projects) {
      if (project.name != w.project) continue;
      bool listed = project.quotas.empty();
      Oracle with = *this;
      for (const auto& [resource, amount] : w.pods[0].requests) {
        with.used_[{w.project, pool.name}][resource] += amount * w.pods[0].count;
      }
      for (const Quota& quota : project.quotas) {
        if (quota.pool != pool.name) continue;
        listed = true;
        if (Get(w.pods[0].requests, quota.resource) > 0 && with.Over(project, quota) > 0) return false;
      }
      return listed;
    }
    return false;
  }

  static bool Suits(const Workload& w, const NodeShape& shape) {
    for (const auto& [key, value] : w.node_selector) {
      const auto at = shape.labels.find(key);
      if (at == shape.labels.end() || at->second != value) return false;
    }
    for (const Taint& taint : shape.taints) {
      bool tolerated = false;
      for (const Toleration& t : w.tolerations) {
        tolerated = tolerated || (t.key == taint.key && t.value.value_or(taint.value) == taint.value);
      }
      if (!tolerated) return false;
    }
    return true;
  }

  const Snapshot& snapshot_;
  std::map<Node, ResourceList> nodes_;
  std::map<std::pair<std::string, std::string>, ResourceList> used_;
};

}  // namespace millrace::admission::testing
