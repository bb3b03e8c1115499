#include "admission/simulate.h"

#include <gtest/gtest.h>

#include "admission/testing/random_snapshot.h"

namespace millrace::admission {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::kStart;

SimulatedJob Job(std::string name, Micros after, Micros runs, int64_t pods = 1, int64_t priority = 0) {
  return {.workload = {.name = std::move(name),
                       .project = "p",
                       .priority = priority,
                       .queued_at = kStart + after,
                       .pods = {{.count = pods, .requests = {{"nvidia.com/gpu", 8}}}}},
          .runs = runs};
}

SimulationOptions OneNode(std::vector<SimulatedJob> jobs, int64_t nodes = 1) {
  return {.pools = {{.name = "gpu",
                     .shapes = {{.name = "h100",
                                 .capacity = {{"nvidia.com/gpu", 8}},
                                 .most = nodes,
                                 .price_per_hour = 40}}}},
          .projects = {{.name = "p"}},
          .jobs = std::move(jobs),
          .node_start = minutes(6)};
}

TEST(Simulate, ANodeStartsForTheFirstJobAndServesTheNextWhileItIsUp) {
  SimulationOptions options =
      OneNode({Job("a", minutes(0), minutes(54)), Job("b", minutes(30), minutes(60))});
  const SimulationResult result = *Simulate(options);
  EXPECT_EQ(result.finished, 2);
  EXPECT_EQ(result.jobs[0].waited, minutes(6));
  EXPECT_EQ(result.jobs[1].waited, minutes(30));
  EXPECT_EQ(result.makespan, hours(2));
  EXPECT_DOUBLE_EQ(result.pools[0].node_hours, 2);
  EXPECT_DOUBLE_EQ(result.pools[0].cost, 80);
  EXPECT_DOUBLE_EQ(result.gpu_hours, 16);
  EXPECT_DOUBLE_EQ(result.jobs[0].cost, 40);
  EXPECT_DOUBLE_EQ(result.pools[0].busy_share, 1);
}

TEST(Simulate, TearDownSavesTheTimeBetweenJobs) {
  struct Case {
    Micros tear_down_after;
    double node_hours;
    Micros second_waited;
  };
  // Two jobs of 54 minutes, the second ten hours after the first.
  for (const Case& c : {Case{Micros(0), 2.0, minutes(6)}, Case{hours(1), 4.0, minutes(6)},
                        Case{hours(24), 10.9 + 24, minutes(0)}}) {
    SimulationOptions options =
        OneNode({Job("a", minutes(0), minutes(54)), Job("b", hours(10), minutes(54))});
    options.tear_down_after = c.tear_down_after;
    const SimulationResult result = *Simulate(options);
    EXPECT_NEAR(result.pools[0].node_hours, c.node_hours, 1e-9);
    EXPECT_EQ(result.jobs[1].waited, c.second_waited);
    const Micros makespan = hours(10) + minutes(54) + c.second_waited;
    EXPECT_EQ(result.makespan, makespan);
    EXPECT_NEAR(result.pools[0].always_on_cost, 40.0 * static_cast<double>(makespan.count()) / 3.6e9, 1e-9);
  }
}

TEST(Simulate, APreemptedJobLosesWhatItDidSinceItsCheckpoint) {
  SimulatedJob low = Job("low", minutes(0), minutes(100));
  low.checkpoints_every = minutes(30);
  const SimulationResult result = *Simulate(OneNode({low, Job("high", minutes(76), minutes(10), 1, 5)}));
  // low works from minute 6 to 76, keeps 60 minutes, and has 40 left from minute 86 on.
  EXPECT_EQ(result.preemptions, 1);
  EXPECT_EQ(result.jobs[0].preempted, 1);
  EXPECT_EQ(result.jobs[1].waited, minutes(0));
  EXPECT_EQ(result.jobs[0].ended_at, kStart + minutes(126));
  EXPECT_NEAR(result.lost_gpu_hours, 8.0 * 10 / 60, 1e-9);
}

TEST(Simulate, AJobThatNeverFitsIsToldWhyAndTheOthersEnd) {
  const SimulationResult result =
      *Simulate(OneNode({Job("wide", minutes(0), minutes(1), 2), Job("a", minutes(0), minutes(1))}));
  EXPECT_EQ(result.finished, 1);
  EXPECT_FALSE(result.jobs[0].finished);
  EXPECT_TRUE(result.jobs[0].reason.starts_with("cannot ever start: asks 2 pods")) << result.jobs[0].reason;
}

TEST(Simulate, NoJobsAndNoPoolsAreNoError) {
  EXPECT_EQ(Simulate({})->finished, 0);
  EXPECT_FALSE(
      Simulate({.projects = {{.name = "p"}}, .jobs = {Job("a", minutes(0), minutes(1))}})->jobs[0].finished);
}

TEST(Simulate, WrongInputIsRefused) {
  EXPECT_FALSE(Simulate(OneNode({Job("a", minutes(0), minutes(-1))})).ok());
  EXPECT_FALSE(Simulate(OneNode({Job("a", minutes(0), minutes(1)), Job("a", minutes(9), minutes(1))})).ok());
}

// Whatever comes: all that can end do, nothing is paid twice, and waiting is never negative.
TEST(Simulate, EverythingThatCanEndDoes) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    testing::Random random(seed);
    const Snapshot snapshot = testing::RandomSnapshot(random, 60);
    SimulationOptions options{
        .pools = snapshot.pools, .projects = snapshot.projects, .node_start = minutes(2)};
    for (const Workload& w : snapshot.workloads) {
      options.jobs.push_back(
          {.workload = w, .runs = minutes(1 + random.Below(90)), .checkpoints_every = minutes(10)});
      options.jobs.back().workload.queued_at = kStart + minutes(random.Below(300));
    }
    const Result<SimulationResult> result = Simulate(options);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    for (const JobOutcome& job : result->jobs) {
      EXPECT_GE(job.waited.count(), 0);
      EXPECT_TRUE(job.finished || job.reason.starts_with("cannot ever start"))
          << seed << job.job << job.reason;
    }
    for (const PoolOutcome& pool : result->pools) EXPECT_LE(pool.busy_share, 1 + 1e-9) << seed;
  }
}

}  // namespace
}  // namespace millrace::admission
