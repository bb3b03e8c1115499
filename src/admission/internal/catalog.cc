#include "admission/internal/catalog.h"

#include <cmath>
#include <numeric>

#include "base/text.h"

namespace millrace::admission::internal {
namespace {

template <typename T>
std::vector<T> ByName(std::vector<T> items) {
  std::sort(items.begin(), items.end(), [](const T& a, const T& b) { return a.name < b.name; });
  return items;
}

template <typename T>
Status NoDuplicates(const std::vector<T>& sorted, std::string_view what) {
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].name.empty()) return InvalidArgument("a {} has no name", what);
    if (i > 0 && sorted[i].name == sorted[i - 1].name) {
      return InvalidArgument("two {}s are called '{}'", what, sorted[i].name);
    }
  }
  return Ok();
}

// The first item of that name, in a vector sorted by name.
template <typename T>
std::optional<size_t> Find(const std::vector<T>& sorted, std::string_view name) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), name,
                                   [](const T& item, std::string_view key) { return item.name < key; });
  if (at == sorted.end() || at->name != name) return std::nullopt;
  return static_cast<size_t>(at - sorted.begin());
}

template <typename T>
std::vector<std::string> Names(const std::vector<T>& items) {
  std::vector<std::string> names;
  for (const T& item : items) names.push_back(item.name);
  return names;
}

}  // namespace

Result<Catalog> Catalog::Create(const std::vector<Pool>& pools, const std::vector<Project>& projects) {
  Catalog catalog;
  const std::vector<Pool> sorted_pools = ByName(pools);
  const std::vector<Project> sorted_projects = ByName(projects);
  MR_RETURN_IF_ERROR(NoDuplicates(sorted_pools, "pool"));
  MR_RETURN_IF_ERROR(NoDuplicates(sorted_projects, "project"));
  for (const Pool& pool : sorted_pools) MR_RETURN_IF_ERROR(catalog.AddPool(pool));
  for (const Project& project : sorted_projects) {
    if (!project.cohort.empty())
      catalog.cohorts_.push_back({.name = project.cohort, .members = {}, .shared = {}});
  }
  auto& cohorts = catalog.cohorts_;
  cohorts = ByName(std::move(cohorts));
  cohorts.erase(std::unique(cohorts.begin(), cohorts.end(),
                            [](const CohortInfo& a, const CohortInfo& b) { return a.name == b.name; }),
                cohorts.end());
  for (const Project& project : sorted_projects) MR_RETURN_IF_ERROR(catalog.AddProject(project));
  catalog.Share();
  catalog.by_price_.resize(catalog.pools_.size());
  std::iota(catalog.by_price_.begin(), catalog.by_price_.end(), size_t{0});
  std::stable_sort(catalog.by_price_.begin(), catalog.by_price_.end(),
                   [&](size_t a, size_t b) { return catalog.pools_[a].price < catalog.pools_[b].price; });
  return catalog;
}

std::optional<size_t> Catalog::FindPool(std::string_view name) const { return Find(pools_, name); }
std::optional<size_t> Catalog::FindProject(std::string_view name) const { return Find(projects_, name); }

Result<Amounts> Catalog::Intern(const ResourceList& list, std::string_view where) {
  Amounts amounts{};
  for (const auto& [name, amount] : list) {
    if (amount < 0 || amount > kMostAmount) {
      return InvalidArgument("{}: {} of '{}'; it must be from 0 to {}", where, amount, name, kMostAmount);
    }
    auto at = std::find(resources_.begin(), resources_.end(), name);
    if (at == resources_.end()) {
      if (amount == 0) continue;
      if (resources_.size() == kResources) {
        return InvalidArgument("{}: '{}' is one kind of resource too many; {} are known: {}", where, name,
                               kResources, Join(resources_, ", "));
      }
      at = resources_.insert(resources_.end(), name);
    }
    amounts[static_cast<size_t>(at - resources_.begin())] = amount;
  }
  return amounts;
}

Status Catalog::AddPool(const Pool& pool) {
  if (pool.shapes.size() > static_cast<size_t>(kMostShapes)) {
    return InvalidArgument("pool '{}' has {} shapes of node; {} at most", pool.name, pool.shapes.size(),
                           kMostShapes);
  }
  PoolInfo info;
  info.name = pool.name;
  const std::vector<NodeShape> shapes = ByName(pool.shapes);
  MR_RETURN_IF_ERROR(NoDuplicates(shapes, "shape").WithContext("pool '" + pool.name + "'"));
  for (const NodeShape& shape : shapes) {
    MR_RETURN_IF_ERROR(AddShape(shape, info, pool.spot).WithContext("pool '" + pool.name + "'"));
  }
  pools_.push_back(std::move(info));
  return Ok();
}

Status Catalog::AddShape(const NodeShape& shape, PoolInfo& into, bool spot) {
  ShapeInfo info;
  info.name = shape.name;
  MR_ASSIGN_OR_RETURN(info.capacity, Intern(shape.capacity, "shape '" + shape.name + "'"));
  info.first = into.shape_of.size();
  info.nodes = std::max(shape.most, shape.ready);
  info.ready = shape.ready;
  if (shape.ready < 0 || info.nodes > kMostNodes - static_cast<int64_t>(into.shape_of.size())) {
    return InvalidArgument("shape '{}' may have {} nodes; a pool has from 0 to {}", shape.name, info.nodes,
                           kMostNodes);
  }
  if (!std::isfinite(shape.price_per_hour) || shape.price_per_hour < 0) {
    return InvalidArgument("shape '{}': its price must be a number, 0 or more", shape.name);
  }
  info.price = shape.price_per_hour;
  info.labels = shape.labels;
  if (spot) info.labels.emplace("spot", "true");
  info.taints = shape.taints;
  into.price = into.shapes.empty() ? info.price : std::min(into.price, info.price);
  into.shape_of.insert(into.shape_of.end(), static_cast<size_t>(info.nodes),
                       static_cast<uint8_t>(into.shapes.size()));
  into.capacity = Add(into.capacity, info.capacity, info.nodes);
  into.shapes.push_back(std::move(info));
  return Ok();
}

Status Catalog::AddProject(const Project& project) {
  ProjectInfo info;
  info.name = project.name;
  if (!(project.weight > 0) || !std::isfinite(project.weight)) {
    return InvalidArgument("project '{}': its weight must be above 0", project.name);
  }
  info.weight = project.weight;
  info.strategy = project.strategy;
  info.preempt_lower_priority = project.preempt_lower_priority;
  info.reclaim = project.reclaim;
  info.open = project.quotas.empty();
  info.lines.resize(pools_.size());
  // Without quota there is nothing to lend, and no limit to what could be borrowed.
  if (!info.open) info.cohort = Find(cohorts_, project.cohort);
  for (const Quota& quota : project.quotas) {
    MR_RETURN_IF_ERROR(AddQuota(quota, project, info).WithContext("project '" + project.name + "'"));
  }
  if (info.cohort) cohorts_[*info.cohort].members.push_back(projects_.size());
  projects_.push_back(std::move(info));
  return Ok();
}

Status Catalog::AddQuota(const Quota& quota, const Project& project, ProjectInfo& into) {
  const std::optional<size_t> pool = FindPool(quota.pool);
  if (!pool) {
    const std::string near = Nearest(quota.pool, Names(pools_));
    return InvalidArgument("a quota names the pool '{}', which does not exist{}", quota.pool,
                           near.empty() ? "" : "; did you mean '" + near + "'?");
  }
  for (const int64_t amount :
       {quota.nominal, quota.borrowing_limit.value_or(0), quota.lending_limit.value_or(0)}) {
    if (amount < 0 || amount > kMostAmount * kMostNodes) {
      return InvalidArgument("its quota of '{}' in pool '{}' has the amount {}", quota.resource, quota.pool,
                             amount);
    }
  }
  MR_ASSIGN_OR_RETURN(const Amounts one, Intern({{quota.resource, 1}}, "quota"));
  const size_t r = static_cast<size_t>(std::find(one.begin(), one.end(), 1) - one.begin());
  QuotaLine& line = into.lines[*pool];
  const uint32_t bit = 1U << r;
  if (line.limited & bit) {
    return InvalidArgument("two quotas of '{}' in pool '{}'", quota.resource, quota.pool);
  }
  line.listed = true;
  line.limited |= bit;
  line.nominal[r] = quota.nominal;
  line.guaranteed[r] = quota.nominal;
  if (!project.cohort.empty()) {
    line.guaranteed[r] = std::max<int64_t>(0, quota.nominal - quota.lending_limit.value_or(quota.nominal));
  }
  if (quota.borrowing_limit) {
    line.borrow_limited |= bit;
    line.borrow[r] = *quota.borrowing_limit;
  }
  return Ok();
}

void Catalog::Share() {
  Amounts everything{};
  for (const PoolInfo& pool : pools_) everything = Add(everything, pool.capacity);
  for (CohortInfo& cohort : cohorts_) {
    cohort.shared.resize(pools_.size());
    Amounts lendable{};
    for (const size_t member : cohort.members) {
      for (size_t pool = 0; pool < pools_.size(); ++pool) {
        const QuotaLine& line = projects_[member].lines[pool];
        cohort.shared[pool] = Add(Add(cohort.shared[pool], line.nominal), line.guaranteed, -1);
      }
    }
    for (const Amounts& shared : cohort.shared) lendable = Add(lendable, shared);
    for (const size_t member : cohort.members) projects_[member].lendable = lendable;
  }
  for (ProjectInfo& project : projects_) {
    if (project.open) project.lendable = everything;
  }
}

}  // namespace millrace::admission::internal
