#include "source/sample_fraud.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/file.h"
#include "base/sha256.h"
#include "source/internal/random.h"
#include "source/source.h"

namespace millrace::source {
namespace {

double Share(std::span<const int64_t> values, int64_t value) {
  return static_cast<double>(std::count(values.begin(), values.end(), value)) /
         static_cast<double>(values.size());
}

TEST(FraudSample, HasThePublishedSharesOfEachScenario) {
  const Table table = MakeFraudSample({.rows = 200'000, .seed = 7, .days = 183}).value();
  ASSERT_EQ(table.num_rows(), 200'000u);
  const std::span<const int64_t> scenarios = table.column(6).ints();
  // Of the 1,754,155 published: 973, 9,077 and 4,631.
  EXPECT_NEAR(Share(scenarios, 1), 0.00055, 0.0002);
  EXPECT_NEAR(Share(scenarios, 2), 0.0052, 0.0015);
  EXPECT_NEAR(Share(scenarios, 3), 0.0026, 0.0009);
  EXPECT_NEAR(Share(table.column(5).ints(), 1), 0.0084, 0.002);
}

TEST(FraudSample, IsOrderedCompleteAndWithinItsBounds) {
  const FraudSampleOptions options{.rows = 20'000, .seed = 1, .days = 30};
  const Table table = MakeFraudSample(options).value();
  const auto times = table.column(1).ints();
  for (size_t i = 0; i < table.num_rows(); ++i) {
    EXPECT_EQ(table.column(0).ints()[i], static_cast<int64_t>(i));
    EXPECT_TRUE(i == 0 || times[i - 1] <= times[i]);
    EXPECT_GE(table.column(4).doubles()[i], 0.0);
    EXPECT_EQ(table.column(5).ints()[i], table.column(6).ints()[i] != 0 ? 1 : 0);
    EXPECT_TRUE(table.column(4).doubles()[i] <= 220 || table.column(5).ints()[i] == 1);
  }
  EXPECT_GE(times.front(), options.start.micros);
  EXPECT_LT(times.back(), (options.start + std::chrono::hours(24 * 30)).micros);
}

TEST(FraudSample, ASeedGivesTheSameRowsAndAnotherOthers) {
  const auto digest = [](uint64_t seed) {
    const Table table = MakeFraudSample({.rows = 5'000, .seed = seed, .days = 60}).value();
    std::string text;
    for (size_t i = 0; i < table.num_rows(); ++i) {
      for (size_t c = 0; c < table.num_columns(); ++c) text += ToText(table.column(c).Get(i)) + " ";
    }
    return Sha256Hex(text);
  };
  EXPECT_EQ(digest(1), digest(1));
  EXPECT_NE(digest(1), digest(2));
}

TEST(FraudSample, MonthlyFilesAreASourceAsTheyAre) {
  const TempDirectory directory;
  const std::string folder = directory.path() + "/data";
  const FraudSampleSummary summary = WriteFraudSample(folder, {.rows = 10'000, .days = 61}).value();
  EXPECT_EQ(summary.rows, 10'000);
  EXPECT_EQ(ListDirectory(folder).value(),
            (std::vector<std::string>{"transactions-2018-06.parquet", "transactions-2018-07.parquet",
                                      "transactions-2018-08.parquet"}));
  EXPECT_EQ(WriteFraudSample(folder, {.rows = 10'000}).status().code(), Code::kAlreadyExists);
  resource::DataSourceSpec spec;
  spec.files = resource::FilesSource{};
  spec.files->paths = {folder + "/*.parquet"};
  spec.event_time = "tx_datetime";
  spec.event_id = "transaction_id";
  const SourceRows rows = ReadSource(spec).value();
  EXPECT_EQ(rows.events.num_rows(), 10'000u);
  EXPECT_EQ(rows.dead_letters.num_rows(), 0u);
  const auto frauds = rows.events.Find("tx_fraud").value().ints();
  EXPECT_EQ(std::count(frauds.begin(), frauds.end(), 1), summary.frauds);
}

TEST(FraudSample, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_FALSE(MakeFraudSample({.rows = 10}).ok());
  EXPECT_FALSE(MakeFraudSample({.days = 0}).ok());
  EXPECT_FALSE(MakeFraudSample({.start = EventTime{1}}).ok());
}

TEST(Random, FirstNumbersAreThoseOfTheReferenceCode) {
  // xoshiro256plusplus.c with the state 1, 2, 3, 4.
  internal::Random reference(std::array<uint64_t, 4>{1, 2, 3, 4});
  for (const uint64_t expected : {41943041u, 58720359u}) EXPECT_EQ(reference.Next(), expected);
  for (const uint64_t expected : {3588806011781223u, 3591011842654386u, 9228616714210784205u}) {
    EXPECT_EQ(reference.Next(), expected);
  }
}

TEST(Random, StreamsOfOneSeedBeginDifferently) {
  std::set<uint64_t> firsts;
  for (uint64_t stream = 0; stream < 10'000; ++stream) firsts.insert(internal::Random(1, stream).Next());
  EXPECT_EQ(firsts.size(), 10'000u);
}

TEST(Random, DrawsHaveTheirMeansAndDeviations) {
  internal::Random random(3, 0);
  double sum = 0;
  double squares = 0;
  double count = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const auto value = static_cast<double>(random.Normal(1'000'000, 200'000));
    sum += value;
    squares += (value - 1e6) * (value - 1e6);
    count += static_cast<double>(random.Count(1'917));
    const int64_t between = random.Between(-3, 3);
    ASSERT_TRUE(between >= -3 && between <= 3);
  }
  EXPECT_NEAR(sum / kDraws, 1e6, 3e3);
  EXPECT_NEAR(squares / kDraws, 4e10, 1e9);
  EXPECT_NEAR(count / kDraws, 1.917, 0.02);
}

}  // namespace
}  // namespace millrace::source
