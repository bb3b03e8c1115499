#include "autoscale/quantity.h"

#include <gtest/gtest.h>

namespace millrace::autoscale {
namespace {

TEST(Quantity, IsWrittenAsAPersonWritesIt) {
  EXPECT_EQ(FormatMilli(500), "0.5");
  EXPECT_EQ(FormatMilli(-1250), "-1.25");
  EXPECT_EQ(FormatMilli(20000), "20");
  EXPECT_EQ(FormatMilli(INT64_MIN), "-9223372036854775.808");
  EXPECT_EQ(FormatReal(0.30000000000000004), "0.3");
  EXPECT_EQ(CeilToInt32(1e300), INT32_MAX);
  EXPECT_EQ(CeilToInt32(std::nan("")), 0);
  EXPECT_EQ(SaturatingAdd(INT64_MAX, 1), INT64_MAX);
}

}  // namespace
}  // namespace millrace::autoscale
