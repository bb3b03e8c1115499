#include "training/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/json.h"

namespace millrace::training {
namespace {

Result<XgboostParameters> Parse(const std::string& json) {
  return ParseXgboostParameters(ParseJson(json).value(), 7, 2);
}

std::map<std::string, std::string> Booster(const std::string& json) {
  const auto parsed = Parse(json);
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  if (!parsed.ok()) return {};
  return {parsed->booster.begin(), parsed->booster.end()};
}

TEST(XgboostParameters, GoToTheBoosterByTheirOwnNames) {
  const auto booster =
      Booster(R"({"objective": "binary:logistic", "num_boost_round": 100, "max_depth": 3, "eta": 0.1})");
  const std::map<std::string, std::string> right{{"eta", "0.1"},   {"max_depth", "3"},
                                                 {"nthread", "2"}, {"objective", "binary:logistic"},
                                                 {"seed", "7"},    {"verbosity", "1"}};
  EXPECT_EQ(booster, right);
  EXPECT_EQ(Parse(R"({"num_boost_round": 12, "early_stopping_rounds": 3})")->num_boost_round, 12);
  EXPECT_EQ(Parse(R"({"num_boost_round": 12, "early_stopping_rounds": 3})")->early_stopping_rounds, 3);
  EXPECT_EQ(Parse(R"({"seed": 3})")->seed, 3);
}

TEST(XgboostParameters, DefaultsAreXgboostsOwnBesideTheObjective) {
  const auto parsed = Parse("{}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->num_boost_round, 100);
  EXPECT_EQ(parsed->eval_metrics, std::vector<std::string>{"logloss"});
  EXPECT_EQ(parsed->objective, "binary:logistic");
}

TEST(XgboostParameters, OtherNamesBecomeTheMainOne) {
  EXPECT_EQ(Booster(R"({"learning_rate": 0.3})").at("eta"), "0.3");
  EXPECT_EQ(Booster(R"({"reg_lambda": 2})").at("lambda"), "2");
  const Status both = Parse(R"({"eta": 0.1, "learning_rate": 0.3})").status();
  EXPECT_NE(both.message().find("learning_rate: is the same as 'eta', which is also given"),
            std::string::npos)
      << both.message();
}

TEST(XgboostParameters, ListsAndFlagsBecomeXgboostsText) {
  EXPECT_EQ(Booster(R"({"monotone_constraints": [1, 0, -1]})").at("monotone_constraints"), "(1,0,-1)");
  EXPECT_EQ(Booster(R"({"interaction_constraints": [[0, 1], [2]]})").at("interaction_constraints"),
            "[[0,1],[2]]");
  EXPECT_EQ(Booster(R"({"one_drop": true})").at("one_drop"), "1");
  EXPECT_EQ(Parse(R"({"eval_metric": ["auc", "error@0.7"]})")->eval_metrics,
            (std::vector<std::string>{"auc", "error@0.7"}));
}

TEST(XgboostParameters, EveryProblemIsNamedAtOnce) {
  const Status status =
      Parse(
          R"({"max_dept": 3, "eta": 2, "subsample": 0, "objective": "multi:softprob", "num_boost_round": 2.5})")
          .status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  for (const char* part :
       {"parameters.max_dept: is no parameter of XGBoost's tree boosters; did you mean 'max_depth'?",
        "parameters.eta: is 2; it must be a number in [0, 1]",
        "parameters.subsample: is 0; it must be a number in (0, 1]",
        "parameters.objective: is \"multi:softprob\"; it must be one of binary:logistic, reg:logistic",
        "parameters.num_boost_round: is 2.5; it must be a whole number in [1, "}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << part << "\n" << status.message();
  }
  EXPECT_EQ(std::count(status.message().begin(), status.message().end(), '\n'), 4);
}

TEST(XgboostParameters, RefusesValuesOfAnotherType) {
  for (const char* json :
       {R"([1])", R"("eta")", R"({"eta": "0.1"})", R"({"max_depth": true})", R"({"max_depth": null})",
        R"({"tree_method": "gpu_hist"})", R"({"device": "cuda"})", R"({"one_drop": 2})",
        R"({"eval_metric": "ndcg"})", R"({"eval_metric": []})", R"({"eval_metric": "error@2"})",
        R"({"monotone_constraints": [2]})", R"({"interaction_constraints": 3})", R"({"booster": "gblinear"})",
        R"({"max_bin": 1})", R"({"seed": -1})", R"({"gamma": -0.5})", R"({"eta": 1e999})"}) {
    const Result<Json> parsed = ParseJson(json);
    if (!parsed.ok()) continue;
    EXPECT_EQ(ParseXgboostParameters(*parsed, 0, 1).status().code(), Code::kInvalidArgument) << json;
  }
  EXPECT_EQ(ParseXgboostParameters(Json::object(), -1, 1).status().code(), Code::kInvalidArgument);
}

TEST(XgboostParameters, AreDescribedSortedByName) {
  const auto all = DescribeXgboostParameters();
  EXPECT_TRUE(
      std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const auto& one : all) {
    EXPECT_FALSE(one.meaning.empty()) << one.name;
    EXPECT_NE(
        Parse("{\"" + one.name + "\": {}}").status().message().find("parameters." + one.name + ": is {}"),
        std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::training
