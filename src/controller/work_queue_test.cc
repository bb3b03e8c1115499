#include "controller/work_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace millrace::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, DoublesFromAQuarterSecondToAMinute) {
  EXPECT_EQ(Backoff(1), milliseconds(250));
  EXPECT_EQ(Backoff(2), milliseconds(500));
  EXPECT_EQ(Backoff(5), seconds(4));
  EXPECT_EQ(Backoff(9), seconds(60));
  EXPECT_EQ(Backoff(1'000'000), seconds(60));
  EXPECT_EQ(Backoff(0), milliseconds(250));
}

TEST(WorkQueue, AKeyAddedTwiceIsTakenOnce) {
  WorkQueue queue;
  queue.Add("a");
  queue.Add("a");
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.Take({}), "a");
  EXPECT_EQ(queue.size(), 0U);
}

TEST(WorkQueue, TheEarlierOfTwoTimesStands) {
  WorkQueue queue;
  queue.AddAfter("a", std::chrono::hours(1));
  queue.Add("a");
  EXPECT_EQ(queue.Take({}), "a");
  queue.Add("b");
  queue.AddAfter("b", std::chrono::hours(1));
  EXPECT_EQ(queue.Take({}), "b");
}

TEST(WorkQueue, AFailedKeyDelaysNoOther) {
  WorkQueue queue;
  for (int i = 0; i < 12; ++i) queue.AddFailed("broken");
  queue.Forget("broken");
  EXPECT_EQ(queue.Take({}), "broken");
  for (int i = 0; i < 12; ++i) {
    queue.AddFailed("slow");
    queue.Add("quick");
    EXPECT_EQ(queue.Take({}), "quick");
    if (i == 0) {
      EXPECT_EQ(queue.Take({}), "slow");
    }
  }
}

TEST(WorkQueue, ATakeWakesForAKeyAddedMeanwhile) {
  WorkQueue queue;
  queue.AddAfter("late", std::chrono::hours(1));
  std::thread adder([&] { queue.Add("now"); });
  EXPECT_EQ(queue.Take({}), "now");
  adder.join();
}

TEST(WorkQueue, AStopEndsAWaitingTake) {
  WorkQueue queue;
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(queue.Take(stop.get_token()), std::nullopt);
  stopper.join();
}

}  // namespace
}  // namespace millrace::controller
