// What a Scheduler knows. Two books are kept of each pool: `now`, with those that are
// stopping, and `later`, without them but with what is held for workloads that wait for
// them. Something may be admitted only when both have room; in `later` room is promised.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "admission/internal/catalog.h"
#include "admission/internal/ledger.h"
#include "admission/internal/placement.h"

namespace millrace::admission::internal {

using Id = uint32_t;

// The order within a project: priority, then age, then name.
struct Turn {
  int64_t priority = 0;
  EventTime queued_at;
  std::string_view name;  // the key in State::by_name, which does not move
  Id id = 0;

  friend bool operator<(const Turn& a, const Turn& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    if (a.queued_at != b.queued_at) return a.queued_at < b.queued_at;
    return a.name < b.name;
  }
};

struct Entry {
  Turn turn = {};
  uint32_t class_id = 0;
  admission::State state = admission::State::kWaiting;
  bool preemptible = true;
  std::optional<Micros> duration = {};
  std::optional<EventTime> deadline = {};
  // While it runs or stops.
  std::optional<size_t> pool = {};  // none: its pool is gone
  Placement placement = {};
  EventTime started_at = {};
  EventTime saved_at = {};   // start or last checkpoint
  size_t position = 0;       // in State::running
  uint64_t admitted_in = 0;  // the cycle; 0: before this scheduler knew it
};

// Workloads of one project that ask for the same.
struct Class {
  std::string key = {};
  size_t entries = 0;  // waiting and running; without any the class goes
  Demand demand = {};
  std::vector<size_t> pools = {};     // in which it could ever start, the best first
  std::vector<uint64_t> shapes = {};  // by index in `pools`: the nodes that suit
  std::string never = {};             // why not in the pools that are not in `pools`
  std::set<Turn> waiting = {};
  // The first that waited did not fit when State::clock was so much, at this priority.
  std::optional<uint64_t> failed_at = {};
  int64_t failed_priority = 0;
};

// Whom a reservation keeps out.
enum class Scope { kProject, kCohort, kPool };

struct Reservation {
  Id holder = 0;
  Scope scope = Scope::kPool;
  size_t project = 0;
  std::optional<size_t> cohort = {};
};

// Room that is promised to a workload which waits for others to stop.
struct Hold {
  Id holder = 0;
  size_t pool = 0;
  Placement placement = {};
};

struct State {
  State(Catalog catalog_of, const Policy& policy_of);
  State(const State&) = delete;  // the placer points at the catalog
  State& operator=(const State&) = delete;

  Catalog catalog;
  Policy policy;
  Placer placer;
  std::vector<PoolUse> now;
  std::vector<PoolUse> later;
  std::vector<Amounts> beyond;      // by project: its use beyond nominal, in `later`
  std::vector<uint32_t> unsettled;  // by pool: stopping workloads and holds; 0: the books agree
  std::vector<uint64_t> freed;      // by pool: the clock when something was last given back
  uint64_t clock = 0;

  std::vector<Entry> entries;
  std::vector<Id> free_entries;
  std::unordered_map<std::string, Id> by_name;
  std::vector<Class> classes;
  std::vector<uint32_t> free_classes;
  std::unordered_map<std::string, uint32_t> class_by_key;
  std::vector<std::vector<uint32_t>> classes_of;      // by project: classes with entries
  std::vector<std::vector<std::vector<Id>>> running;  // by pool and project; not those that stop
  std::set<Turn> nominated;                           // those that wait and for whom others were preempted
  size_t waiting_count = 0;
  size_t running_count = 0;

  // What the last cycle left, for explanations.
  EventTime at;
  uint64_t cycle = 0;
  bool spared = false;  // somebody was not preempted because it was admitted in this cycle
  std::vector<std::optional<Reservation>> reservations;  // by pool
  std::vector<Hold> holds;
  std::map<Id, std::vector<std::string>> stops_for;  // who stops, by holder

  bool ShareBooks(size_t pool) const { return unsettled[pool] == 0; }
  const PoolUse* Other(size_t pool) const { return ShareBooks(pool) ? nullptr : &later[pool]; }

  // Finds or makes the class. Its entries are not counted yet.
  Result<uint32_t> ClassOf(const Workload& workload);
  void Release(uint32_t class_id);  // one entry less

  void ChargeNow(size_t pool, const Demand& demand, const Placement& placement, int64_t times);
  void ChargeLater(size_t pool, const Demand& demand, const Placement& placement, int64_t times);
  void Run(Id id, size_t pool, Placement placement);  // charges both books
  void Stop(Id id);                                   // gives back in `later`
  void LeaveRunning(Id id);
  // The placement that the snapshot gives, or one of our own.
  Placement Adopt(const Class& cls, size_t pool, const Assignment& assignment);
};

// What the workload asks for, and where it could ever run.
Result<Class> MakeClass(State& state, const Workload& workload);
Assignment ToAssignment(const Catalog& catalog, size_t pool, const Placement& placement);
std::vector<Action> RunCycle(State& state, EventTime now);

// Whom to preempt so that `id` fits in the pool, the cheapest first; none: it would not fit,
// or it is not allowed. Simulated on a copy; the placement is the one it will have.
struct Preemption {
  std::vector<Id> victims;
  Placement placement;
};
std::optional<Preemption> FindPreemption(State& state, Id id, size_t pool, uint64_t shapes);

// Sentences.
std::string FormatAmount(std::string_view resource, int64_t amount);
std::string WhyNever(State& state, const Demand& demand, size_t pool, uint64_t shapes);
std::string WhyWaiting(const State& state, const Class& cls, Id id);

}  // namespace millrace::admission::internal
