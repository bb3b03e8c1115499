// What holds of every decision, on snapshots at random; judged by testing/oracle.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <ostream>

#include "admission/decide.h"
#include "admission/scheduler.h"
#include "admission/testing/oracle.h"
#include "admission/testing/random_snapshot.h"

namespace millrace::admission {

void PrintTo(const Action& action, std::ostream* out) {
  *out << action.workload << (action.kind == Action::Kind::kAdmit ? " starts in " : " stops for ")
       << action.assignment.pool << action.because_of;
}
void PrintTo(const Waiting& waiting, std::ostream* out) {
  *out << waiting.workload << ": " << waiting.reason;
}

namespace {

using std::chrono::minutes;
using testing::Oracle;
using testing::Random;

Workload& Named(Snapshot& snapshot, const std::string& name) {
  return *std::find_if(snapshot.workloads.begin(), snapshot.workloads.end(),
                       [&](const Workload& w) { return w.name == name; });
}

void Apply(Snapshot& snapshot, const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    Workload& w = Named(snapshot, action.workload);
    if (action.kind == Action::Kind::kPreempt) Named(snapshot, action.because_of).nominated = true;
    w.nominated = false;
    w.state = action.kind == Action::Kind::kAdmit ? State::kRunning : State::kStopping;
    if (action.kind != Action::Kind::kAdmit) continue;
    w.assignment = action.assignment;
    w.started_at = snapshot.now;
  }
}

// Some end, those who should stop do, new ones come, and time goes on.
void Move(Snapshot& snapshot, Random& random, int64_t& number) {
  std::erase_if(snapshot.workloads,
                [&](const Workload& w) { return w.state == State::kRunning && random.Once(3); });
  for (Workload& w : snapshot.workloads) {
    if (w.state == State::kStopping && random.Once(2)) {
      w.state = State::kWaiting;
      w.assignment = {};
    }
  }
  snapshot.now = snapshot.now + minutes(random.Below(20));
  for (int64_t i = random.Below(5); i > 0; --i) {
    snapshot.workloads.push_back(testing::RandomWorkload(random, snapshot, number++, snapshot.now));
  }
}

bool Before(const Workload& a, const Workload& b) {
  return std::tuple(-a.priority, a.queued_at, a.name) < std::tuple(-b.priority, b.queued_at, b.name);
}

bool Reserved(const std::string& reason) { return reason.find("its turn in pool") != std::string::npos; }

bool IsStrict(const Snapshot& snapshot, const std::string& project) {
  return std::any_of(snapshot.projects.begin(), snapshot.projects.end(), [&](const Project& p) {
    return p.name == project && p.strategy == Strategy::kStrictFifo;
  });
}

std::string Describe(uint64_t seed, int round, const std::string& name) {
  return "seed " + std::to_string(seed) + ", round " + std::to_string(round) + ": " + name;
}

// Runs `check` on decisions of random histories.
template <typename Check>
void ForEachDecision(uint64_t seeds, const Policy& policy, Check check) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    Random random(seed);
    int64_t number = 12;
    Snapshot snapshot = testing::RandomSnapshot(random, number);
    snapshot.policy = policy;
    for (int round = 0; round < 6; ++round) {
      const Result<Decision> decision = Decide(snapshot);
      ASSERT_TRUE(decision.ok()) << decision.status().ToString();
      check(snapshot, *decision, seed, round);
      Apply(snapshot, decision->actions);
      Move(snapshot, random, number);
    }
  }
}

TEST(EveryDecision, StaysWithinNodesAndQuotasAndStartsGangsWhole) {
  size_t admitted = 0;
  ForEachDecision(400, {}, [&](const Snapshot& snapshot, const Decision& decision, uint64_t seed, int round) {
    Oracle oracle(snapshot);
    for (const Action& action : decision.actions) {
      if (action.kind != Action::Kind::kAdmit) continue;
      ++admitted;
      const Workload& w = oracle.Find(action.workload);
      EXPECT_TRUE(Oracle::IsWhole(w, action.assignment)) << Describe(seed, round, w.name);
      EXPECT_TRUE(oracle.Fits(w)) << Describe(seed, round, w.name);
      oracle.Put(w, action.assignment);
    }
    EXPECT_EQ(oracle.Overused(), std::vector<std::string>{}) << Describe(seed, round, "");
    EXPECT_EQ(
        decision.waiting.size() + static_cast<size_t>(std::count_if(
                                      decision.actions.begin(), decision.actions.end(),
                                      [](const Action& a) { return a.kind == Action::Kind::kAdmit; })),
        static_cast<size_t>(std::count_if(snapshot.workloads.begin(), snapshot.workloads.end(),
                                          [](const Workload& w) { return w.state == State::kWaiting; })));
  });
  EXPECT_GT(admitted, 3000U);
}

// Best effort conserves work, and within a project nobody behind takes what one before could have used.
TEST(EveryDecision, LeavesNobodyWaitingWhoFits) {
  size_t judged = 0;
  const Policy no_reservations{.reserve_after = std::chrono::hours(100'000)};
  ForEachDecision(
      400, no_reservations,
      [&](const Snapshot& snapshot, const Decision& decision, uint64_t seed, int round) {
        Oracle after(snapshot);
        std::map<std::string, Assignment> admitted;
        for (const Action& action : decision.actions) {
          if (action.kind == Action::Kind::kPreempt) continue;
          after.Put(after.Find(action.workload), action.assignment);
          admitted[action.workload] = action.assignment;
        }
        const bool room_is_held =
            std::any_of(decision.waiting.begin(), decision.waiting.end(), [](const Waiting& waiting) {
              return waiting.reason.find(" to stop, then") != std::string::npos;
            });
        for (const Waiting& waiting : decision.waiting) {
          const Workload& w = after.Find(waiting.workload);
          if (IsStrict(snapshot, w.project) || Reserved(waiting.reason)) continue;
          if (waiting.reason.find(" to stop, then") != std::string::npos) continue;
          ++judged;
          EXPECT_FALSE(after.Fits(w)) << Describe(seed, round, w.name + " " + waiting.reason);
          for (const auto& [name, assignment] : admitted) {
            const Workload& other = after.Find(name);
            if (room_is_held || other.nominated || other.project != w.project || !Before(w, other)) continue;
            Oracle without = after;
            without.Put(other, assignment, -1);
            EXPECT_FALSE(without.Fits(w)) << Describe(seed, round, name + " took the place of " + w.name);
          }
        }
      });
  EXPECT_GT(judged, 3000U);
}

TEST(EveryDecision, PreemptsOnlyWhomItMayAndOnlyWhenThatMakesRoom) {
  size_t preempted = 0;
  ForEachDecision(400, {}, [&](const Snapshot& snapshot, const Decision& decision, uint64_t seed, int round) {
    Oracle oracle(snapshot);
    for (const Workload& w : snapshot.workloads) {
      if (w.state == State::kStopping) oracle.Put(w, w.assignment, -1);
    }
    std::map<std::string, std::vector<std::string>> victims;
    for (const Action& action : decision.actions) {
      const Workload& w = oracle.Find(action.workload);
      if (action.kind == Action::Kind::kAdmit) {
        oracle.Put(w, action.assignment);
        continue;
      }
      ++preempted;
      const Workload& cause = oracle.Find(action.because_of);
      EXPECT_TRUE(w.preemptible && w.state == State::kRunning) << Describe(seed, round, w.name);
      if (w.project == cause.project) {
        EXPECT_LT(w.priority, cause.priority) << Describe(seed, round, w.name);
      }
      oracle.Put(w, w.assignment, -1);
      victims[action.because_of].push_back(action.workload);
    }
    for (const auto& [cause, names] : victims) {
      EXPECT_TRUE(oracle.Fits(oracle.Find(cause))) << Describe(seed, round, cause);
    }
  });
  EXPECT_GT(preempted, 100U);
}

TEST(EveryDecision, IsTheSameInWhateverOrderItsInputStands) {
  ForEachDecision(100, {}, [&](const Snapshot& snapshot, const Decision& decision, uint64_t seed, int round) {
    Snapshot shuffled = snapshot;
    std::mt19937_64 engine(seed);
    std::shuffle(shuffled.pools.begin(), shuffled.pools.end(), engine);
    std::shuffle(shuffled.projects.begin(), shuffled.projects.end(), engine);
    std::shuffle(shuffled.workloads.begin(), shuffled.workloads.end(), engine);
    const Result<Decision> other = Decide(shuffled);
    ASSERT_TRUE(other.ok());
    EXPECT_EQ(other->actions, decision.actions) << Describe(seed, round, "");
    EXPECT_EQ(other->waiting, decision.waiting) << Describe(seed, round, "");
  });
}

// A scheduler that was told of every event decides as one that sees everything for the first time.
TEST(Scheduler, DecidesByEventsWhatDecideDecidesFromTheWhole) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    int64_t number = 10;
    Snapshot snapshot = testing::RandomSnapshot(random, number);
    Result<Scheduler> scheduler = Scheduler::Create(
        {.pools = snapshot.pools, .projects = snapshot.projects, .policy = snapshot.policy});
    ASSERT_TRUE(scheduler.ok());
    for (const Workload& w : snapshot.workloads) ASSERT_TRUE(scheduler->Add(w).ok());
    for (int round = 0; round < 12; ++round) {
      const Result<Decision> whole = Decide(snapshot);
      ASSERT_TRUE(whole.ok());
      ASSERT_EQ(scheduler->Cycle(snapshot.now), whole->actions) << Describe(seed, round, "");
      for (const Waiting& waiting : scheduler->ExplainAll()) {
        EXPECT_EQ(waiting, *scheduler->Explain(waiting.workload));
      }
      Apply(snapshot, whole->actions);
      const Snapshot before = snapshot;
      Move(snapshot, random, number);
      for (const Workload& was : before.workloads) {
        const auto is = std::find_if(snapshot.workloads.begin(), snapshot.workloads.end(),
                                     [&](const Workload& w) { return w.name == was.name; });
        if (is == snapshot.workloads.end()) {
          ASSERT_TRUE(scheduler->Remove(was.name).ok());
        } else if (is->state != was.state) {
          ASSERT_TRUE(scheduler->Stopped(was.name).ok());
        }
      }
      for (const Workload& w : snapshot.workloads) {
        const bool is_new = std::none_of(before.workloads.begin(), before.workloads.end(),
                                         [&](const Workload& old) { return old.name == w.name; });
        if (is_new) {
          ASSERT_TRUE(scheduler->Add(w).ok());
        }
      }
    }
    for (const Workload& w : snapshot.workloads) ASSERT_TRUE(scheduler->Remove(w.name).ok());
    EXPECT_EQ(scheduler->waiting() + scheduler->running(), 0U);
  }
}

// One cohort on nodes of one GPU: no fragments, so nothing but quota decides.
Snapshot Crowd(const std::vector<int64_t>& nominal, const std::vector<double>& weights, int64_t jobs,
               int64_t gpus) {
  Snapshot snapshot;
  snapshot.now = testing::kStart;
  const int64_t all = std::accumulate(nominal.begin(), nominal.end(), int64_t{0});
  snapshot.pools = {{.name = "pool", .shapes = {{.name = "node", .capacity = {{"gpu", 1}}, .most = all}}}};
  for (size_t p = 0; p < nominal.size(); ++p) {
    const std::string name = "p" + std::to_string(p);
    snapshot.projects.push_back({.name = name,
                                 .cohort = "all",
                                 .weight = weights[p],
                                 .quotas = {{.pool = "pool", .resource = "gpu", .nominal = nominal[p]}}});
    for (int64_t j = 0; j < jobs; ++j) {
      snapshot.workloads.push_back({.name = name + "-" + std::to_string(j),
                                    .project = name,
                                    .queued_at = snapshot.now,
                                    .pods = {{.count = gpus, .requests = {{"gpu", 1}}}}});
    }
  }
  return snapshot;
}

int64_t UsedBy(const Snapshot& snapshot, const std::string& project) {
  int64_t used = 0;
  for (const Workload& w : snapshot.workloads) {
    if (w.project == project && w.state == State::kRunning) used += w.pods[0].count;
  }
  return used;
}

TEST(Reclaim, EveryProjectWithDemandGetsItsNominalQuotaBack) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    std::vector<int64_t> nominal;
    std::vector<double> weights;
    for (int64_t p = 0; p < 2 + random.Below(4); ++p) {
      nominal.push_back(1 + random.Below(10));
      weights.push_back(1);
    }
    Snapshot snapshot = Crowd(nominal, weights, 0, 1);
    const int64_t all = snapshot.pools[0].shapes[0].most;
    // The first project borrows everything before the others come.
    for (int64_t j = 0; j < all; ++j) {
      snapshot.workloads.push_back({.name = "early-" + std::to_string(j),
                                    .project = "p0",
                                    .priority = 9,
                                    .queued_at = snapshot.now,
                                    .pods = {{.requests = {{"gpu", 1}}}}});
    }
    Apply(snapshot, Decide(snapshot)->actions);
    ASSERT_EQ(UsedBy(snapshot, "p0"), all);
    const Snapshot late = Crowd(nominal, weights, 12, 1);
    for (const Workload& w : late.workloads) {
      if (w.project != "p0") snapshot.workloads.push_back(w);
    }
    for (int round = 0; round < 3; ++round) {
      Apply(snapshot, Decide(snapshot)->actions);
      for (Workload& w : snapshot.workloads) {
        if (w.state == State::kStopping) w.state = State::kWaiting;
      }
    }
    for (size_t p = 0; p < nominal.size(); ++p) {
      EXPECT_EQ(UsedBy(snapshot, "p" + std::to_string(p)), nominal[p])
          << Describe(seed, 0, std::to_string(p));
    }
  }
}

TEST(FairSharing, WhatIsBorrowedIsWithinOneWorkloadOfTheWeightedIdeal) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const int64_t gpus = 1 + random.Below(3);
    std::vector<int64_t> nominal{60 * gpus};  // lends, and asks for nothing
    std::vector<double> weights{1};
    double sum = 0;
    for (int64_t p = 0; p < 2 + random.Below(5); ++p) {
      nominal.push_back(0);
      weights.push_back(static_cast<double>(1 + random.Below(4)));
      sum += weights.back();
    }
    Snapshot snapshot = Crowd(nominal, weights, 60, gpus);
    std::erase_if(snapshot.workloads, [](const Workload& w) { return w.project == "p0"; });
    Apply(snapshot, Decide(snapshot)->actions);
    for (size_t p = 1; p < nominal.size(); ++p) {
      const double ideal = static_cast<double>(60 * gpus) * weights[p] / sum;
      const double used = static_cast<double>(UsedBy(snapshot, "p" + std::to_string(p)));
      EXPECT_LE(std::abs(used - ideal), static_cast<double>(gpus)) << Describe(seed, 0, std::to_string(p));
    }
  }
}

// A stream of small jobs, and one that needs the whole pool.
TEST(Reservation, ALargeGangStartsHoweverManySmallJobsCome) {
  for (const bool known : {false, true}) {
    Snapshot snapshot{
        .now = testing::kStart,
        .pools = {{.name = "pool", .shapes = {{.name = "node", .capacity = {{"gpu", 8}}, .most = 4}}}},
        .projects = {{.name = "large"}, {.name = "small"}}};
    const auto small = [&](int number) {
      Workload w{.name = "s" + std::to_string(number), .project = "small", .queued_at = snapshot.now};
      w.pods = {{.requests = {{"gpu", 1}}}};
      if (known) w.duration = minutes(5 + number % 40);
      return w;
    };
    snapshot.workloads.push_back({.name = "gang",
                                  .project = "large",
                                  .queued_at = snapshot.now,
                                  .pods = {{.count = 4, .requests = {{"gpu", 8}}}}});
    Workload first = small(0);
    first.state = State::kRunning;
    first.started_at = snapshot.now;
    first.assignment = {.pool = "pool", .nodes = {{.shape = "node", .pods = 1}}};
    snapshot.workloads.push_back(first);
    bool started = false;
    int number = 1;
    for (int minute = 0; minute < 120 && !started; ++minute) {
      snapshot.now = snapshot.now + minutes(1);
      std::erase_if(snapshot.workloads, [&](const Workload& w) {
        const int takes = 5 + std::atoi(w.name.c_str() + 1) % 40;
        return w.state == State::kRunning && snapshot.now - w.started_at >= minutes(takes);
      });
      for (int i = 0; i < 3; ++i) snapshot.workloads.push_back(small(number++));
      Apply(snapshot, Decide(snapshot)->actions);
      started = Named(snapshot, "gang").state == State::kRunning;
    }
    EXPECT_TRUE(started) << known;
  }
}

}  // namespace
}  // namespace millrace::admission
