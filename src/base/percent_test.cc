#include "base/percent.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Percent, EncodesAllButTheUnreservedCharacters) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a b/c=d%\x01\xC3\xA9"), "a%20b%2Fc%3Dd%25%01%C3%A9");
  EXPECT_EQ(PercentEncode("a b/c=d", "/="), "a%20b/c=d");
  EXPECT_EQ(PercentEncode(""), "");
}

TEST(Percent, DigitsAreOfEitherCase) {
  EXPECT_EQ(HexDigit('0'), 0);
  EXPECT_EQ(HexDigit('f'), 15);
  EXPECT_EQ(HexDigit('F'), 15);
  for (const char c : {'g', 'G', '/', ':', '@', '`', '\0'}) EXPECT_EQ(HexDigit(c), -1) << c;
}

}  // namespace
}  // namespace millrace
