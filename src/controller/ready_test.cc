#include "controller/ready.h"

#include <gtest/gtest.h>

namespace millrace::controller {
namespace {

using std::chrono::seconds;

TEST(GroupDigits, SetsCommasEveryThreeDigits) {
  EXPECT_EQ(GroupDigits(0), "0");
  EXPECT_EQ(GroupDigits(999), "999");
  EXPECT_EQ(GroupDigits(1000), "1,000");
  EXPECT_EQ(GroupDigits(1754155), "1,754,155");
  EXPECT_EQ(GroupDigits(-1000), "-1,000");
  EXPECT_EQ(GroupDigits(-999), "-999");
}

TEST(ProgressText, SaysWhatHowFarAndHowLong) {
  TaskView task;
  EXPECT_EQ(ProgressText(task), "waiting for its turn");
  task.stage = "reading files";
  EXPECT_EQ(ProgressText(task), "reading files");
  task.done = 1'200'000;
  EXPECT_EQ(ProgressText(task), "reading files: 1,200,000");
  task.total = 1'754'155;
  EXPECT_EQ(ProgressText(task), "reading files: 1,200,000 of 1,754,155 (68%)");
  task.done = 877'077;
  task.elapsed = seconds(4);
  EXPECT_EQ(ProgressText(task), "reading files: 877,077 of 1,754,155 (50%), 4 s left");
  task.done = task.total + 1;
  EXPECT_EQ(ProgressText(task), "reading files: 1,754,156");
}

TEST(RetryIn, WaitsForTheBackOffAndGivesUpOnWhatCannotPass) {
  TaskView task;
  task.result = Unavailable("later");
  task.failures = 3;
  EXPECT_EQ(RetryIn(task), seconds(1));
  task.ended_ago = seconds(2);
  EXPECT_EQ(RetryIn(task), Micros(0));
  task.result = InvalidArgument("never");
  EXPECT_EQ(RetryIn(task), std::nullopt);
}

}  // namespace
}  // namespace millrace::controller
