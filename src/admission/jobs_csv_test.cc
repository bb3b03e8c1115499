#include "admission/jobs_csv.h"

#include <gtest/gtest.h>

namespace millrace::admission {
namespace {

constexpr EventTime kStart{1'800'000'000'000'000};
constexpr Micros kSecond = std::chrono::seconds(1);

TEST(JobsCsv, ColumnsAreFoundByNameAndAbsentOnesHaveDefaults) {
  const auto jobs = ReadJobs(
      "project,name,runs,arrival,nvidia.com/gpu,cpu,pods,pools,limit,checkpoint,priority,preemptible\r\n"
      "vision,a,5400,0.5,8,1.5,4,gpu|spot,7200,600,-3,false\r\n"
      "\n"
      "risk,b,60,10,,,,,,,,",
      kStart);
  ASSERT_TRUE(jobs.ok()) << jobs.status().ToString();
  ASSERT_EQ(jobs->size(), 2U);
  const SimulatedJob& a = (*jobs)[0];
  EXPECT_EQ(a.workload.name, "a");
  EXPECT_EQ(a.workload.project, "vision");
  EXPECT_EQ(a.workload.queued_at, kStart + std::chrono::milliseconds(500));
  EXPECT_EQ(a.runs, 5400 * kSecond);
  EXPECT_EQ(a.workload.pods[0].count, 4);
  EXPECT_EQ(a.workload.pods[0].requests, (ResourceList{{"nvidia.com/gpu", 8}, {"cpu", 1500}}));
  EXPECT_EQ(a.workload.pools, (std::vector<std::string>{"gpu", "spot"}));
  EXPECT_EQ(a.workload.duration, 7200 * kSecond);
  EXPECT_EQ(a.checkpoints_every, 600 * kSecond);
  EXPECT_EQ(a.workload.priority, -3);
  EXPECT_FALSE(a.workload.preemptible);
  const SimulatedJob& b = (*jobs)[1];
  EXPECT_EQ(b.workload.pods[0].count, 1);
  EXPECT_TRUE(b.workload.pods[0].requests.empty() && b.workload.pools.empty() && b.workload.preemptible);
  EXPECT_FALSE(b.workload.duration);
}

TEST(JobsCsv, WhatIsWrongIsSaidWithItsLine) {
  const std::string header = "name,project,arrival,runs,gpu\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", "there is no first line that names the columns"},
      {"name,project,arival,runs\n", "line 1: the column 'arrival' is missing; did you mean it by 'arival'?"},
      {"name,name\n", "line 1: two columns are called 'name'"},
      {"name,,project\n", "line 1: column 2 has no name"},
      {header + "a,p,0,1\n", "line 2: it has 4 fields; line 1 names 5 columns"},
      {header + "a,p,0,1,1\na,,0,1,1\n", "line 3: its field 'project' is empty"},
      {header + "a,p,-1,1,1\n", "line 2: column 'arrival': '-1' is not a number from 0 to 1000000000"},
      {header + "a,p,nan,1,1\n", "line 2: column 'arrival': 'nan' is not a number from 0 to 1000000000"},
      {header + "a,p,1,1,1.5\n",
       "line 2: column 'gpu': '1.5' is not a whole number from 0 to 35184372088832"},
      {header + "\"a\",p,1,1,1\n", "line 2 has a quote; fields have none"},
      {header + "\xff,p,1,1,1\n", "line 2 is not UTF-8"},
      {header + std::string(70'000, 'a'), "line 2 is longer than 65536 bytes"},
      {std::string(100, ','), "line 1 has 101 columns; 64 at most"},
  };
  for (const auto& [text, message] : cases) {
    const auto jobs = ReadJobs(text, kStart);
    ASSERT_FALSE(jobs.ok()) << message;
    EXPECT_EQ(jobs.status().message(), message);
  }
}

}  // namespace
}  // namespace millrace::admission
