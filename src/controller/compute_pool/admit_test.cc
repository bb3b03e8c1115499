#include "controller/compute_pool/admit.h"

#include <gtest/gtest.h>

namespace millrace::controller::compute_pool {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

struct Case {
  const char* name;
  Capacity pool;
  Need need;
  std::vector<Holder> running;
  std::vector<std::string> waiting;
  std::string says;  // "": it may start
};

const Capacity kPool{.name = "p", .slots = 3, .cpu = 4, .memory = 8 * kGiB};
const Capacity kMachine{};

std::vector<Case> Cases() {
  return {
      {"an empty pool", kPool, {4, 8 * kGiB}, {}, {}, ""},
      {"beside another", kPool, {2, 4 * kGiB}, {{"a", {2, 4 * kGiB}}}, {}, ""},
      {"a tenth and two make three", {.name = "p", .slots = 9, .cpu = 0.3}, {0.1}, {{"a", {0.2}}}, {}, ""},
      {"no slot",
       kPool,
       {1, kGiB},
       {{"a", {1, 1}}, {"b", {1, 1}}, {"c", {1, 1}}},
       {},
       "All 3 slots of ComputePool p are busy: waits for job a or b or c."},
      {"no CPU",
       kPool,
       {4, kGiB},
       {{"a", {2, kGiB}}},
       {},
       "Needs 4 CPU; ComputePool p has 2 of 4 free: waits for job a."},
      {"half a core too much",
       kPool,
       {2.5, 0},
       {{"a", {2, 0}}},
       {},
       "Needs 2.5 CPU; ComputePool p has 2 of 4 free: waits for job a."},
      {"no memory",
       kPool,
       {1, 4 * kGiB},
       {{"a", {1, 5 * kGiB}}},
       {},
       "Needs 4 GiB of memory; ComputePool p has 3 GiB of 8 GiB free: waits for job a."},
      {"never enough CPU",
       kPool,
       {8, 0},
       {},
       {},
       "Needs 8 CPU; ComputePool p has 4 in all: lower the limits of the Model, or make the pool larger."},
      {"never enough memory",
       kPool,
       {1, 9 * kGiB},
       {{"a", {1, kGiB}}},
       {},
       "Needs 9 GiB of memory; ComputePool p has 8 GiB in all: lower the limits of the Model, or make the "
       "pool "
       "larger."},
      {"a pool that was made smaller than what runs in it",
       {.name = "p", .slots = 3, .cpu = 1, .memory = 8 * kGiB},
       {1, 0},
       {{"a", {2, 0}}},
       {},
       "Needs 1 CPU; ComputePool p has 0 of 1 free: waits for job a."},
      {"an older one waits",
       kPool,
       {1, kGiB},
       {{"a", {2, kGiB}}},
       {"large", "other"},
       "Job large is older and waits for ComputePool p, too: it goes first."},
      {"the machine counts no CPU and no memory", kMachine, {64, 1024 * kGiB}, {}, {}, ""},
      {"the machine takes one at a time",
       kMachine,
       {1, 0},
       {{"a", {}}},
       {},
       "All 1 slots of this machine are busy: waits for job a."},
  };
}

TEST(Admit, ChecksSlotsThenCpuThenMemoryThenTheQueue) {
  for (const Case& c : Cases()) {
    const Admission admission = Admit(c.pool, c.need, c.running, c.waiting);
    EXPECT_EQ(admission.admitted, c.says.empty()) << c.name;
    EXPECT_EQ(admission.message, c.says) << c.name;
    if (!admission.admitted) {
      EXPECT_EQ(admission.reason, c.says.find("in all") != std::string::npos ? kTooLarge : kWaiting)
          << c.name;
    }
  }
}

TEST(Admit, JobsOfAllPoolsTogetherFitIntoTheMachine) {
  struct MachineCase {
    const char* name;
    MachineUse machine;
    Need need;
    std::string says;  // "": it may start
  };
  const MachineCase cases[] = {
      {"nothing is counted", {.held = {{64, 64 * kGiB}}}, {64, kGiB}, ""},
      {"beside another pool's", {.cpu = 4, .memory = 8 * kGiB, .held = {{2, kGiB}}}, {2, 7 * kGiB}, ""},
      {"two pools that claim all of it each",
       {.cpu = 4, .memory = 8 * kGiB, .held = {{4, 8 * kGiB}}},
       {4, 8 * kGiB},
       "Needs 4 CPU; this machine has 0 of 4 free beside the jobs of all its pools: waits for one of them."},
      {"no memory",
       {.cpu = 4, .memory = 8 * kGiB, .held = {{1, 3 * kGiB}, {1, 3 * kGiB}}},
       {1, 3 * kGiB},
       "Needs 3 GiB of memory; this machine has 2 GiB of 8 GiB free beside the jobs of all its pools: waits "
       "for one of them."},
      {"larger than the machine, and alone there", {.cpu = 4, .memory = kGiB}, {8, 2 * kGiB}, ""},
      {"more is held than there is",
       {.cpu = 4, .held = {{8, 0}}},
       {1, 0},
       "Needs 1 CPU; this machine has 0 of 4 free beside the jobs of all its pools: waits for one of them."},
      {"what has no limit is not counted", {.cpu = 4, .held = {{8, 0}}}, {}, ""},
      {"an older one waits",
       {.cpu = 4, .held = {{1, 0}}, .older_waits = true},
       {1, 0},
       "An older job waits for this machine, too: it goes first."},
  };
  for (const MachineCase& c : cases) {
    const Admission admission = AdmitToMachine(c.machine, c.need);
    EXPECT_EQ(admission.message, c.says) << c.name;
    EXPECT_EQ(admission.admitted, c.says.empty()) << c.name;
    EXPECT_EQ(admission.reason, c.says.empty() ? "" : kWaitingForMachine) << c.name;
  }
}

TEST(Admit, WhatLimitsLeaveOpenIsOneSlotsShare) {
  const Capacity pool = CapacityOf("p", {.cpu = 4, .memory = 8 * kGiB, .slots = 2}, 16, 64 * kGiB);
  EXPECT_EQ(NeedOf({}, pool).cpu, 2);
  EXPECT_EQ(NeedOf({}, pool).memory, 4 * kGiB);
  EXPECT_EQ(NeedOf({.cpu = 3, .memory = kGiB}, pool).cpu, 3);
  EXPECT_EQ(NeedOf({.cpu = 3, .memory = kGiB}, pool).memory, kGiB);
  // A pool that says nothing has what the machine has.
  const Capacity all = CapacityOf("p", {}, 16, 64 * kGiB);
  EXPECT_EQ(NeedOf({}, all).cpu, 16);
  EXPECT_EQ(NeedOf({}, all).memory, 64 * kGiB);
  // The machine as such limits nobody.
  EXPECT_EQ(NeedOf({}, kMachine).cpu, 0);
  EXPECT_EQ(NeedOf({}, kMachine).memory, 0);
}

}  // namespace
}  // namespace millrace::controller::compute_pool
