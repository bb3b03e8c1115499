// What the decision "who runs next" is about: pools of nodes, projects with quotas,
// workloads that wait or run. Plain values, no ids of any other system.
//
// The words are Kueue's where it has them: a Pool is its ResourceFlavor with the nodes
// behind it, a Project its ClusterQueue, `cohort`, `nominal`, borrowing and lending limits
// mean the same. docs/queueing.md states the rules.
//
// Amounts are whole numbers: "cpu" in thousandths of a core, "memory" in bytes, anything
// else ("nvidia.com/gpu", "slots") by the piece.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace millrace::admission {

using ResourceList = std::map<std::string, int64_t, std::less<>>;
using Labels = std::map<std::string, std::string, std::less<>>;

// Keeps workloads off a node, unless they tolerate it.
struct Taint {
  std::string key = {};
  std::string value = {};
  bool operator==(const Taint&) const = default;
};

// `value` unset tolerates every value of the key.
struct Toleration {
  std::string key = {};
  std::optional<std::string> value = {};
};

// Nodes of one pool that are alike.
struct NodeShape {
  std::string name = {};
  ResourceList capacity = {};  // of one node, after what the system takes for itself
  int64_t ready = 0;           // nodes that are there
  int64_t most = 0;            // nodes there may be; at least `ready`
  double price_per_hour = 0;   // of one node
  Labels labels = {};
  std::vector<Taint> taints = {};
};

struct Pool {
  std::string name = {};
  bool spot = false;  // may be taken away; a label "spot" = "true" on its nodes, for selectors
  std::vector<NodeShape> shapes = {};
};

// What a project may use of one resource in one pool.
struct Quota {
  std::string pool = {};
  std::string resource = {};
  int64_t nominal = 0;                          // its own
  std::optional<int64_t> borrowing_limit = {};  // above nominal, from the cohort; unset: no limit
  std::optional<int64_t> lending_limit = {};    // of nominal, that the cohort may use; unset: all
};

enum class Strategy {
  kBestEffortFifo,  // who does not fit is passed by those behind that do
  kStrictFifo,      // nobody passes
};

enum class Reclaim { kNever, kLowerPriority, kAny };

// With `quotas` empty the project is open: it may use whatever is free.
// With some, it may use the pools named there, and the resources named there by quota.
struct Project {
  std::string name = {};
  std::string cohort = {};  // projects of one cohort lend each other; "": none
  double weight = 1;        // of its share, when several want to borrow
  Strategy strategy = Strategy::kBestEffortFifo;
  bool preempt_lower_priority = true;  // of its own
  Reclaim reclaim = Reclaim::kAny;     // its nominal quota, from those who borrow
  std::vector<Quota> quotas = {};
};

// Pods that are alike.
struct PodSet {
  int64_t count = 1;
  ResourceList requests = {};  // of one pod
};

// Where pods of a workload are: on one node of a shape.
struct NodeAssignment {
  std::string shape = {};
  int64_t node = 0;  // counted from 0 within the shape
  int64_t pod_set = 0;
  int64_t pods = 0;
  bool operator==(const NodeAssignment&) const = default;
};

struct Assignment {
  std::string pool = {};
  std::vector<NodeAssignment> nodes = {};
  bool operator==(const Assignment&) const = default;
};

enum class State {
  kWaiting,
  kRunning,
  kStopping,  // preempted; holds what it has until it is gone
};

struct Workload {
  std::string name = {};  // unique in the snapshot
  std::string project = {};
  std::vector<std::string> pools = {};  // the best first; none: any, the cheapest first
  int64_t priority = 0;                 // the higher the earlier
  EventTime queued_at = {};             // kept when it is preempted
  std::vector<PodSet> pods = {};        // all start or none
  bool preemptible = true;
  std::optional<Micros> duration = {};     // runs so long at most
  std::optional<EventTime> deadline = {};  // not worth starting when it cannot end by then
  Labels node_selector = {};
  std::vector<Toleration> tolerations = {};
  State state = State::kWaiting;
  // While it waits: others were preempted for it, so it goes before all. To be set from
  // `because_of` of a kPreempt (as a pod's nominatedNodeName is), until it is admitted.
  bool nominated = false;
  // When it runs or stops. An assignment without nodes is placed by the same rules.
  Assignment assignment = {};
  EventTime started_at = {};
  std::optional<EventTime> checkpoint_at = {};  // work since then is lost when it is preempted
};

struct Policy {
  // After so long a wait, capacity is kept for a workload that does not fit.
  Micros reserve_after = std::chrono::minutes(30);
  // Workloads of one class looked at for backfill behind a reservation.
  int64_t backfill_depth = 100;
};

struct Snapshot {
  EventTime now = {};
  std::vector<Pool> pools = {};
  std::vector<Project> projects = {};
  std::vector<Workload> workloads = {};
  Policy policy = {};
};

struct Action {
  enum class Kind { kAdmit, kPreempt };
  Kind kind = Kind::kAdmit;
  std::string workload = {};
  Assignment assignment = {};   // of kAdmit
  std::string because_of = {};  // of kPreempt: the workload that it makes room for
  std::string message = {};     // a sentence
  bool operator==(const Action&) const = default;
};

struct Waiting {
  std::string workload = {};
  std::string reason = {};  // a sentence
  bool never = false;       // it cannot start before it, its project or its pools change
  bool operator==(const Waiting&) const = default;
};

struct Decision {
  std::vector<Action> actions = {};   // in the order in which they were decided
  std::vector<Waiting> waiting = {};  // by name
};

// Refused beyond these.
inline constexpr int64_t kMostResources = 8;
inline constexpr int64_t kMostPods = 4096;                // of a workload
inline constexpr int64_t kMostNodes = 4096;               // of a pool
inline constexpr int64_t kMostShapes = 64;                // of a pool
inline constexpr int64_t kMostAmount = int64_t{1} << 45;  // of one resource on a node or in a pod

}  // namespace millrace::admission
