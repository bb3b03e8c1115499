#include "base/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace millrace {
namespace {

TEST(Buffer, AdoptsAVectorWithoutCopyingIt) {
  std::vector<int64_t> values = {1, 2, 3};
  const int64_t* const where = values.data();
  const Buffer<int64_t> buffer = std::move(values);
  EXPECT_EQ(buffer.data(), where);
  EXPECT_EQ(std::vector<int64_t>(buffer.begin(), buffer.end()), (std::vector<int64_t>{1, 2, 3}));
}

TEST(Buffer, IsEmptyAfterItIsMovedFrom) {
  Buffer<double> first = {0.5, 1.5};
  Buffer<double> second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(second.size(), 2U);
  second = {};
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(second.begin(), second.end());
}

TEST(Buffer, HoldsEverySizeFromNothingToMillions) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{1000}, (size_t{1} << 18) - 1, (size_t{1} << 20) + 5}) {
    auto buffer = Buffer<uint64_t>::Uninitialized(size);
    ASSERT_EQ(buffer.size(), size);
    for (size_t i = 0; i < size; ++i) buffer[i] = i;
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(buffer[i], i);
  }
}

}  // namespace
}  // namespace millrace
