#include "training/evaluate.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "training/features.h"

namespace millrace::training {
namespace {

constexpr int64_t kDay = int64_t{86'400} * 1'000'000;

struct Row {
  int64_t time;
  int64_t customer;
  int64_t fraud;
};

Table Rows(const std::vector<Row>& rows) {
  std::vector<int64_t> times;
  std::vector<int64_t> customers;
  std::vector<int64_t> frauds;
  for (const Row& row : rows) {
    times.push_back(row.time);
    customers.push_back(row.customer);
    frauds.push_back(row.fraud);
  }
  Schema schema({{"at", DataType::kTimestamp}, {"customer", DataType::kInt64}, {"fraud", DataType::kInt64}});
  return Table::Create(schema, {Column::Timestamps(times), Column::Ints(customers), Column::Ints(frauds)})
      .value();
}

resource::MetricSpec CardPrecision(int64_t k, bool exclude_known = true) {
  resource::MetricSpec spec;
  spec.name = "precision_at";
  spec.k = k;
  spec.per = "customer";
  spec.every = Micros(kDay);
  spec.exclude_known = exclude_known;
  return spec;
}

// Training days 0 and 1, a gap of 2 days, test days 4 and 5.
TestRequest Request(const std::vector<Row>& test, const std::vector<Row>& history) {
  TestRequest request;
  request.test = Rows(test);
  request.history = Rows(history);
  request.label = "fraud";
  request.time = "at";
  request.train_start = {0};
  request.test_start = {4 * kDay};
  request.gap = Micros(2 * kDay);
  request.metrics = {CardPrecision(1)};
  return request;
}

TEST(SelectTestRows, LeavesOutEntitiesWhoseFraudWasKnownByThatDay) {
  const std::vector<Row> test{
      {4 * kDay, 1, 1},      // fraud in training: known
      {4 * kDay + 1, 2, 0},  // fraud on day 2, in the gap: not known on day 4 …
      {5 * kDay, 2, 1},      // … known on day 5
      {4 * kDay + 2, 3, 1},  // fraud on day 3: known on neither
      {5 * kDay + 3, 3, 0},  //
      {5 * kDay + 4, 4, 0},  // fraud before the training range: not looked at
      {5 * kDay + 5, 5, 0},  // never fraud
  };
  std::vector<Row> history{{-1, 4, 1},       {kDay, 1, 1},     {kDay, 1, 0},
                           {2 * kDay, 2, 1}, {3 * kDay, 3, 1}, {4 * kDay, 5, 0}};
  history.insert(history.end(), test.begin(), test.end());
  const auto rows = SelectTestRows(Request(test, history));
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ(rows->kept, (std::vector<int64_t>{1, 3, 4, 5, 6}));
  EXPECT_EQ(rows->labels, (std::vector<uint8_t>{0, 1, 0, 0, 0}));
  EXPECT_EQ(rows->left_out, 2);
  EXPECT_EQ(rows->positives, 1);
  EXPECT_EQ(rows->table.num_rows(), 5U);
  EXPECT_EQ(rows->entities.at("customer"), (std::vector<int64_t>{2, 3, 3, 4, 5}));
}

TEST(SelectTestRows, ALabelTurnsKnownOneMicrosecondAfterItsDay) {
  // The last microsecond of day 1 is known on day 4 with a gap of 2 days; the first of day 2 is not.
  const std::vector<Row> test{{4 * kDay, 1, 0}, {4 * kDay, 2, 0}, {4 * kDay, 3, 1}};
  const auto rows = SelectTestRows(Request(test, {{2 * kDay - 1, 1, 1}, {2 * kDay, 2, 1}}));
  EXPECT_EQ(rows->kept, (std::vector<int64_t>{1, 2}));
}

TEST(SelectTestRows, KeepsAllRowsWhenNothingIsToBeLeftOut) {
  TestRequest request = Request({{4 * kDay, 1, 1}, {4 * kDay, 2, 0}}, {{0, 1, 1}});
  request.metrics = {CardPrecision(1, false)};
  EXPECT_EQ(SelectTestRows(request)->left_out, 0);
  request.metrics = {};
  EXPECT_EQ(SelectTestRows(request)->left_out, 0);
  request.metrics = {CardPrecision(1)};
  request.history = Table();
  EXPECT_EQ(SelectTestRows(request)->left_out, 0);
}

TEST(SelectTestRows, NullKeysMatchNothingAndTextKeysWork) {
  Schema schema({{"at", DataType::kTimestamp}, {"customer", DataType::kString}, {"fraud", DataType::kBool}});
  const auto table = [&](std::vector<int64_t> times, std::vector<uint8_t> valid, std::vector<uint8_t> frauds,
                         std::vector<uint8_t> known) {
    std::vector<int64_t> offsets;
    std::string bytes;
    for (size_t i = 0; i < times.size(); ++i) {
      offsets.push_back(static_cast<int64_t>(bytes.size()));
      bytes += i % 2 == 0 ? "ada" : "bob";
    }
    offsets.push_back(static_cast<int64_t>(bytes.size()));
    return Table::Create(schema, {Column::Timestamps(times), Column::Strings(offsets, bytes, valid),
                                  Column::Bools(frauds, known)})
        .value();
  };
  TestRequest request = Request({}, {});
  request.test = table({4 * kDay, 4 * kDay, 4 * kDay, 4 * kDay}, {1, 1, 0, 0}, {1, 0, 0, 0}, {});
  request.history = table({0, 0, 0, 0}, {0, 1, 1, 1}, {1, 1, 1, 0}, {1, 0, 1, 1});
  const auto rows = SelectTestRows(request);
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  // "ada" was fraud on day 0; the null key was too, which says nothing of other nulls; of "bob" the label is
  // unknown.
  EXPECT_EQ(rows->kept, (std::vector<int64_t>{1, 2, 3}));
  const auto& numbers = rows->entities.at("customer");
  EXPECT_EQ(std::set<int64_t>(numbers.begin(), numbers.end()).size(), 3U)
      << "each null is an entity of its own";
}

TEST(SelectTestRows, WhatCannotBeJudgedSaysWhy) {
  const std::vector<Row> test{{4 * kDay, 1, 1}, {4 * kDay, 2, 0}};
  const auto change = [&](auto edit) {
    TestRequest request = Request(test, {});
    edit(request);
    return SelectTestRows(request).status();
  };
  const struct {
    Status status;
    std::string part;
  } cases[] = {
      {change([](TestRequest& r) { r.test = Rows({}); }), "no rows"},
      {change([](TestRequest& r) { r.label = "frauds"; }), "frauds"},
      {change([](TestRequest& r) { r.label = "at"; }), "must be bool, int64 or double"},
      {change([](TestRequest& r) { r.time = "customer"; }), "must be a timestamp"},
      {change([](TestRequest& r) { r.test = Rows({{0, 1, 2}}); }), "the label 'fraud' of row 0 is 2"},
      {change([](TestRequest& r) { r.metrics[0].per = "card"; }), "card"},
      {change([](TestRequest& r) { r.metrics[0].name = "precision"; }), "did you mean 'precision_at'?"},
      {change([](TestRequest& r) { r.history = Rows({{0, 1, 1}, {0, 2, 1}}); }), "nothing is left"},
  };
  for (const auto& c : cases) {
    EXPECT_FALSE(c.status.ok()) << c.part;
    EXPECT_NE(c.status.message().find(c.part), std::string::npos) << c.status.message();
  }
}

TEST(EvaluateScores, GivesTheStandardMetricsAndThoseAskedFor) {
  const TestRequest request =
      Request({{4 * kDay, 1, 1}, {4 * kDay, 2, 0}, {5 * kDay, 3, 0}, {5 * kDay, 4, 1}}, {});
  const TestRows rows = SelectTestRows(request).value();
  const auto evaluation = EvaluateScores(rows, std::vector<double>{0.9, 0.1, 0.8, 0.3}, request.metrics);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status().ToString();
  EXPECT_EQ(evaluation->metrics.at("precision_at_1"), 0.5);
  EXPECT_EQ(evaluation->metrics.at("auc_roc"), 0.75);
  EXPECT_EQ(evaluation->metrics.size(), 5U);
  EXPECT_EQ(evaluation->rows, 4);
  EXPECT_EQ(evaluation->positives, 2);
}

TEST(EvaluateScores, ATestOfOneClassSaysSo) {
  const TestRows rows = SelectTestRows(Request({{4 * kDay, 1, 0}, {4 * kDay, 2, 0}}, {})).value();
  const Status status = EvaluateScores(rows, std::vector<double>{0.9, 0.1}, {}).status();
  EXPECT_EQ(status.message(),
            "auc_roc of the test rows: all 2 rows are negative: with one class the metric is undefined");
}

TEST(FeatureMatrix, RoundsOnceAndKeepsNullAsMissing) {
  Schema schema({{"a", DataType::kDouble}, {"b", DataType::kInt64}, {"c", DataType::kBool}});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Table table = Table::Create(schema, {Column::Doubles({0.1, nan}),
                                             Column::Ints({16'777'217, 5}, {1, 0}), Column::Bools({1, 0})})
                          .value();
  const std::vector<std::string> names{"b", "c", "a"};
  const auto values = FeatureMatrix(table, names).value();
  EXPECT_EQ(values[0], 16'777'216.0F);
  EXPECT_EQ(values[1], 1.0F);
  EXPECT_EQ(values[2], 0.1F);
  EXPECT_TRUE(std::isnan(values[3]));
  EXPECT_EQ(values[4], 0.0F);
  EXPECT_TRUE(std::isnan(values[5]));
}

TEST(FeatureMatrix, RefusesWhatAModelCannotTake) {
  Schema schema({{"a", DataType::kDouble}, {"t", DataType::kTimestamp}});
  const auto table = [&](double value) {
    return Table::Create(schema, {Column::Doubles({1, value}), Column::Timestamps({0, 0})}).value();
  };
  const std::vector<std::string> a{"a"};
  EXPECT_TRUE(FeatureMatrix(table(3e38), a).ok());
  EXPECT_FALSE(FeatureMatrix(table(1e39), a).ok());
  const Status infinite = FeatureMatrix(table(std::numeric_limits<double>::infinity()), a).status();
  EXPECT_NE(infinite.message().find("the feature 'a' of row 1 is inf"), std::string::npos)
      << infinite.message();
  EXPECT_FALSE(FeatureMatrix(table(1), std::vector<std::string>{"t"}).ok());
  EXPECT_FALSE(FeatureMatrix(table(1), std::vector<std::string>{"z"}).ok());
  EXPECT_FALSE(FeatureMatrix(table(1), std::vector<std::string>{}).ok());
}

}  // namespace
}  // namespace millrace::training
