#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace millrace {
namespace {

TEST(ParallelFor, RunsEveryTaskOnceOnAnyNumberOfThreads) {
  for (const int threads : {0, 1, 2, 7}) {
    for (const size_t count : {0u, 1u, 3u, 100u}) {
      std::vector<std::atomic<int>> runs(count);
      ASSERT_TRUE(ParallelFor(threads, count, [&](size_t i) {
                    ++runs[i];
                    return Ok();
                  }).ok());
      for (const auto& run : runs) EXPECT_EQ(run.load(), 1);
    }
  }
}

TEST(ParallelFor, ReturnsTheFirstFailureInOrderAndStartsNoMore) {
  std::atomic<size_t> started{0};
  const Status status = ParallelFor(1, 100, [&](size_t i) {
    ++started;
    return i >= 3 ? NotFound("task {}", i) : Ok();
  });
  EXPECT_EQ(status.message(), "task 3");
  EXPECT_EQ(started.load(), 4u);
}

}  // namespace
}  // namespace millrace
