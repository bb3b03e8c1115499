#include "base/status.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return InvalidArgument("{} is odd", n);
  return n / 2;
}

Result<int> Quarter(int n) {
  MR_ASSIGN_OR_RETURN(const int half, Half(n));
  return Half(half);
}

TEST(Status, SaysItsCodeAndItsSentence) {
  EXPECT_EQ(Ok().ToString(), "Ok");
  EXPECT_EQ(NotFound("no model '{}'", "x").ToString(), "NotFound: no model 'x'");
}

TEST(Status, TakesContextInFrontOfItsSentence) {
  EXPECT_EQ(InvalidArgument("is empty").WithContext("spec.path").message(), "spec.path: is empty");
  EXPECT_TRUE(Ok().WithContext("anything").ok());
}

TEST(Result, PassesErrorsUpwards) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "3 is odd");
  EXPECT_EQ(Quarter(7).status().code(), Code::kInvalidArgument);
}

TEST(ResultDeathTest, AValueThatIsNotThereEndsTheProcess) {
  EXPECT_DEATH((void)*Half(3), "no value: InvalidArgument: 3 is odd");
}

}  // namespace
}  // namespace millrace
