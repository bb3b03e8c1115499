// A training run: a child process `millrace train --run DIR`, and its parent's side.
//
//   TrainingRequest request;
//   request.run_directory = data_dir + "/runs/" + run_id;
//   request.train = train_table;  request.features = names;  request.label = "tx_fraud";
//   request.parameters = model.parameters;
//   MR_ASSIGN_OR_RETURN(std::unique_ptr<TrainingRun> run, StartTraining(std::move(request)));
//   std::optional<TrainingOutcome> outcome = run->Wait(deadline);
//
// The run's directory is the whole protocol (job.h reads and writes it):
//
//   job.json         what to do                    written by the parent
//   train.parquet    features and label            written by the parent
//   valid.parquet    the same, for early stopping   written by the parent, may be absent
//   progress.jsonl   a line a round                written by the child, read while it grows
//   model.ubj, model.json, result.json             written by the child, in one step each
//   train.log        the child's stdout and stderr
//
// A run left behind by a parent that died is found by its directory: its child died
// with the parent, and ReadOutcome says whether it had finished.
//
// TrainingRun owns its child; destroying it kills it. Thread safe. StartTraining fails
// with InvalidArgument for what the user can correct (parameters, label, features), before
// anything is started.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"
#include "resource/spec.h"
#include "table/table.h"

namespace millrace::training {

struct TrainingProgress {
  int64_t round = 0;   // rounds done
  int64_t rounds = 0;  // rounds asked for; early stopping may end sooner
  int64_t rows = 0;    // rows of the training table
  Micros elapsed{0};
  Micros left{0};                         // estimate
  std::map<std::string, double> metrics;  // "train-logloss", "valid-logloss": XGBoost's names, of this round
};

struct TrainingOutcome {
  // Ok: the model is there. Otherwise what happened, in words: InvalidArgument (the user's data or
  // parameters; the child's own sentence), ResourceExhausted ("killed: over its memory limit of 2 GiB"),
  // DeadlineExceeded
  // ("stopped: over its time limit of 1h"), Cancelled, Internal ("killed by signal 11 (SIGSEGV)").
  Status status;
  std::string model_ubj;  // paths
  std::string model_json;
  std::string model_digest;  // SHA-256 of model.ubj
  int64_t best_round = 0;    // rounds of the model that was kept
  int64_t rounds = 0;        // rounds trained
  int64_t rows = 0;
  int64_t positives = 0;
  std::map<std::string, double> metrics;         // of the kept round
  std::map<std::string, std::string> libraries;  // "xgboost": "3.2.0", "millrace": …
  Micros wall{0};
  Micros cpu{0};
  int64_t peak_memory = 0;
};

struct TrainingRequest {
  std::string run_directory{};           // made when missing; must not hold a job already
  std::string executable{};              // "" is this process's own (/proc/self/exe)
  std::vector<std::string> arguments{};  // before "--run DIR"; empty is {"train"}
  Table train{};                         // the features and the label
  std::optional<Table> validation{};
  std::vector<std::string> features{};  // the model's inputs in order: bool, int64 or double columns
  std::string label{};
  Json parameters = Json::object();
  int64_t seed = 0;
  resource::ResourceLimits limits{};
  std::chrono::milliseconds grace{5000};
  // Called for each round, in order, from a thread of the run. May be empty.
  std::function<void(const TrainingProgress&)> on_progress{};
  // Called once when the outcome is there, from a thread of the run; must not destroy the run.
  std::function<void(const TrainingOutcome&)> on_done{};
};

class TrainingRun {
 public:
  ~TrainingRun();
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  int pid() const;
  // Of the last round that was read; empty before the first.
  std::optional<TrainingProgress> progress() const;
  void Cancel();
  // Empty when the deadline passes first.
  std::optional<TrainingOutcome> Wait(std::chrono::steady_clock::time_point deadline);

 private:
  friend Result<std::unique_ptr<TrainingRun>> StartTraining(TrainingRequest request);
  class State;
  explicit TrainingRun(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

Result<std::unique_ptr<TrainingRun>> StartTraining(TrainingRequest request);

// The outcome of a run whose child is gone: as its result.json says; NotFound when it left none.
Result<TrainingOutcome> ReadOutcome(const std::string& run_directory);

// Progress lines of a run, e.g. for `millrace logs` and the registry's metric history.
Result<std::vector<TrainingProgress>> ReadProgress(const std::string& run_directory);

}  // namespace millrace::training
