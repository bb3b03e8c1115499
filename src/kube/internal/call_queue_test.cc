#include "kube/internal/call_queue.h"

#include <gtest/gtest.h>

#include "kube/internal/retry.h"

namespace millrace::kube::internal {
namespace {

using std::chrono::milliseconds;
const TimePoint kStart{std::chrono::seconds(1000)};

TEST(CallQueue, ABurstGoesAtOnceAndThenTheRateHolds) {
  CallQueue queue({.rate = 10, .burst = 3, .slots = 100});
  for (int i = 0; i < 5; ++i) queue.Enter(Priority::kNormal, false, kStart);
  EXPECT_EQ(queue.Admit(kStart).size(), 3U);
  EXPECT_EQ(queue.NextAt(kStart), kStart + milliseconds(100));
  EXPECT_EQ(queue.Admit(kStart + milliseconds(99)).size(), 0U);
  EXPECT_EQ(queue.Admit(kStart + milliseconds(100)).size(), 1U);
  EXPECT_EQ(queue.Admit(kStart + milliseconds(10000)).size(), 1U);
  EXPECT_EQ(queue.NextAt(kStart + milliseconds(10000)), std::nullopt);
}

TEST(CallQueue, AStatusGoesBeforeAListThatCameSooner) {
  CallQueue queue({.rate = 1, .burst = 1, .slots = 1});
  const auto bulk = queue.Enter(Priority::kBulk, true, kStart);
  const auto normal = queue.Enter(Priority::kNormal, true, kStart + milliseconds(1));
  const auto status = queue.Enter(Priority::kStatus, true, kStart + milliseconds(2));
  std::vector<CallQueue::Ticket> order;
  for (int second = 0; second < 3; ++second) {
    for (const auto ticket : queue.Admit(kStart + milliseconds(2 + 1000 * second))) {
      order.push_back(ticket);
      queue.Finish(Priority::kNormal);
    }
  }
  EXPECT_EQ(order, (std::vector{status, normal, bulk}));
}

TEST(CallQueue, NothingStarves) {
  CallQueue queue({.rate = 1, .burst = 1, .slots = 100});
  const auto bulk = queue.Enter(Priority::kBulk, false, kStart);
  for (int second = 0; second < 20; ++second) {
    const TimePoint now = kStart + milliseconds(1000 * second);
    queue.Enter(Priority::kStatus, false, now);
    for (const auto ticket : queue.Admit(now)) {
      if (ticket == bulk) {
        EXPECT_LE(second, 6);
        return;
      }
    }
  }
  FAIL() << "the list never went";
}

TEST(CallQueue, LeasesWaitForNoToken) {
  CallQueue queue({.rate = 1, .burst = 1, .slots = 1});
  queue.Enter(Priority::kBulk, true, kStart);
  EXPECT_EQ(queue.Admit(kStart).size(), 1U);
  queue.Enter(Priority::kBulk, true, kStart);
  queue.Enter(Priority::kLease, true, kStart);
  EXPECT_EQ(queue.Admit(kStart).size(), 1U);
  EXPECT_EQ(queue.waiting(), 1U);
}

TEST(CallQueue, SlotsLimitWhatIsInFlight) {
  CallQueue queue({.rate = 1000, .burst = 1000, .slots = 2});
  for (int i = 0; i < 3; ++i) queue.Enter(Priority::kNormal, true, kStart);
  EXPECT_EQ(queue.Admit(kStart).size(), 2U);
  EXPECT_EQ(queue.NextAt(kStart), std::nullopt);
  queue.Finish(Priority::kNormal);
  EXPECT_EQ(queue.Admit(kStart).size(), 1U);
}

TEST(CallQueue, ACallThatLeavesTakesNothing) {
  CallQueue queue({.rate = 1, .burst = 1, .slots = 1});
  const auto first = queue.Enter(Priority::kNormal, true, kStart);
  const auto second = queue.Enter(Priority::kNormal, true, kStart);
  EXPECT_TRUE(queue.Leave(first));
  EXPECT_EQ(queue.Admit(kStart), (std::vector{second}));
  EXPECT_FALSE(queue.Leave(second));
}

TEST(RetryDelay, OnlyWhatIsSafeIsSentAgain) {
  const struct {
    Attempt attempt;
    bool again;
  } kTable[] = {
      {{.idempotent = true, .reached = true, .http_status = 0}, true},
      {{.idempotent = false, .reached = true, .http_status = 0}, false},
      {{.idempotent = false, .reached = false, .http_status = 0}, true},
      {{.idempotent = false, .reached = true, .http_status = 429}, true},
      {{.idempotent = false, .reached = true, .http_status = 500}, false},
      {{.idempotent = true, .reached = true, .http_status = 500}, true},
      {{.idempotent = false, .reached = true, .http_status = 503}, false},
      {{.idempotent = false, .reached = true, .http_status = 503, .retry_after = milliseconds(1000)}, true},
      {{.idempotent = true, .reached = true, .http_status = 404}, false},
      {{.idempotent = true, .reached = true, .http_status = 409}, false},
      {{.number = kMaxAttempts, .idempotent = true, .reached = true, .http_status = 503}, false},
  };
  for (const auto& row : kTable) {
    EXPECT_EQ(RetryDelay(row.attempt, 0.5).has_value(), row.again) << row.attempt.http_status;
  }
}

TEST(RetryDelay, GrowsAndKeepsWhatTheServerAsks) {
  EXPECT_EQ(RetryDelay({.number = 1}, 0.5), milliseconds(50));
  EXPECT_EQ(RetryDelay({.number = 3}, 0.0), milliseconds(100));
  const auto asked = RetryDelay({.http_status = 429, .retry_after = milliseconds(2000)}, 0.5);
  EXPECT_EQ(asked, milliseconds(2250));
  EXPECT_LE(*RetryDelay({.http_status = 429, .retry_after = std::chrono::hours(2)}, 0.9),
            milliseconds(75000));
}

TEST(Backoff, DoublesToItsLimitAndBeginsAgain) {
  Backoff backoff(milliseconds(100), milliseconds(1000));
  const int64_t expected[] = {100, 200, 400, 800, 1000, 1000};
  for (const int64_t wait : expected) EXPECT_EQ(backoff.Next(0.5).count(), wait);
  for (int i = 0; i < 100; ++i) (void)backoff.Next(0.999);
  EXPECT_LE(backoff.Next(0.999).count(), 1500);
  backoff.Reset();
  EXPECT_EQ(backoff.Next(0.0).count(), 50);
}

}  // namespace
}  // namespace millrace::kube::internal
