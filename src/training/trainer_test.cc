#include "training/trainer.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <condition_variable>
#include <future>
#include <limits>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "inference/tree_model.h"
#include "registry/package.h"
#include "training/evaluate.h"
#include "training/job.h"
#include "training/train_child.h"

namespace millrace::training {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

steady_clock::time_point Soon() { return steady_clock::now() + 120s; }

// Two features of which one explains the label, and missing values.
Table Examples(int rows, uint32_t seed = 1) {
  std::vector<double> signal;
  std::vector<double> noise;
  std::vector<int64_t> label;
  uint32_t x = seed;
  const auto next = [&x] {
    x = x * 1664525U + 1013904223U;
    return static_cast<double>(x >> 8) / static_cast<double>(1U << 24);
  };
  for (int i = 0; i < rows; ++i) {
    signal.push_back(next());
    noise.push_back(next() < 0.1 ? std::numeric_limits<double>::quiet_NaN() : next());
    label.push_back(signal.back() + 0.3 * next() > 0.8 ? 1 : 0);
  }
  Schema schema({{"signal", DataType::kDouble}, {"noise", DataType::kDouble}, {"label", DataType::kInt64}});
  return Table::Create(schema, {Column::Doubles(signal), Column::Doubles(noise), Column::Ints(label)})
      .value();
}

class TrainerTest : public ::testing::Test {
 protected:
  TrainingRequest Request(const std::string& name = "run") {
    TrainingRequest request;
    request.run_directory = dir_.path() + "/" + name;
    request.train = Examples(400);
    request.features = {"signal", "noise"};
    request.label = "label";
    request.parameters = {{"num_boost_round", 10}, {"max_depth", 3}, {"nthread", 1}};
    return request;
  }

  // An unending one: a million rounds.
  TrainingRequest Endless() {
    TrainingRequest request = Request();
    request.parameters["num_boost_round"] = 1'000'000;
    return request;
  }

  static TrainingOutcome RunToEnd(TrainingRequest request) {
    auto run = StartTraining(std::move(request));
    EXPECT_TRUE(run.ok()) << run.status().ToString();
    if (!run.ok()) return {};
    auto outcome = (*run)->Wait(Soon());
    EXPECT_TRUE(outcome.has_value()) << "the training did not end";
    return outcome.value_or(TrainingOutcome{});
  }

  TempDirectory dir_;
};

TEST_F(TrainerTest, APackageIsScoredByTheBytesThatWereChecked) {
  const TrainingRequest request = Request();
  const TrainingOutcome outcome = RunToEnd(request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.ToString();
  const std::string directory = dir_.path() + "/package";
  ASSERT_TRUE(registry::WritePackage(directory, {.model_name = "m",
                                                 .library_version = "3.2.0",
                                                 .model_files = {{"model.ubj", outcome.model_ubj}}})
                  .ok());
  const auto package = registry::OpenPackage(directory);
  ASSERT_TRUE(package.ok()) << package.status().ToString();
  const auto scores = ScorePackage(*package, request.features, request.train);
  ASSERT_TRUE(scores.ok()) << scores.status().ToString();
  EXPECT_EQ(*scores, ScoreTable(outcome.model_ubj, request.features, request.train).value());
  // Another model, just as sound, is put there between the check and the scoring.
  ASSERT_TRUE(WriteFileAtomically(package->model_path(), ReadFile(outcome.model_json).value()).ok());
  ASSERT_TRUE(ScoreTable(package->model_path(), request.features, request.train).ok());
  EXPECT_EQ(ScorePackage(*package, request.features, request.train).status().code(), Code::kDataLoss);
}

TEST_F(TrainerTest, TrainsAModelThatThisPlatformsEngineReads) {
  TrainingRequest request = Request();
  std::vector<TrainingProgress> seen;
  request.on_progress = [&](const TrainingProgress& progress) { seen.push_back(progress); };
  const TrainingOutcome outcome = RunToEnd(request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.ToString()
                                   << ReadFile(request.run_directory + "/train.log").value_or("");
  EXPECT_EQ(outcome.rounds, 10);
  EXPECT_EQ(outcome.best_round, 10);
  EXPECT_EQ(outcome.rows, 400);
  EXPECT_GT(outcome.positives, 0);
  EXPECT_EQ(outcome.libraries.at("xgboost"), "3.2.0");
  EXPECT_GT(outcome.peak_memory, 0);
  ASSERT_EQ(seen.size(), 10U);
  EXPECT_EQ(seen.back().round, 10);
  EXPECT_EQ(seen.back().left, Micros(0));
  EXPECT_EQ(seen.back().metrics, outcome.metrics);
  EXPECT_LT(outcome.metrics.at("train-logloss"), seen.front().metrics.at("train-logloss"));
  EXPECT_EQ(ReadProgress(request.run_directory)->size(), 10U);

  // Both files hold one model, and the engine's log loss is the one XGBoost reported.
  for (const std::string& path : {outcome.model_ubj, outcome.model_json}) {
    const auto scores = ScoreTable(path, request.features, request.train);
    ASSERT_TRUE(scores.ok()) << scores.status().ToString();
    const auto labels = BinaryLabels(request.train.Find("label").value(), "label").value();
    EXPECT_NEAR(LogLoss(*scores, labels).value(), outcome.metrics.at("train-logloss"), 1e-6);
    EXPECT_GT(AucRoc(*scores, labels).value(), 0.9);
  }
  EXPECT_EQ(inference::TreeModel::Load(outcome.model_ubj)->feature_names(), request.features);
}

TEST_F(TrainerTest, TheSameJobAndSeedGiveTheSameBytes) {
  TrainingRequest request = Request("a");
  request.parameters["subsample"] = 0.5;
  request.seed = 3;
  const TrainingOutcome first = RunToEnd(request);
  request.run_directory = dir_.path() + "/b";
  const TrainingOutcome second = RunToEnd(request);
  request.run_directory = dir_.path() + "/c";
  request.seed = 4;
  const TrainingOutcome other = RunToEnd(request);
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(first.model_digest, second.model_digest);
  EXPECT_NE(first.model_digest, other.model_digest);
}

TEST_F(TrainerTest, StopsEarlyAndKeepsTheBestRounds) {
  TrainingRequest request = Request();
  request.validation = Examples(200, 99);
  request.parameters["num_boost_round"] = 500;
  request.parameters["eta"] = 1;
  request.parameters["early_stopping_rounds"] = 5;
  request.parameters["eval_metric"] = {"logloss", "auc"};
  const TrainingOutcome outcome = RunToEnd(request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.ToString();
  EXPECT_LT(outcome.rounds, 500);
  EXPECT_EQ(outcome.rounds, outcome.best_round + 5);
  const auto progress = ReadProgress(request.run_directory).value();
  double best = 0;
  int64_t best_round = 0;
  for (const TrainingProgress& round : progress) {
    if (round.metrics.at("valid-auc") <= best) continue;
    best = round.metrics.at("valid-auc");
    best_round = round.round;
  }
  EXPECT_EQ(outcome.best_round, best_round);
  EXPECT_EQ(outcome.metrics.at("valid-auc"), best);
  EXPECT_EQ(static_cast<int64_t>(inference::TreeModel::Load(outcome.model_ubj)->num_trees()), best_round);
}

TEST_F(TrainerTest, WhatTheUserCanCorrectIsRefusedBeforeAnythingStarts) {
  const auto change = [&](auto edit) {
    TrainingRequest request = Request();
    edit(request);
    return StartTraining(std::move(request)).status();
  };
  Schema schema({{"signal", DataType::kDouble}, {"noise", DataType::kDouble}, {"label", DataType::kDouble}});
  const auto labelled = [&](std::vector<double> labels, std::vector<uint8_t> valid = {}) {
    return [&, labels, valid](TrainingRequest& r) {
      r.train = Table::Create(schema, {Column::Doubles({1, 2}), Column::Doubles({1, 2}),
                                       Column::Doubles(labels, valid)})
                    .value();
    };
  };
  const struct {
    Status status;
    std::string part;
  } cases[] = {
      {change(labelled({0, 0})), "the label 'label' has one class only: all 2 training rows are 0"},
      {change(labelled({1, 1})), "all 2 training rows are 1"},
      {change(labelled({0, std::nan("")})), "the label 'label' of row 1 is nan; it must be 0 or 1"},
      {change(labelled({0, 0.5})), "the label 'label' of row 1 is 0.5"},
      {change(labelled({0, 1}, {1, 0})), "the label 'label' of row 1 is null"},
      {change([](TrainingRequest& r) { r.train = r.train.Take({}); }), "the training set has no rows"},
      {change([](TrainingRequest& r) { r.label = "lable"; }), "lable"},
      {change([](TrainingRequest& r) { r.features = {"signal", "noises"}; }), "noises"},
      {change([](TrainingRequest& r) { r.features = {}; }), "at least one feature"},
      {change([](TrainingRequest& r) { r.features = {"signal", "label"}; }), "would be told the answer"},
      {change([](TrainingRequest& r) { r.parameters["max_dept"] = 3; }), "did you mean 'max_depth'?"},
      {change([](TrainingRequest& r) { r.parameters["early_stopping_rounds"] = 3; }),
       "needs validation rows"},
  };
  for (const auto& c : cases) {
    EXPECT_FALSE(c.status.ok()) << c.part;
    EXPECT_NE(c.status.message().find(c.part), std::string::npos) << c.status.message();
  }
  EXPECT_FALSE(FileExists(dir_.path() + "/run")) << "a refused run leaves nothing";
}

TEST_F(TrainerTest, ARunDirectoryIsUsedOnce) {
  ASSERT_TRUE(RunToEnd(Request()).status.ok());
  EXPECT_EQ(StartTraining(Request()).status().code(), Code::kAlreadyExists);
}

TEST_F(TrainerTest, OverItsMemoryItIsKilled) {
  TrainingRequest request = Endless();
  request.limits.memory = int64_t{24} << 20;
  const TrainingOutcome outcome = RunToEnd(request);
  EXPECT_EQ(outcome.status, ResourceExhausted("killed: over its memory limit of 24 MiB"));
  EXPECT_EQ(ReadOutcome(request.run_directory).status().code(), Code::kNotFound);
}

TEST_F(TrainerTest, OverItsTimeItIsStopped) {
  TrainingRequest request = Endless();
  request.limits.time = 1500ms;
  EXPECT_EQ(RunToEnd(request).status, DeadlineExceeded("stopped: over its time limit of 1s500ms"));
}

TEST_F(TrainerTest, CancelledInTheMiddleItEndsAfterItsRound) {
  TrainingRequest request = Endless();
  std::promise<void> started;
  std::once_flag once;
  request.on_progress = [&](const TrainingProgress&) { std::call_once(once, [&] { started.set_value(); }); };
  std::promise<Status> done;
  request.on_done = [&](const TrainingOutcome& outcome) { done.set_value(outcome.status); };
  auto run = StartTraining(request);
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  ASSERT_EQ(started.get_future().wait_until(Soon()), std::future_status::ready);
  EXPECT_TRUE((*run)->progress().has_value());
  (*run)->Cancel();
  const auto outcome = (*run)->Wait(Soon());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->status, Cancelled("cancelled"));
  EXPECT_EQ(done.get_future().get(), Cancelled("cancelled"));
  EXPECT_FALSE(FileExists(request.run_directory + "/model.ubj"));
}

TEST_F(TrainerTest, KilledFromOutsideItSaysBySignal) {
  auto run = StartTraining(Endless());
  ASSERT_TRUE(run.ok());
  kill((*run)->pid(), SIGKILL);
  const auto outcome = (*run)->Wait(Soon());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->status.code(), Code::kInternal);
  EXPECT_NE(outcome->status.message().find("killed by signal 9 (SIGKILL)"), std::string::npos);
}

TEST_F(TrainerTest, DestroyedInTheMiddleItLeavesNoProcess) {
  pid_t pid = 0;
  {
    auto run = StartTraining(Endless());
    ASSERT_TRUE(run.ok());
    pid = (*run)->pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(TrainerTest, TheChildsOwnSentenceReachesTheParent) {
  const std::string directory = dir_.path() + "/broken";
  ASSERT_TRUE(MakeDirectories(directory).ok());
  const struct {
    std::string job;
    int code;
    std::string part;
  } cases[] = {
      {"", 5, "job.json"},
      {"{}", 2, "job.json: 'format' must be a whole number"},
      {JobToJson({{"a"}, "y", Json{{"max_dept", 1}}, 0, 1, false}), 2, "did you mean 'max_depth'?"},
      {JobToJson({{"a"}, "y", Json::object(), 0, 1, false}), 5, "train.parquet"},
  };
  for (const auto& c : cases) {
    if (!c.job.empty()) {
      ASSERT_TRUE(WriteFileAtomically(directory + "/job.json", c.job).ok());
    }
    EXPECT_EQ(RunTrainChild(directory), c.code) << c.part;
    const auto outcome = ReadOutcome(directory);
    ASSERT_TRUE(outcome.ok()) << outcome.status().ToString();
    EXPECT_NE(outcome->status.message().find(c.part), std::string::npos) << outcome->status.ToString();
  }
}

TEST_F(TrainerTest, AModelThatWasChangedAfterTrainingIsNoOutcome) {
  const TrainingRequest request = Request();
  ASSERT_TRUE(RunToEnd(request).status.ok());
  ASSERT_TRUE(ReadOutcome(request.run_directory).ok());
  std::string bytes = ReadFile(request.run_directory + "/model.ubj").value();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(WriteFileAtomically(request.run_directory + "/model.ubj", bytes).ok());
  EXPECT_EQ(ReadOutcome(request.run_directory).status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace millrace::training
