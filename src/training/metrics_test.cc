#include "training/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace millrace::training {
namespace {

using Scores = std::vector<double>;
using Labels = std::vector<uint8_t>;

// The same rows that the golden values below were computed from: a linear
// congruential generator, so that the table holds results and not inputs.
void GoldenRows(int64_t seed, int rows, int levels, int share, Scores& scores, Labels& labels) {
  int64_t x = seed;
  const auto next = [&x] {
    x = (x * 1103515245 + 12345) % 2147483648;
    return x >> 8;
  };
  for (int i = 0; i < rows; ++i) {
    const bool positive = next() % 1000 < share;
    const auto level = static_cast<double>(next() % levels + (positive ? levels / 3 : 0));
    scores.push_back(std::min(level / (levels * 4.0 / 3.0), 1.0));
    labels.push_back(positive ? 1 : 0);
  }
}

TEST(Metrics, EqualThoseOfScikitLearn) {
  // roc_auc_score, average_precision_score, log_loss and brier_score_loss of scikit-learn 1.9.1.
  const struct {
    int64_t seed;
    int rows, levels, share, positives;
    double auc, average_precision, log_loss, brier;
  } cases[] = {
      {1, 10, 4, 500, 5, 0.74, 0.7428571428571429, 0.6200828467488836, 0.23515625},
      {2, 100, 7, 300, 32, 0.8285845588235294, 0.719017107995762, 0.44595379729738527, 0.14926020408163265},
      {3, 1000, 1000, 20, 22, 0.7298522030117123, 0.30487094993131253, 0.5377053031631723,
       0.18742186206250003},
      {4, 1000, 3, 500, 495, 0.7673747374737474, 0.7463865829454984, 0.5657133535783254, 0.2021875},
      {5, 5000, 100000, 5, 23, 0.852543438949603, 0.4480498552689665, 0.5317510168922573,
       0.18467676968964247},
  };
  for (const auto& c : cases) {
    Scores scores;
    Labels labels;
    GoldenRows(c.seed, c.rows, c.levels, c.share, scores, labels);
    ASSERT_EQ(std::count(labels.begin(), labels.end(), 1), c.positives);
    EXPECT_NEAR(AucRoc(scores, labels).value(), c.auc, 1e-12) << c.seed;
    EXPECT_NEAR(AveragePrecision(scores, labels).value(), c.average_precision, 1e-12) << c.seed;
    EXPECT_NEAR(LogLoss(scores, labels).value(), c.log_loss, 1e-12) << c.seed;
    EXPECT_NEAR(Brier(scores, labels).value(), c.brier, 1e-12) << c.seed;
  }
}

// By definition: the share of (positive, negative) pairs that are in order, ties half.
double AucByPairs(const Scores& scores, const Labels& labels) {
  double wins = 0;
  double pairs = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    for (size_t j = 0; j < scores.size(); ++j) {
      if (labels[i] != 1 || labels[j] != 0) continue;
      ++pairs;
      wins += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
    }
  }
  return wins / pairs;
}

// By definition: over each distinct threshold, from the highest.
double AveragePrecisionByThresholds(const Scores& scores, const Labels& labels) {
  const std::set<double, std::greater<>> thresholds(scores.begin(), scores.end());
  double positives = 0;
  for (const uint8_t label : labels) positives += label;
  double sum = 0;
  double recall_before = 0;
  for (const double threshold : thresholds) {
    double taken = 0;
    double right = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] < threshold) continue;
      ++taken;
      right += labels[i];
    }
    sum += (right / positives - recall_before) * (right / taken);
    recall_before = right / positives;
  }
  return sum;
}

TEST(Metrics, EqualTheirDefinitionsOnRandomRowsWithTies) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const int rows = 2 + static_cast<int>(random() % 40);
    const unsigned levels = 1 + random() % 12;
    Scores scores;
    Labels labels;
    for (int i = 0; i < rows; ++i) {
      scores.push_back((random() % levels) / static_cast<double>(levels));
      labels.push_back(random() % 2);
    }
    labels[0] = 1;
    labels[1] = 0;
    EXPECT_NEAR(AucRoc(scores, labels).value(), AucByPairs(scores, labels), 1e-12);
    EXPECT_NEAR(AveragePrecision(scores, labels).value(), AveragePrecisionByThresholds(scores, labels),
                1e-12);
  }
}

TEST(Metrics, DoNotDependOnTheOrderOfTiedRows) {
  Scores scores{0.5, 0.5, 0.5, 0.5, 0.9};
  Labels labels{1, 0, 0, 1, 0};
  const double auc = AucRoc(scores, labels).value();
  const double precision = AveragePrecision(scores, labels).value();
  const double top = PrecisionAtK(scores, labels, 3).value();
  std::sort(labels.begin(), labels.begin() + 4);
  do {
    EXPECT_EQ(AucRoc(scores, labels).value(), auc);
    EXPECT_EQ(AveragePrecision(scores, labels).value(), precision);
    EXPECT_EQ(PrecisionAtK(scores, labels, 3).value(), top);
  } while (std::next_permutation(labels.begin(), labels.begin() + 4));
  EXPECT_DOUBLE_EQ(top, 2.0 * (2.0 / 4.0) / 3.0) << "two of the four tied rows, half of them positive";
}

TEST(Metrics, AtKBeyondTheRowsTakesThemAll) {
  const Scores scores{0.9, 0.8, 0.1};
  const Labels labels{1, 0, 1};
  EXPECT_EQ(PrecisionAtK(scores, labels, 1).value(), 1.0);
  EXPECT_EQ(PrecisionAtK(scores, labels, 10).value(), 0.2);
  EXPECT_EQ(RecallAtK(scores, labels, 2).value(), 0.5);
  EXPECT_EQ(RecallAtK(scores, labels, 10).value(), 1.0);
}

TEST(Metrics, CertainAndWrongHasAFiniteLogLoss) {
  const double loss = LogLoss(Scores{0, 1}, Labels{1, 0}).value();
  EXPECT_NEAR(loss, -std::log(std::numeric_limits<double>::epsilon()), 1e-9);
}

TEST(Metrics, WhatCannotBeJudgedSaysWhy) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    Status status;
    std::string part;
  } cases[] = {
      {AucRoc({}, {}).status(), "no rows"},
      {AucRoc(Scores{0.5}, Labels{1, 0}).status(), "1 scores for 2 labels"},
      {AucRoc(Scores{0.5, nan}, Labels{1, 0}).status(), "the score of row 1 is NaN"},
      {AucRoc(Scores{0.5, 0.6}, Labels{1, 2}).status(), "the label of row 1 is 2"},
      {AucRoc(Scores{0.5, 0.6}, Labels{0, 0}).status(), "all 2 rows are negative"},
      {AucRoc(Scores{0.5, 0.6}, Labels{1, 1}).status(), "all 2 rows are positive"},
      {AveragePrecision(Scores{0.5}, Labels{0}).status(), "without a positive"},
      {LogLoss(Scores{1.5}, Labels{0}).status(), "probability"},
      {Brier(Scores{-0.5}, Labels{0}).status(), "probability"},
      {PrecisionAtK(Scores{0.5}, Labels{0}, 0).status(), "at least 1"},
      {RecallAtK(Scores{0.5}, Labels{0}, 1).status(), "without a positive"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.status.code(), Code::kInvalidArgument) << c.part;
    EXPECT_NE(c.status.message().find(c.part), std::string::npos) << c.status.message();
  }
}

constexpr int64_t kDay = int64_t{86'400} * 1'000'000;

TEST(PrecisionPerEntity, InspectsEachDayTheKHighestEntities) {
  // Day 0: entity 1 scores .9 at most and is positive by its other row; 2 is .8, negative; 3 is .1, positive.
  // Day 1: entity 1 was found on day 0 and is left out; 3 is .7, positive; 2 is .2.
  const Scores scores{0.9, 0.2, 0.8, 0.1, 0.99, 0.7, 0.2};
  const Labels labels{0, 1, 0, 1, 1, 1, 0};
  const std::vector<int64_t> entities{1, 1, 2, 3, 1, 3, 2};
  const std::vector<int64_t> times{0, 5, 6, 7, kDay, kDay + 1, kDay + 2};
  const auto result =
      PrecisionAtKPerEntity(scores, labels, entities, times, 2, Micros(kDay), EventTime{0}).value();
  EXPECT_EQ(result.precision, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(result.positives, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(result.period, (std::vector<EventTime>{{0}, {kDay}}));
  EXPECT_EQ(result.mean, 0.5);
}

TEST(PrecisionPerEntity, FewerEntitiesThanKStillDivideByK) {
  const auto result = PrecisionAtKPerEntity(Scores{0.9}, Labels{1}, std::vector<int64_t>{4},
                                            std::vector<int64_t>{3}, 100, Micros(kDay), EventTime{0})
                          .value();
  EXPECT_EQ(result.mean, 0.01);
}

TEST(PrecisionPerEntity, PeriodsAreCountedFromTheOriginAlsoBeforeIt) {
  const EventTime origin{kDay / 2};
  const auto result =
      PrecisionAtKPerEntity(Scores{0.9, 0.9, 0.9}, Labels{0, 0, 0}, std::vector<int64_t>{1, 2, 3},
                            std::vector<int64_t>{0, kDay / 2, kDay}, 1, Micros(kDay), origin)
          .value();
  EXPECT_EQ(result.period, (std::vector<EventTime>{{-kDay / 2}, {kDay / 2}}));
}

TEST(PrecisionPerEntity, TiesGoToTheSmallerNumberWhateverTheOrderOfRows) {
  for (const bool turned : {false, true}) {
    std::vector<int64_t> entities{7, 9};
    Labels labels{1, 0};
    if (turned) {
      std::swap(entities[0], entities[1]);
      std::swap(labels[0], labels[1]);
    }
    const auto result = PrecisionAtKPerEntity(Scores{0.5, 0.5}, labels, entities, std::vector<int64_t>{0, 0},
                                              1, Micros(kDay), EventTime{0});
    EXPECT_EQ(result->mean, 1.0);
  }
}

resource::MetricSpec Spec(const std::string& name, std::optional<int64_t> k = std::nullopt,
                          const std::string& per = "", std::optional<Micros> every = std::nullopt) {
  resource::MetricSpec spec;
  spec.name = name;
  spec.k = k;
  spec.per = per;
  spec.every = every;
  return spec;
}

TEST(MetricSpecs, AreNamedAndChecked) {
  EXPECT_EQ(MetricName(Spec("precision_at", 100, "customer_id")), "precision_at_100");
  EXPECT_EQ(MetricName(Spec("auc_roc")), "auc_roc");
  EXPECT_TRUE(
      ValidateMetrics(std::vector{Spec("auc_roc"), Spec("precision_at", 5), Spec("recall_at", 5)}).ok());
  const struct {
    std::vector<resource::MetricSpec> specs;
    std::string part;
  } cases[] = {
      {{Spec("average_precison")}, "did you mean 'average_precision'?"},
      {{Spec("xyz")}, "the metrics are auc_roc"},
      {{Spec("precision_at")}, "needs k"},
      {{Spec("precision_at", 0)}, "needs k"},
      {{Spec("brier", 3)}, "takes no k"},
      {{Spec("recall_at", 3, "customer_id")}, "only precision_at"},
      {{Spec("precision_at", 3, "", Micros(1))}, "needs per beside it"},
      {{Spec("precision_at", 3, "customer_id", Micros(0))}, "longer than 0"},
      {{Spec("precision_at", 3), Spec("precision_at", 3, "customer_id")}, "listed twice"},
  };
  for (const auto& c : cases) {
    const Status status = ValidateMetrics(c.specs);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << c.part;
    EXPECT_NE(status.message().find(c.part), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace millrace::training
