#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "feature/exact_sum.h"

namespace millrace::feature {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

uint64_t Bits(double x) { return std::isnan(x) ? 1 : std::bit_cast<uint64_t>(x); }

ExactMoments MomentsOf(const std::vector<double>& values) {
  ExactMoments moments;
  for (const double x : values) moments.Add(x);
  return moments;
}

std::string RunOracle(const std::string& arguments) {
  const std::string command =
      "python3 '" MILLRACE_SOURCE_DIR "/src/feature/testing/exact_sum_oracle.py' " + arguments;
  const auto close = [](FILE* pipe) { pclose(pipe); };
  const std::unique_ptr<FILE, decltype(close)> pipe(popen(command.c_str(), "r"), close);
  std::string output;
  char buffer[65536];
  while (pipe != nullptr) {
    const size_t n = fread(buffer, 1, sizeof(buffer), pipe.get());
    if (n == 0) break;
    output.append(buffer, n);
  }
  return output;
}

std::vector<double> ParseDoubles(const std::string& text) {
  std::vector<double> values;
  std::istringstream words(text);
  for (std::string word; words >> word;) values.push_back(std::strtod(word.c_str(), nullptr));
  return values;
}

TEST(ExactMoments, SumVarianceAndDeviationEqualPythonsFractions) {
  if (std::system("python3 -c '' >/dev/null 2>&1") != 0) GTEST_SKIP() << "python3 is not on the PATH";
  std::istringstream lines(RunOracle("20260101 4000"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const size_t bar = line.find('|');
    ASSERT_NE(bar, std::string::npos) << line;
    const std::vector<double> values = ParseDoubles(line.substr(0, bar));
    const std::vector<double> expected = ParseDoubles(line.substr(bar + 1));
    const ExactMoments moments = MomentsOf(values);
    ASSERT_EQ(Bits(moments.sum()), Bits(expected.at(0))) << line;
    if (values.size() < 2) {
      ASSERT_EQ(moments.Variance(), std::nullopt);
      continue;
    }
    ASSERT_EQ(Bits(moments.Variance().value()), Bits(expected.at(1))) << line;
    ASSERT_EQ(Bits(moments.StandardDeviation().value()), Bits(expected.at(2))) << line;
  }
  EXPECT_EQ(cases, 4000);
}

TEST(ExactMoments, KnownVariances) {
  const struct {
    std::vector<double> values;
    double variance;
  } kCases[] = {
      {{1, 2, 3, 4}, 5.0 / 3},
      {{2, 2, 2}, 0},
      {{1e9 + 1, 1e9 + 2, 1e9 + 3}, 1},  // the textbook case of cancellation
      {{1e300, -1e300}, kInf},           // beyond the largest double
      {{1e-200, -1e-200}, 0},            // below the smallest
      {{0x1p-537, 0}, 0},                // 2^-1075: a tie, to even
      {{0x1.8p-537, 0}, 0x1p-1074},
      {{0, 0}, 0},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(MomentsOf(c.values).Variance(), c.variance) << c.values[0];
  }
}

TEST(ExactMoments, FewerThanTwoValuesHaveNoVariance) {
  ExactMoments moments;
  EXPECT_EQ(moments.Mean(), std::nullopt);
  EXPECT_EQ(moments.Variance(), std::nullopt);
  moments.Add(3);
  EXPECT_EQ(moments.Mean(), 3.0);
  EXPECT_EQ(moments.StandardDeviation(), std::nullopt);
}

TEST(ExactMoments, SpecialValuesCountOnlyWhileTheyAreIn) {
  ExactMoments moments = MomentsOf({1, 2, 4});
  const double variance = moments.Variance().value();
  for (const double special : {kNan, kInf, -kInf}) {
    moments.Add(special);
    EXPECT_TRUE(std::isnan(moments.Variance().value()));
    moments.Remove(special);
    EXPECT_EQ(moments.Variance(), variance);
    EXPECT_EQ(moments.count(), 3);
  }
}

TEST(ExactMoments, RandomHistoriesEqualFreshMoments) {
  std::mt19937_64 random(17);
  for (int history = 0; history < 200; ++history) {
    ExactMoments moments;
    std::vector<double> in;
    for (int step = 0; step < 50; ++step) {
      if (!in.empty() && random() % 5 < 2) {
        moments.Remove(in.front());
        in.erase(in.begin());
      } else {
        const int spread = history % 4 == 0 ? 1900 : history % 4 == 1 ? 200 : 20;
        const int exponent = static_cast<int>(random() % static_cast<uint64_t>(spread)) - spread / 2 - 52;
        in.push_back(std::ldexp(static_cast<double>(static_cast<int64_t>(random()) >> 11), exponent));
        moments.Add(in.back());
      }
      const ExactMoments fresh = MomentsOf(in);
      ASSERT_EQ(moments.count(), fresh.count());
      ASSERT_EQ(moments.Mean(), fresh.Mean()) << history << ", step " << step;
      ASSERT_EQ(moments.Variance(), fresh.Variance()) << history << ", step " << step;
    }
    while (!in.empty()) {
      moments.Remove(in.back());
      in.pop_back();
    }
    EXPECT_EQ(moments.HeapBytes(), 0u);
    EXPECT_EQ(moments.sum(), 0.0);
  }
}

}  // namespace
}  // namespace millrace::feature
