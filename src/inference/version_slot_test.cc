#include "inference/version_slot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace millrace::inference {
namespace {

struct Version {
  explicit Version(int n, std::atomic<int>& count) : number(n), check(~n), alive(count) { ++alive; }
  ~Version() {
    number = -1;
    --alive;
  }
  int number;
  int check;
  std::atomic<int>& alive;
};

TEST(VersionSlot, IsEmptyAtFirstAndGivesBackWhatWasThere) {
  VersionSlot<int> slot;
  EXPECT_EQ(slot.Load(), nullptr);
  EXPECT_EQ(slot.Exchange(std::make_shared<const int>(1)), nullptr);
  EXPECT_EQ(*slot.Load(), 1);
  EXPECT_EQ(*slot.Exchange(nullptr), 1);
  EXPECT_EQ(slot.Load(), nullptr);
}

TEST(VersionSlot, KeepsAVersionUntilItsLastHolderLetsGo) {
  std::atomic<int> alive{0};
  VersionSlot<Version> slot;
  slot.Exchange(std::make_shared<const Version>(1, alive));
  auto held = slot.Load();
  slot.Exchange(std::make_shared<const Version>(2, alive));
  EXPECT_EQ(alive.load(), 2);
  EXPECT_EQ(held->number, 1);
  held.reset();
  EXPECT_EQ(alive.load(), 1);
}

TEST(VersionSlot, ReadersNeverSeeAFreedVersionWhileManyAreExchanged) {
  std::atomic<int> alive{0};
  {
    VersionSlot<Version> slot;
    slot.Exchange(std::make_shared<const Version>(0, alive));
    std::atomic<bool> done{false};
    std::vector<std::thread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&] {
        int last = 0;
        while (!done.load(std::memory_order_relaxed)) {
          const auto version = slot.Load();
          ASSERT_EQ(version->check, ~version->number);
          ASSERT_GE(version->number, last);
          last = version->number;
        }
      });
    }
    for (int n = 1; n <= 500; ++n) slot.Exchange(std::make_shared<const Version>(n, alive));
    done = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(slot.Load()->number, 500);
  }
  EXPECT_EQ(alive.load(), 0);
}

}  // namespace
}  // namespace millrace::inference
