#include "admission/internal/state.h"

#include "base/text.h"

namespace millrace::admission::internal {
namespace {

bool Tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const Toleration& t) {
    return t.key == taint.key && (!t.value || *t.value == taint.value);
  });
}

bool HasLabels(const Labels& labels, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto at = labels.find(want.first);
    return at != labels.end() && at->second == want.second;
  });
}

// Nodes of the pool that suit, or why none does.
struct Suits {
  uint64_t shapes = 0;
  std::string why_not;
};
Suits ShapesFor(const PoolInfo& pool, const Workload& workload) {
  Suits suits;
  for (size_t s = 0; s < pool.shapes.size(); ++s) {
    const ShapeInfo& shape = pool.shapes[s];
    const auto taint = std::find_if(shape.taints.begin(), shape.taints.end(),
                                    [&](const Taint& t) { return !Tolerates(workload.tolerations, t); });
    if (!HasLabels(shape.labels, workload.node_selector)) {
      std::vector<std::string> wanted;
      for (const auto& [key, value] : workload.node_selector) wanted.push_back(key + "=" + value);
      suits.why_not = fmt::format("no node of pool '{}' has the labels {}", pool.name, Join(wanted, ", "));
    } else if (taint != shape.taints.end()) {
      suits.why_not = fmt::format("the nodes of pool '{}' have the taint {}{}{}, which it does not tolerate",
                                  pool.name, taint->key, taint->value.empty() ? "" : "=", taint->value);
    } else {
      suits.shapes |= uint64_t{1} << s;
    }
  }
  if (pool.shape_of.empty()) suits.why_not = fmt::format("pool '{}' has no nodes", pool.name);
  return suits;
}

void AppendText(std::string& key, std::string_view text) {
  key += text;
  key += '\0';
}

// Equal for workloads that may take each other's place.
std::string KeyOf(const Workload& workload, size_t project) {
  std::string key = std::to_string(project);
  for (const std::string& pool : workload.pools) AppendText(key, pool);
  for (const PodSet& set : workload.pods) {
    key += '\1';
    key += std::to_string(set.count);
    for (const auto& [name, amount] : set.requests) {
      AppendText(key, name);
      key += std::to_string(amount);
    }
  }
  for (const auto& [label, value] : workload.node_selector) {
    key += '\2';
    AppendText(key, label);
    AppendText(key, value);
  }
  for (const Toleration& toleration : workload.tolerations) {
    key += '\3';
    AppendText(key, toleration.key);
    if (toleration.value) AppendText(key, *toleration.value);
  }
  return key;
}

Result<Demand> DemandOf(State& state, const Workload& workload, size_t project) {
  Demand demand;
  demand.project = project;
  int64_t pods = 0;
  for (const PodSet& set : workload.pods) {
    MR_ASSIGN_OR_RETURN(const Amounts one, state.catalog.Intern(set.requests, "'" + workload.name + "'"));
    if (set.count < 1 || set.count > kMostPods - pods) {
      return InvalidArgument("'{}' asks for {} pods; a workload has from 1 to {}", workload.name, set.count,
                             kMostPods);
    }
    pods += set.count;
    demand.one.push_back(one);
    demand.count.push_back(set.count);
    demand.total = Add(demand.total, one, set.count);
  }
  if (pods == 0) return InvalidArgument("'{}' has no pods", workload.name);
  return demand;
}

}  // namespace

State::State(Catalog catalog_of, const Policy& policy_of)
    : catalog(std::move(catalog_of)), policy(policy_of), placer(catalog) {
  const size_t pools = catalog.pools().size();
  const size_t projects = catalog.projects().size();
  for (size_t pool = 0; pool < pools; ++pool) now.push_back(EmptyUse(catalog, pool));
  later = now;
  beyond.resize(projects);
  unsettled.resize(pools);
  freed.resize(pools);
  classes_of.resize(projects);
  running.assign(pools, std::vector<std::vector<Id>>(projects));
  reservations.resize(pools);
}

Result<Class> MakeClass(State& state, const Workload& workload) {
  const Catalog& catalog = state.catalog;
  const std::optional<size_t> project = catalog.FindProject(workload.project);
  if (!project) return InvalidArgument("'{}': there is no project '{}'", workload.name, workload.project);
  Class cls;
  MR_ASSIGN_OR_RETURN(cls.demand, DemandOf(state, workload, *project));
  std::vector<std::string> why;
  std::vector<size_t> wanted;
  for (const std::string& name : workload.pools) {
    if (const std::optional<size_t> pool = catalog.FindPool(name)) {
      wanted.push_back(*pool);
      continue;
    }
    std::vector<std::string> names;
    for (const PoolInfo& pool : catalog.pools()) names.push_back(pool.name);
    const std::string near = Nearest(name, names);
    why.push_back(
        fmt::format("there is no pool '{}'{}", name, near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  if (workload.pools.empty()) wanted = catalog.pools_by_price();
  if (wanted.empty() && why.empty()) why.push_back("there are no pools");
  for (const size_t pool : wanted) {
    const Suits suits = ShapesFor(catalog.pools()[pool], workload);
    std::string reason = suits.why_not;
    if (suits.shapes != 0) reason = WhyNever(state, cls.demand, pool, suits.shapes);
    if (suits.shapes != 0 && reason.empty()) {
      cls.pools.push_back(pool);
      cls.shapes.push_back(suits.shapes);
    } else {
      why.push_back(std::move(reason));
    }
  }
  cls.never = Join(why, "; ");
  return cls;
}

Result<uint32_t> State::ClassOf(const Workload& workload) {
  const std::optional<size_t> project = catalog.FindProject(workload.project);
  std::string key = KeyOf(workload, project.value_or(catalog.projects().size()));
  if (const auto found = class_by_key.find(key); found != class_by_key.end()) return found->second;
  MR_ASSIGN_OR_RETURN(Class made, MakeClass(*this, workload));
  made.key = key;
  uint32_t id = static_cast<uint32_t>(classes.size());
  if (free_classes.empty()) {
    classes.push_back(std::move(made));
  } else {
    id = free_classes.back();
    free_classes.pop_back();
    classes[id] = std::move(made);
  }
  classes_of[*project].push_back(id);
  class_by_key.emplace(std::move(key), id);
  return id;
}

void State::Release(uint32_t class_id) {
  Class& cls = classes[class_id];
  if (--cls.entries > 0) return;
  std::erase(classes_of[cls.demand.project], class_id);
  class_by_key.erase(cls.key);
  cls = Class();
  free_classes.push_back(class_id);
}

void State::ChargeNow(size_t pool, const Demand& demand, const Placement& placement, int64_t times) {
  Charge(catalog, pool, demand, placement, times, now[pool]);
  if (times < 0) freed[pool] = ++clock;
}

void State::ChargeLater(size_t pool, const Demand& demand, const Placement& placement, int64_t times) {
  const QuotaLine& line = catalog.projects()[demand.project].lines[pool];
  Amounts& used = later[pool].used[demand.project];
  const Amounts before = Beyond(line, used);
  Charge(catalog, pool, demand, placement, times, later[pool]);
  Amounts& sum = beyond[demand.project];
  sum = Add(Add(sum, Beyond(line, used)), before, -1);
}

void State::Run(Id id, size_t pool, Placement placement) {
  Entry& entry = entries[id];
  const Class& cls = classes[entry.class_id];
  ChargeNow(pool, cls.demand, placement, 1);
  ChargeLater(pool, cls.demand, placement, 1);
  entry.pool = pool;
  entry.placement = std::move(placement);
  entry.state = admission::State::kRunning;
  std::vector<Id>& peers = running[pool][cls.demand.project];
  entry.position = peers.size();
  peers.push_back(id);
}

void State::LeaveRunning(Id id) {
  Entry& entry = entries[id];
  std::vector<Id>& peers = running[*entry.pool][classes[entry.class_id].demand.project];
  entries[peers.back()].position = entry.position;
  peers[entry.position] = peers.back();
  peers.pop_back();
}

void State::Stop(Id id) {
  Entry& entry = entries[id];
  LeaveRunning(id);
  ChargeLater(*entry.pool, classes[entry.class_id].demand, entry.placement, -1);
  ++unsettled[*entry.pool];
  freed[*entry.pool] = ++clock;
  entry.state = admission::State::kStopping;
}

Placement State::Adopt(const Class& cls, size_t pool, const Assignment& assignment) {
  const PoolInfo& info = catalog.pools()[pool];
  if (assignment.nodes.empty()) {
    const auto found = std::find(cls.pools.begin(), cls.pools.end(), pool);
    const uint64_t shapes =
        found == cls.pools.end() ? ~uint64_t{0} : cls.shapes[static_cast<size_t>(found - cls.pools.begin())];
    return placer.Place(pool, shapes, cls.demand, now[pool], Other(pool)).value_or(Placement());
  }
  Placement placement;
  for (const NodeAssignment& given : assignment.nodes) {
    const auto shape = std::find_if(info.shapes.begin(), info.shapes.end(),
                                    [&](const ShapeInfo& s) { return s.name == given.shape; });
    const bool known = shape != info.shapes.end() && given.node >= 0 && given.node < shape->nodes &&
                       given.pod_set >= 0 && given.pod_set < static_cast<int64_t>(cls.demand.one.size()) &&
                       given.pods > 0 && given.pods <= kMostPods;
    if (!known) continue;
    placement.push_back({.node = static_cast<uint32_t>(shape->first) + static_cast<uint32_t>(given.node),
                         .pod_set = static_cast<uint32_t>(given.pod_set),
                         .pods = given.pods});
  }
  return placement;
}

Assignment ToAssignment(const Catalog& catalog, size_t pool, const Placement& placement) {
  const PoolInfo& info = catalog.pools()[pool];
  Assignment assignment{.pool = info.name, .nodes = {}};
  for (const Placed& placed : placement) {
    const ShapeInfo& shape = info.shapes[info.shape_of[placed.node]];
    assignment.nodes.push_back({.shape = shape.name,
                                .node = static_cast<int64_t>(placed.node - shape.first),
                                .pod_set = placed.pod_set,
                                .pods = placed.pods});
  }
  return assignment;
}

}  // namespace millrace::admission::internal
