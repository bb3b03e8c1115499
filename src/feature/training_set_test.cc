#include "feature/training_set.h"

#include <gtest/gtest.h>

#include <random>

#include "feature/testing/random_world.h"

namespace millrace::feature {
namespace {

using testing::OracleEvent;
using testing::WorldView;

EventTime Time(const char* text) { return ParseTime(text).value(); }

TEST(ResolveSplit, WithoutAStartTheTestEndsWithTheNewestWholeDay) {
  resource::SplitSpec spec;
  spec.train = spec.gap = spec.test = std::chrono::hours(24 * 7);
  const Split split = ResolveSplit(spec, Time("2018-09-30T13:00:00Z")).value();
  EXPECT_EQ(split.test_end, Time("2018-09-30"));
  EXPECT_EQ(split.test_begin, Time("2018-09-23"));
  EXPECT_EQ(split.train_end, Time("2018-09-16"));
  EXPECT_EQ(split.train_begin, Time("2018-09-09"));
  EXPECT_EQ(ResolveSplit(spec, Time("2018-09-30T23:59:59.999999Z"))->test_end, Time("2018-10-01"));
  spec.start = Time("2018-07-25");
  EXPECT_EQ(ResolveSplit(spec, EventTime{0})->test_end, Time("2018-08-15"));
  spec.test = Micros(0);
  EXPECT_FALSE(ResolveSplit(spec, EventTime{0}).ok());
}

class TrainingSets : public ::testing::Test {
 protected:
  TrainingSets() {
    resource::FeatureServiceSpec spec;
    using Kind = resource::ServiceItem::Kind;
    spec.items = {{Kind::kRequest, "amount", "", std::nullopt, {}},
                  {Kind::kView, "by-both", "", std::nullopt, {"f0", "f2"}},
                  {Kind::kView, "by-part", "", std::nullopt, {"f1"}}};
    for (const WorldView& view : views_) plans_.push_back(view.plan);
    request_.plan = CompileService("s", spec, testing::WorldSource(), plans_).value();
    request_.events = {{"world", testing::ToTable(world_)}};
    const int64_t begin = world_.front().time;
    const int64_t gap = testing::kKnownAfter;
    const int64_t third = (world_.back().time - begin - gap) / 2;
    request_.split = {EventTime{begin}, EventTime{begin + third}, EventTime{begin + third + gap},
                      EventTime{world_.back().time}};
    request_.label = "late";
    request_.entities = {"part"};
  }

  std::mt19937_64 random_{5};
  std::vector<OracleEvent> world_ = testing::RandomEvents(random_, 120);
  std::vector<WorldView> views_ = testing::WorldViews();
  std::vector<ViewPlanPtr> plans_;
  TrainingSetRequest request_;
};

TEST_F(TrainingSets, EachExampleIsAtItsOwnPositionWithItsLabel) {
  const Result<TrainingSet> set = BuildTrainingSet(request_);
  ASSERT_TRUE(set.ok()) << set.status().ToString();
  EXPECT_EQ(set->train.schema().Names(),
            (std::vector<std::string>{"amount", "f0_2s", "f0_9s", "f0_40s", "f2_2s", "f2_9s", "f2_40s",
                                      "f1_2s", "f1_9s", "f1_40s", "late", "at", "id", "part"}));
  size_t row = 0;
  int64_t unlabelled = 0;
  const std::vector<OracleEvent> keyed = testing::WithKeys(world_, views_[1]);
  for (const OracleEvent& event : keyed) {
    if (event.time >= request_.split.train_end.micros) break;
    if (IsNull(event.columns[testing::kLate])) {
      ++unlabelled;
      continue;
    }
    const std::vector<Value> expected =
        testing::OracleFeatures(views_[1].oracle, keyed, {event.key, event.time, &event});
    EXPECT_EQ(set->train.column(1).Get(row), Value(static_cast<double>(std::get<int64_t>(expected[0]))));
    EXPECT_EQ(set->train.column(10).Get(row), event.columns[testing::kLate]);
    EXPECT_EQ(set->train.column(12).Get(row), Value(*event.id));
    ++row;
  }
  EXPECT_EQ(set->train.num_rows(), row);
  EXPECT_GE(set->unlabelled, unlabelled);
  EXPECT_GT(set->test.num_rows(), 0U);
  EXPECT_EQ(set->history.schema().Names(), (std::vector<std::string>{"late", "at", "part"}));
}

TEST_F(TrainingSets, AConditionChoosesExamplesButNotTheirHistory) {
  request_.where = "amount > 0";
  const Result<TrainingSet> some = BuildTrainingSet(request_);
  ASSERT_TRUE(some.ok()) << some.status().ToString();
  request_.where = "";
  const TrainingSet all = BuildTrainingSet(request_).value();
  ASSERT_LT(some->train.num_rows(), all.train.num_rows());
  size_t row = 0;
  for (size_t i = 0; i < all.train.num_rows(); ++i) {
    if (all.train.column(0).IsNull(i) || all.train.column(0).doubles()[i] <= 0) continue;
    EXPECT_EQ(some->train.column(3).Get(row), all.train.column(3).Get(i));
    ++row;
  }
}

TEST_F(TrainingSets, WhatCannotWorkIsRefusedInASentence) {
  request_.label = "amount";
  EXPECT_NE(BuildTrainingSet(request_).status().message().find("reads the label"), std::string::npos);
  request_.label = "late";
  request_.split.test_begin = request_.split.train_end;
  EXPECT_NE(BuildTrainingSet(request_).status().message().find("gap"), std::string::npos);
  request_.split = {EventTime{0}, EventTime{1}, EventTime{1 + testing::kKnownAfter}, EventTime{9'000'000}};
  EXPECT_NE(BuildTrainingSet(request_).status().message().find("no labelled example"), std::string::npos);
}

TEST_F(TrainingSets, ExamplesGivenAsATableGiveTheSameVectors) {
  const Table events = request_.events[0].second;
  const Result<Table> vectors = ComputeVectors(*request_.plan, events, request_.events);
  ASSERT_TRUE(vectors.ok()) << vectors.status().ToString();
  const TrainingSet set = BuildTrainingSet(request_).value();
  size_t row = 0;
  for (size_t i = 0; i < world_.size() && row < set.train.num_rows(); ++i) {
    if (set.train.column(12).Get(row) != Value(*world_[i].id)) continue;
    for (size_t c = 0; c < vectors->num_columns(); ++c) {
      EXPECT_TRUE(testing::SameValue(vectors->column(c).Get(i), set.train.column(c).Get(row)));
    }
    ++row;
  }
  EXPECT_EQ(row, set.train.num_rows());
}

}  // namespace
}  // namespace millrace::feature
