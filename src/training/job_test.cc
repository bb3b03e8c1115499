#include "training/job.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/json.h"

namespace millrace::training {
namespace {

TEST(Job, RoundTrips) {
  const Job job{{"a", "b"}, "y", Json{{"eta", 0.1}}, 7, 2, true};
  const Job back = ParseJob(JobToJson(job)).value();
  EXPECT_EQ(back.features, job.features);
  EXPECT_EQ(back.label, "y");
  EXPECT_EQ(back.parameters, job.parameters);
  EXPECT_EQ(back.seed, 7);
  EXPECT_EQ(back.threads, 2);
  EXPECT_TRUE(back.validation);
}

TEST(Job, RefusesWhatIsNotOne) {
  const Json right = Json::parse(JobToJson({{"a"}, "y", Json::object(), 0, 1, false}));
  const auto with = [&](const char* name, const Json& value) {
    Json changed = right;
    changed[name] = value;
    return FormatJson(changed);
  };
  const std::string cases[] = {"",
                               "[]",
                               "{}",
                               with("format", 2),
                               with("features", Json::array()),
                               with("features", {"a", "a"}),
                               with("features", {1}),
                               with("label", 3),
                               with("label", "a"),
                               with("threads", 0),
                               with("threads", 100'000),
                               with("parameters", 1),
                               with("validation", 1)};
  for (const std::string& text : cases)
    EXPECT_EQ(ParseJob(text).status().code(), Code::kInvalidArgument) << text;
}

TEST(Progress, RoundTripsWithNanAsNull) {
  TrainingProgress progress{3,          10,          500,
                            Micros(70), Micros(160), {{"train-logloss", 0.25}, {"valid-auc", std::nan("")}}};
  const TrainingProgress back = ParseProgress(ProgressToJson(progress)).value();
  EXPECT_EQ(back.round, 3);
  EXPECT_EQ(back.left, Micros(160));
  EXPECT_EQ(back.metrics.at("train-logloss"), 0.25);
  EXPECT_TRUE(std::isnan(back.metrics.at("valid-auc")));
  EXPECT_FALSE(ParseProgress("{\"round\": 1").ok());
  EXPECT_FALSE(ParseProgress("{\"round\": \"1\"}").ok());
}

TEST(Result, RoundTripsAndCarriesTheChildsSentence) {
  TrainingOutcome outcome;
  outcome.model_digest = "d";
  outcome.best_round = 8;
  outcome.rounds = 10;
  outcome.metrics = {{"train-logloss", 0.25}};
  outcome.libraries = {{"xgboost", "3.2.0"}};
  const TrainingOutcome back = ParseResult(ResultToJson(outcome), "/runs/1").value();
  EXPECT_TRUE(back.status.ok());
  EXPECT_EQ(back.model_ubj, "/runs/1/model.ubj");
  EXPECT_EQ(back.best_round, 8);
  EXPECT_EQ(back.libraries, outcome.libraries);

  outcome.status = InvalidArgument("the label has one class");
  EXPECT_EQ(ParseResult(ResultToJson(outcome), "")->status, outcome.status);
  EXPECT_FALSE(ParseResult("{}", "").ok());
  EXPECT_FALSE(ParseResult(R"({"format": 1, "error": {}})", "").ok());
}

}  // namespace
}  // namespace millrace::training
