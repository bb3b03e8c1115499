#include "admission/decide.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace millrace::admission {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr EventTime kNoon{1'800'000'000'000'000};
constexpr char kGpu[] = "nvidia.com/gpu";

Pool Gpus(int64_t nodes, int64_t each = 8) {
  return {.name = "gpu",
          .shapes = {{.name = "h100", .capacity = {{kGpu, each}, {"cpu", 64'000}}, .most = nodes}}};
}

Project WithQuota(std::string name, int64_t nominal, std::string cohort = "",
                  std::optional<int64_t> borrow = std::nullopt, std::optional<int64_t> lend = std::nullopt) {
  return {.name = std::move(name),
          .cohort = std::move(cohort),
          .quotas = {{.pool = "gpu",
                      .resource = kGpu,
                      .nominal = nominal,
                      .borrowing_limit = borrow,
                      .lending_limit = lend}}};
}

Workload Job(std::string name, std::string project, int64_t pods, int64_t gpus, int64_t priority = 0,
             Micros waited = minutes(1)) {
  return {.name = std::move(name),
          .project = std::move(project),
          .pools = {"gpu"},
          .priority = priority,
          .queued_at = kNoon - waited,
          .pods = {{.count = pods, .requests = {{kGpu, gpus}}}}};
}

Workload Running(Workload job, Micros ago = hours(1), std::vector<NodeAssignment> nodes = {}) {
  job.state = State::kRunning;
  job.started_at = kNoon - ago;
  job.assignment = {.pool = "gpu", .nodes = std::move(nodes)};
  return job;
}

Decision Decided(Snapshot snapshot) {
  snapshot.now = kNoon;
  Result<Decision> decision = Decide(snapshot);
  EXPECT_TRUE(decision.ok()) << decision.status().ToString();
  return decision.ok() ? *decision : Decision();
}

std::vector<std::string> Admitted(const Decision& decision) {
  std::vector<std::string> names;
  for (const Action& action : decision.actions) {
    if (action.kind == Action::Kind::kAdmit) names.push_back(action.workload);
  }
  return names;
}

std::vector<std::string> Preempted(const Decision& decision) {
  std::vector<std::string> names;
  for (const Action& action : decision.actions) {
    if (action.kind == Action::Kind::kPreempt) names.push_back(action.workload);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Why(const Decision& decision, std::string_view name) {
  for (const Waiting& waiting : decision.waiting) {
    if (waiting.workload == name) return waiting.reason;
  }
  return "it does not wait";
}

using Names = std::vector<std::string>;

TEST(Decide, AnEmptySnapshotDecidesNothing) {
  const Decision decision = Decided({});
  EXPECT_TRUE(decision.actions.empty());
  EXPECT_TRUE(decision.waiting.empty());
}

TEST(Decide, WithinAProjectPriorityComesBeforeAgeAndAgeBeforeName) {
  const Decision decision =
      Decided({.pools = {Gpus(1)},
               .projects = {WithQuota("vision", 8)},
               .workloads = {Job("c", "vision", 1, 2, 0, minutes(9)), Job("b", "vision", 1, 2, 5),
                             Job("a", "vision", 1, 2), Job("d", "vision", 1, 2)}});
  EXPECT_EQ(Admitted(decision), (Names{"b", "c", "a", "d"}));
}

TEST(Decide, AGangStartsWholeOrNotAtAll) {
  const Snapshot snapshot{.pools = {Gpus(3)},
                          .projects = {{.name = "open"}},
                          .workloads = {Job("gang", "open", 4, 8), Job("small", "open", 3, 8)}};
  const Decision decision = Decided(snapshot);
  EXPECT_EQ(Admitted(decision), (Names{"small"}));
  EXPECT_EQ(Why(decision, "gang"),
            "cannot ever start: asks 4 pods of 8 GPUs each, and pool 'gpu' holds 3 of them when it is empty");
}

TEST(Decide, WhatFitsByQuotaButOnNoNodeIsToldSo) {
  std::vector<Workload> jobs{
      Running(Job("a", "open", 1, 5), hours(1), {{.shape = "h100", .node = 0, .pods = 1}}),
      Running(Job("b", "open", 1, 4), hours(1), {{.shape = "h100", .node = 1, .pods = 1}}),
      Job("whole", "open", 1, 6)};
  const Decision decision = Decided({.pools = {Gpus(2)}, .projects = {{.name = "open"}}, .workloads = jobs});
  EXPECT_EQ(
      Why(decision, "whole"),
      "waits for 6 GPUs in pool 'gpu': no node has that free (7 of 16 GPUs are free, 4 at most on one node)");
}

TEST(Decide, APodIsPutWhereItLeavesLeastRoom) {
  std::vector<Workload> jobs{
      Running(Job("a", "open", 1, 2), hours(1), {{.shape = "h100", .node = 0, .pods = 1}}),
      Running(Job("b", "open", 1, 5), hours(1), {{.shape = "h100", .node = 1, .pods = 1}}),
      Job("new", "open", 1, 3)};
  const Decision decision = Decided({.pools = {Gpus(3)}, .projects = {{.name = "open"}}, .workloads = jobs});
  ASSERT_EQ(decision.actions.size(), 1U);
  EXPECT_EQ(decision.actions[0].assignment.nodes[0].node, 1);
}

TEST(Decide, WhatCanNeverStartSaysWhy) {
  Pool tainted = Gpus(4);
  tainted.name = "spot";
  tainted.spot = true;
  tainted.shapes[0].taints = {{.key = "spot", .value = "true"}};
  Workload huge = Job("huge", "vision", 1, 16);
  Workload intolerant = Job("intolerant", "open", 1, 1);
  intolerant.pools = {"spot"};
  Workload selective = Job("selective", "open", 1, 1);
  selective.node_selector = {{"zone", "a"}};
  Workload typo = Job("typo", "open", 1, 1);
  typo.pools = {"gpus"};
  Workload foreign = Job("foreign", "vision", 1, 1);
  foreign.pools = {"spot"};
  foreign.tolerations = {{.key = "spot"}};
  const Decision decision =
      Decided({.pools = {Gpus(8), tainted},
               .projects = {WithQuota("vision", 16), {.name = "open"}},
               .workloads = {huge, intolerant, selective, typo, foreign, Job("greedy", "vision", 3, 8)}});
  EXPECT_TRUE(decision.actions.empty());
  for (const Waiting& waiting : decision.waiting) EXPECT_TRUE(waiting.never) << waiting.workload;
  EXPECT_EQ(Why(decision, "huge"),
            "cannot ever start: asks 16 GPUs on one node, the largest node of pool 'gpu' has 8 GPUs");
  EXPECT_EQ(
      Why(decision, "intolerant"),
      "cannot ever start: the nodes of pool 'spot' have the taint spot=true, which it does not tolerate");
  EXPECT_EQ(Why(decision, "selective"), "cannot ever start: no node of pool 'gpu' has the labels zone=a");
  EXPECT_EQ(Why(decision, "typo"), "cannot ever start: there is no pool 'gpus'; did you mean 'gpu'?");
  EXPECT_EQ(Why(decision, "foreign"), "cannot ever start: project 'vision' has no quota in pool 'spot'");
  EXPECT_EQ(
      Why(decision, "greedy"),
      "cannot ever start: asks 24 GPUs of pool 'gpu', and project 'vision' may use 16 GPUs, with all that it "
      "may borrow");
}

TEST(Decide, WhoWaitsForQuotaLearnsWhoUsesIt) {
  const Decision decision =
      Decided({.pools = {Gpus(4)},
               .projects = {WithQuota("vision", 16, "research", 8), WithQuota("risk", 16, "research")},
               .workloads = {Running(Job("v", "vision", 2, 8)), Running(Job("r", "risk", 2, 8)),
                             Job("first", "vision", 1, 8, 0, minutes(3)), Job("second", "vision", 1, 8)}});
  EXPECT_TRUE(decision.actions.empty());
  EXPECT_EQ(Why(decision, "first"),
            "waits for 8 GPUs of pool 'gpu': project 'vision' uses 16 of its 16 and may borrow 8, but of "
            "what cohort "
            "'research' shares 0 is free: project 'risk' needs 16 of its own 16");
  EXPECT_TRUE(Why(decision, "second").ends_with("; 1 of its project is before it"));
}

// What one project may use of 16 + 16, by its limits and the other's use.
TEST(Decide, BorrowingKeepsToBothLimits) {
  struct Case {
    std::optional<int64_t> borrow, lend;
    int64_t other_uses;
    size_t admitted;  // jobs of 4 GPUs
  };
  const Case cases[] = {{{}, {}, 0, 8}, {8, {}, 0, 6},   {0, {}, 0, 4},  {{}, 4, 0, 5}, {{}, 0, 0, 4},
                        {8, 4, 0, 5},   {{}, {}, 16, 4}, {{}, 8, 12, 5}, {{}, 8, 8, 6}};
  for (const Case& c : cases) {
    Snapshot snapshot{
        .pools = {Gpus(8, 4)},
        .projects = {WithQuota("a", 16, "all", c.borrow), WithQuota("b", 16, "all", {}, c.lend)}};
    if (c.other_uses > 0) snapshot.workloads.push_back(Running(Job("b", "b", c.other_uses / 4, 4)));
    for (int i = 0; i < 10; ++i) snapshot.workloads.push_back(Job("a" + std::to_string(i), "a", 1, 4));
    EXPECT_EQ(Admitted(Decided(snapshot)).size(), c.admitted)
        << "borrow " << c.borrow.value_or(-1) << " lend " << c.lend.value_or(-1) << " used " << c.other_uses;
  }
}

TEST(Decide, AProjectTakesItsOwnBackFromThoseWhoBorrow) {
  const Snapshot snapshot{
      .pools = {Gpus(2)},
      .projects = {WithQuota("lender", 8, "all"), WithQuota("borrower", 8, "all")},
      .workloads = {Running(Job("old", "borrower", 1, 8, 9), hours(5)),
                    Running(Job("new", "borrower", 1, 8, 9), hours(1)), Job("mine", "lender", 1, 8)}};
  const Decision decision = Decided(snapshot);
  EXPECT_EQ(Preempted(decision), (Names{"new"}));
  EXPECT_EQ(decision.actions[0].message,
            "makes room in pool 'gpu' for 'mine': project 'lender' takes back its own quota, which project "
            "'borrower' has borrowed");
  EXPECT_EQ(Why(decision, "mine"), "waits for 'new' to stop, then it starts in pool 'gpu'");
}

TEST(Decide, NobodyIsPreemptedTwiceForTheSame) {
  Workload stopping = Running(Job("new", "borrower", 1, 8, 9));
  stopping.state = State::kStopping;
  const Decision decision =
      Decided({.pools = {Gpus(2)},
               .projects = {WithQuota("lender", 8, "all"), WithQuota("borrower", 8, "all")},
               .workloads = {Running(Job("old", "borrower", 1, 8, 9)), stopping, Job("mine", "lender", 1, 8),
                             Job("theirs", "borrower", 1, 8)}});
  EXPECT_TRUE(decision.actions.empty());
  EXPECT_EQ(Why(decision, "mine"), "waits for 'new' to stop, then it starts in pool 'gpu'");
}

TEST(Decide, RoomThatWasMadeForOneIsTakenByNoOther) {
  Snapshot snapshot{.pools = {Gpus(1)},
                    .projects = {{.name = "a"}, {.name = "b"}},
                    .workloads = {Running(Job("low", "a", 1, 8)), Job("high", "a", 1, 8, 5),
                                  Job("thief", "b", 1, 8, 9, minutes(9))}};
  EXPECT_EQ(Preempted(Decided(snapshot)), (Names{"low"}));
  snapshot.workloads[1].nominated = true;
  snapshot.workloads[0].state = State::kStopping;
  const Decision stopping = Decided(snapshot);
  EXPECT_TRUE(stopping.actions.empty());
  EXPECT_EQ(Why(stopping, "high"), "waits for 'low' to stop, then it starts in pool 'gpu'");
  snapshot.workloads[0].state = State::kWaiting;
  EXPECT_EQ(Admitted(Decided(snapshot)), (Names{"high"}));
}

TEST(Decide, WhoBorrowsPreemptsNobodyElse) {
  const Decision decision = Decided(
      {.pools = {Gpus(2)},
       .projects = {WithQuota("a", 8, "all"), WithQuota("b", 8, "all")},
       .workloads = {Running(Job("a1", "a", 1, 8)), Running(Job("b1", "b", 1, 8)), Job("a2", "a", 1, 8, 0)}});
  EXPECT_TRUE(decision.actions.empty());
}

// Of running jobs, those that go for one of priority 5 on 8 GPUs: (name, gpus, priority, since checkpoint).
TEST(Decide, TheCheapestSetThatMakesRoomIsPreempted) {
  struct Runs {
    std::string name;
    int64_t gpus, priority, hours_since_checkpoint;
  };
  struct Case {
    std::vector<Runs> running;
    Names preempted;
  };
  const Case cases[] = {
      {{{"a", 8, 1, 5}, {"b", 8, 0, 5}}, {"b"}},                       // lowest priority
      {{{"a", 8, 0, 5}, {"b", 8, 0, 1}}, {"b"}},                       // least work lost
      {{{"a", 8, 5, 1}, {"b", 8, 6, 1}}, {}},                          // not lower
      {{{"a", 4, 0, 1}, {"b", 4, 1, 1}, {"c", 8, 2, 1}}, {"a", "b"}},  // several
      {{{"a", 2, 0, 1}, {"b", 6, 7, 1}, {"c", 8, 1, 1}}, {"c"}},       // a alone does not help: it stays
      {{{"a", 4, 0, 1}, {"b", 4, 9, 1}, {"c", 4, 0, 1}, {"d", 4, 9, 1}},
       {}},  // half of each node helps nobody
  };
  for (const Case& c : cases) {
    Snapshot snapshot{
        .pools = {Gpus(2)}, .projects = {WithQuota("p", 16)}, .workloads = {Job("urgent", "p", 1, 8, 5)}};
    int64_t used = 0;
    for (const Runs& run : c.running) {
      Workload job = Running(Job(run.name, "p", 1, run.gpus, run.priority), hours(9),
                             {{.shape = "h100", .node = used / 8, .pods = 1}});
      job.checkpoint_at = kNoon - hours(run.hours_since_checkpoint);
      used += run.gpus;
      snapshot.workloads.push_back(job);
    }
    EXPECT_EQ(Preempted(Decided(snapshot)), c.preempted) << c.running[0].name << c.running.size();
  }
}

TEST(Decide, WhatMayNotBePreemptedStays) {
  Workload fixed = Running(Job("fixed", "p", 1, 8, 0));
  fixed.preemptible = false;
  EXPECT_TRUE(
      Decided(
          {.pools = {Gpus(1)}, .projects = {WithQuota("p", 8)}, .workloads = {fixed, Job("w", "p", 1, 8, 5)}})
          .actions.empty());
}

TEST(Decide, ThePoolsAreTriedInTheirOrderBeforeAnybodyIsPreempted) {
  Pool second = Gpus(1);
  second.name = "other";
  Workload job = Job("job", "open", 1, 8, 5);
  job.pools = {"gpu", "other"};
  const Decision decision = Decided({.pools = {Gpus(1), second},
                                     .projects = {{.name = "open"}},
                                     .workloads = {Running(Job("low", "open", 1, 8)), job}});
  ASSERT_EQ(Admitted(decision), (Names{"job"}));
  EXPECT_EQ(decision.actions[0].assignment.pool, "other");
}

TEST(Decide, WithoutPreferenceTheCheapestPoolIsTaken) {
  Pool dear = Gpus(1);
  dear.shapes[0].price_per_hour = 40;
  Pool cheap = Gpus(1);
  cheap.name = "spot";
  cheap.shapes[0].price_per_hour = 12;
  Workload job = Job("job", "open", 1, 8);
  job.pools = {};
  const Decision decision =
      Decided({.pools = {dear, cheap}, .projects = {{.name = "open"}}, .workloads = {job}});
  ASSERT_EQ(decision.actions.size(), 1U);
  EXPECT_EQ(decision.actions[0].assignment.pool, "spot");
}

TEST(Decide, InAStrictQueueNobodyPasses) {
  for (const Strategy strategy : {Strategy::kBestEffortFifo, Strategy::kStrictFifo}) {
    Project project = WithQuota("p", 16);
    project.strategy = strategy;
    const Decision decision =
        Decided({.pools = {Gpus(2)},
                 .projects = {project},
                 .workloads = {Running(Job("runs", "p", 1, 8)), Job("large", "p", 2, 8, 0, minutes(5)),
                               Job("never", "p", 1, 9, 0, minutes(9)), Job("small", "p", 1, 1)}});
    EXPECT_EQ(Admitted(decision), strategy == Strategy::kStrictFifo ? Names{} : Names{"small"});
  }
}

// A gang of two nodes waits beside one that runs for another hour.
TEST(Decide, BehindAReservationOnlyThoseStartWhoDelayNobody) {
  struct Case {
    Micros gang_waited;
    std::optional<Micros> runs_for, small_takes;
    bool starts;
  };
  const Case cases[] = {
      {minutes(10), {}, {}, true},                  // not long enough for a reservation
      {minutes(40), {}, {}, false},                 // nobody knows when the other ends
      {minutes(40), {}, minutes(5), false},         //
      {minutes(40), hours(2), minutes(59), true},   // ends before the gang can start
      {minutes(40), hours(2), minutes(61), false},  // would delay it
      {minutes(40), hours(2), {}, false},           //
  };
  for (const Case& c : cases) {
    Workload runs = Running(Job("runs", "a", 1, 8), hours(1));
    runs.duration = c.runs_for;
    Workload small = Job("small", "b", 1, 4);
    small.duration = c.small_takes;
    const Decision decision = Decided({.pools = {Gpus(2)},
                                       .projects = {{.name = "a"}, {.name = "b"}},
                                       .workloads = {runs, small, Job("gang", "b", 2, 8, 0, c.gang_waited)}});
    EXPECT_EQ(Admitted(decision), c.starts ? Names{"small"} : Names{}) << c.gang_waited.count();
    if (!c.starts) {
      EXPECT_EQ(Why(decision, "small"),
                "waits for its turn in pool 'gpu': what is free is kept for 'gang', which has waited for "
                "40m; 1 of "
                "its project is before it");
    }
  }
}

TEST(Decide, WhatIsLeftBesideTheReservedGangMayBeUsed) {
  Workload runs = Running(Job("runs", "a", 1, 8), hours(1));
  runs.duration = hours(2);
  const Decision decision = Decided({.pools = {Gpus(3)},
                                     .projects = {{.name = "a"}, {.name = "b"}},
                                     .workloads = {runs, Job("gang", "b", 5, 4, 0, hours(1)),
                                                   Job("small", "b", 1, 4), Job("more", "b", 1, 4)}});
  EXPECT_EQ(Admitted(decision), (Names{"more"}));
}

TEST(Decide, AJobThatCannotEndByItsDeadlineIsNotStarted) {
  Workload late = Job("late", "p", 1, 1);
  late.duration = hours(2);
  late.deadline = kNoon + hours(1);
  Workload fine = late;
  fine.name = "fine";
  fine.deadline = kNoon + hours(2);
  const Decision decision =
      Decided({.pools = {Gpus(1)}, .projects = {WithQuota("p", 8)}, .workloads = {late, fine}});
  EXPECT_EQ(Admitted(decision), (Names{"fine"}));
  EXPECT_EQ(Why(decision, "late"),
            "is not started any more: it could not end by its deadline, " + FormatTime(kNoon + hours(1)));
}

TEST(Decide, TheProjectThatUsesLeastGoesFirst) {
  const Decision decision =
      Decided({.pools = {Gpus(2)},
               .projects = {{.name = "busy"}, {.name = "idle"}},
               .workloads = {Running(Job("runs", "busy", 1, 8)), Job("b", "busy", 1, 8, 9, hours(9)),
                             Job("i", "idle", 1, 8)}});
  EXPECT_EQ(Admitted(decision), (Names{"i"}));
}

TEST(Decide, SlotsOfALaptopAreAResourceLikeAnyOther) {
  const Pool laptop{.name = "laptop",
                    .shapes = {{.name = "machine", .capacity = {{"slots", 1}}, .ready = 1}}};
  Workload job{
      .name = "train", .project = "default", .queued_at = kNoon, .pods = {{.requests = {{"slots", 1}}}}};
  Workload next = job;
  next.name = "train-2";
  const Decision decision =
      Decided({.pools = {laptop}, .projects = {{.name = "default"}}, .workloads = {next, job}});
  EXPECT_EQ(Admitted(decision), (Names{"train"}));
  EXPECT_EQ(Why(decision, "train-2"),
            "waits for 1 slot in pool 'laptop': no node has that free (0 of 1 slot are free, 0 at most on "
            "one node)");
}

TEST(Decide, WhatRunsInAPoolThatIsGoneStopsNothing) {
  Workload orphan = Running(Job("orphan", "open", 1, 8));
  orphan.assignment.pool = "gone";
  const Decision decision = Decided(
      {.pools = {Gpus(1)}, .projects = {{.name = "open"}}, .workloads = {orphan, Job("next", "open", 1, 8)}});
  EXPECT_EQ(Admitted(decision), (Names{"next"}));
}

TEST(Decide, InputThatIsWrongInItselfIsRefused) {
  const std::vector<std::pair<Snapshot, std::string>> cases{
      {{.pools = {Gpus(1), Gpus(1)}}, "two pools are called 'gpu'"},
      {{.projects = {{.name = "p", .weight = 0}}}, "project 'p': its weight must be above 0"},
      {{.pools = {Gpus(1)},
        .projects = {{.name = "p", .quotas = {{.pool = "gpx", .resource = kGpu, .nominal = 1}}}}},
       "project 'p': a quota names the pool 'gpx', which does not exist; did you mean 'gpu'?"},
      {{.pools = {Gpus(-1)}}, ""},
      {{.workloads = {Job("j", "nobody", 1, 1)}}, "'j': there is no project 'nobody'"},
      {{.projects = {{.name = "p"}}, .workloads = {Job("j", "p", 0, 1)}},
       "'j' asks for 0 pods; a workload has from 1 to 4096"},
      {{.projects = {{.name = "p"}}, .workloads = {Job("j", "p", 1, 1), Job("j", "p", 1, 1)}},
       "there are two workloads 'j'"},
      {{.projects = {{.name = "p"}}, .workloads = {Job("j", "p", 1, -1)}},
       "'j': -1 of 'nvidia.com/gpu'; it must be from 0 to 35184372088832"},
  };
  for (const auto& [snapshot, message] : cases) {
    const Result<Decision> decision = Decide(snapshot);
    if (message.empty()) continue;
    ASSERT_FALSE(decision.ok()) << message;
    EXPECT_EQ(decision.status().message(), message);
  }
}

}  // namespace
}  // namespace millrace::admission
