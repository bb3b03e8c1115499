#include "training/gate.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::training {
namespace {

const std::vector<std::string> kKnown{"auc_roc", "average_precision", "log_loss", "brier",
                                      "precision_at_100"};

Gate Parsed(const std::string& text) {
  const Result<Gate> gate = ParseGate(text, kKnown);
  EXPECT_TRUE(gate.ok()) << gate.status().ToString();
  return gate.ok() ? *gate : Gate{};
}

TEST(Gate, JudgesInSentencesWithNumbers) {
  const MetricValues metrics{{"average_precision", 0.637}, {"log_loss", 0.021}, {"precision_at_100", 0.291}};
  const MetricValues champion{{"average_precision", 0.65}, {"log_loss", 0.02}};
  const struct {
    std::string gate;
    bool passed;
    std::string sentence;
  } cases[] = {
      {"average_precision >= 0.6", true, "passed: average_precision is 0.637, at least 0.6"},
      {"average_precision >= 0.637", true, "passed: average_precision is 0.637, at least 0.637"},
      {"average_precision > 0.637", false, "failed: average_precision is 0.637, not more than 0.637"},
      {"precision_at_100>=.3", false, "failed: precision_at_100 is 0.291, less than 0.3"},
      {"average_precision >= champion.average_precision - 0.01", false,
       "failed: average_precision is 0.637, less than 0.64 (champion.average_precision - 0.01)"},
      {"average_precision >= champion.average_precision - 0.02", true,
       "passed: average_precision is 0.637, at least 0.63 (champion.average_precision - 0.02)"},
      {"log_loss <= 1.1 * champion.log_loss", true,
       "passed: log_loss is 0.021, at most 0.022 (1.1 * champion.log_loss)"},
      {"log_loss <= champion.log_loss * 1.01", false,
       "failed: log_loss is 0.021, more than 0.0202 (1.01 * champion.log_loss)"},
      {"log_loss < 0.02 + 0.002", true, "passed: log_loss is 0.021, less than 0.022 (0.02 + 0.002)"},
      {"- log_loss >= -0.03", true, "passed: -log_loss is -0.021, at least -0.03"},
      {"auc_roc >= 0.5", false, "failed: 'auc_roc >= 0.5' cannot be judged, as auc_roc was not computed"},
      {"auc_roc >= champion.brier", false,
       "failed: 'auc_roc >= champion.brier' cannot be judged, as auc_roc was not computed"},
  };
  for (const auto& c : cases) {
    const GateVerdict verdict = EvaluateGate(Parsed(c.gate), metrics, champion);
    EXPECT_EQ(verdict.passed, c.passed) << c.gate;
    EXPECT_EQ(verdict.sentence, c.sentence);
    EXPECT_FALSE(verdict.no_champion);
  }
}

TEST(Gate, WithoutAChampionItsGatesPassAndSaySo) {
  const GateVerdict verdict = EvaluateGate(Parsed("average_precision >= champion.average_precision - 0.01"),
                                           {{"average_precision", 0.1}}, std::nullopt);
  EXPECT_TRUE(verdict.passed);
  EXPECT_TRUE(verdict.no_champion);
  EXPECT_NE(verdict.sentence.find("there is no champion yet"), std::string::npos);
}

TEST(Gate, AChampionWithoutTheMetricDoesNotLetAVersionPass) {
  const Gate gate = Parsed("average_precision >= champion.average_precision");
  EXPECT_FALSE(EvaluateGate(gate, {{"average_precision", 0.9}}, MetricValues{}).passed);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(
      EvaluateGate(gate, {{"average_precision", nan}}, MetricValues{{"average_precision", 0.1}}).passed);
  EXPECT_FALSE(
      EvaluateGate(gate, {{"average_precision", 0.9}}, MetricValues{{"average_precision", nan}}).passed);
}

TEST(Gate, ADifferenceInTheLastDigitIsShown) {
  const GateVerdict verdict =
      EvaluateGate(Parsed("auc_roc >= champion.auc_roc"), {{"auc_roc", 0.1 + 0.2 - 1e-16}},
                   MetricValues{{"auc_roc", 0.1 + 0.2}});
  EXPECT_EQ(verdict.sentence,
            "failed: auc_roc is 0.29999999999999993, less than 0.30000000000000004 (champion.auc_roc)");
}

TEST(Gates, TheReasonNamesWhatFailed) {
  const std::vector<Gate> gates{Parsed("auc_roc >= 0.5"), Parsed("brier <= 0.1"), Parsed("log_loss <= 0.1")};
  const GateDecision good =
      EvaluateGates(gates, {{"auc_roc", 0.9}, {"brier", 0.05}, {"log_loss", 0.1}}, std::nullopt);
  EXPECT_TRUE(good.passed);
  EXPECT_EQ(good.reason, "all 3 gates passed");
  const GateDecision bad =
      EvaluateGates(gates, {{"auc_roc", 0.4}, {"brier", 0.05}, {"log_loss", 0.2}}, std::nullopt);
  EXPECT_FALSE(bad.passed);
  EXPECT_EQ(bad.reason, "2 of 3 gates failed: auc_roc is 0.4, less than 0.5; log_loss is 0.2, more than 0.1");
  EXPECT_EQ(bad.verdicts.size(), 3U);
  EXPECT_TRUE(EvaluateGates({}, {}, std::nullopt).passed);
}

TEST(Gate, WhatIsNoGateIsRefusedWithItsColumn) {
  const struct {
    std::string gate;
    std::string part;
  } cases[] = {
      {"", "column 1: a metric or a number is missing"},
      {"average_precision", "column 18: '>=', '<=', '>' or '<' is expected"},
      {"average_precision == 0.5", "column 19: '>=', '<='"},
      {"average_precision >=", "column 21: a metric or a number is missing"},
      {"average_precision >= 0.5 0.6", "column 26: the gate should end here"},
      {"average_precison >= 0.5",
       "column 1: there is no metric 'average_precison', did you mean 'average_precision'?"},
      {"auc_roc >= champion.zzz", "column 21: there is no metric 'zzz' (there are auc_roc,"},
      {"auc_roc >= challenger.auc_roc", "there is no metric 'challenger'"},
      {"auc_roc >= 0.5 *", "a metric's name is expected"},
      {"auc_roc * brier >= 1", "a number is expected"},
      {"0.5 >= 0.4", "compares at least one metric of the new version"},
      {"champion.auc_roc >= 0.4", "compares at least one metric of the new version"},
      {"auc_roc >= 1e999", "a number is expected"},
      {"auc_roc >= 0.5; DROP", "the gate should end here"},
      {std::string(300, 'a'), "300 bytes"},
      {"auc_roc >= 1" + std::string(20, '+'), "a metric's name is expected"},
      {"auc_roc >= 0+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1", "more than 16 terms"},
  };
  for (const auto& c : cases) {
    const Result<Gate> gate = ParseGate(c.gate, kKnown);
    ASSERT_FALSE(gate.ok()) << c.gate;
    EXPECT_EQ(gate.status().code(), Code::kInvalidArgument);
    EXPECT_NE(gate.status().message().find(c.part), std::string::npos) << gate.status().message();
  }
}

}  // namespace
}  // namespace millrace::training
