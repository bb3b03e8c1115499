// Pools and projects, checked and numbered: by index in the order of their names, so that
// the order in which they were given decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admission/internal/amounts.h"
#include "admission/types.h"
#include "base/status.h"

namespace millrace::admission::internal {

struct ShapeInfo {
  std::string name;
  Amounts capacity{};
  size_t first = 0;  // of its nodes, in the pool
  int64_t nodes = 0;
  int64_t ready = 0;
  double price = 0;
  Labels labels;
  std::vector<Taint> taints;
};

struct PoolInfo {
  std::string name;
  std::vector<ShapeInfo> shapes;
  std::vector<uint8_t> shape_of;  // by node
  Amounts capacity{};             // of all nodes
  double price = 0;               // of its cheapest node
};

// One project's quota in one pool.
struct QuotaLine {
  bool listed = false;          // the project may use the pool at all
  uint32_t limited = 0;         // bit r: resource r has a quota
  uint32_t borrow_limited = 0;  // bit r: `borrow` holds
  Amounts nominal{};
  Amounts guaranteed{};  // of nominal, never lent
  Amounts borrow{};
};

struct ProjectInfo {
  std::string name;
  std::optional<size_t> cohort;
  bool open = false;  // no quotas at all
  double weight = 1;
  Strategy strategy = Strategy::kBestEffortFifo;
  bool preempt_lower_priority = true;
  Reclaim reclaim = Reclaim::kAny;
  std::vector<QuotaLine> lines;  // by pool
  Amounts lendable{};            // what its share is measured against
};

struct CohortInfo {
  std::string name;
  std::vector<size_t> members;
  std::vector<Amounts> shared;  // by pool: what members may use of each other's
};

class Catalog {
 public:
  static Result<Catalog> Create(const std::vector<Pool>& pools, const std::vector<Project>& projects);

  const std::vector<PoolInfo>& pools() const { return pools_; }
  const std::vector<ProjectInfo>& projects() const { return projects_; }
  const std::vector<CohortInfo>& cohorts() const { return cohorts_; }
  const std::vector<std::string>& resources() const { return resources_; }
  const std::vector<size_t>& pools_by_price() const { return by_price_; }

  std::optional<size_t> FindPool(std::string_view name) const;
  std::optional<size_t> FindProject(std::string_view name) const;
  // Adds names that are new.
  Result<Amounts> Intern(const ResourceList& list, std::string_view where);

 private:
  Status AddPool(const Pool& pool);
  Status AddShape(const NodeShape& shape, PoolInfo& into, bool spot);
  Status AddProject(const Project& project);
  Status AddQuota(const Quota& quota, const Project& project, ProjectInfo& into);
  void Share();

  std::vector<PoolInfo> pools_;
  std::vector<ProjectInfo> projects_;
  std::vector<CohortInfo> cohorts_;
  std::vector<std::string> resources_;
  std::vector<size_t> by_price_;
};

}  // namespace millrace::admission::internal
