// The files of a run's directory: what passes between a training child and its parent.
//
//   job.json        {"format": 1, "features": […], "label": "…", "parameters": {…}, "seed": 0, "threads": 2,
//                    "validation": false}
//   progress.jsonl  {"round": 1, "rounds": 100, "rows": 66928, "elapsed_us": …, "left_us": …, "metrics": {…}}
//   a line result.json     {"format": 1, "error": {"code": "InvalidArgument", "message": "…"}}, or
//                   {"format": 1, "model_sha256": "…", "best_round": …, "rounds": …, "rows": …, "positives":
//                   …,
//                    "metrics": {…}, "libraries": {"xgboost": "3.2.0"}}
//
// Both sides read what another process wrote: within bounds, with sentences.
// Functions are thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "training/trainer.h"

namespace millrace::training {

inline constexpr const char* kJobFile = "job.json";
inline constexpr const char* kTrainFile = "train.parquet";
inline constexpr const char* kValidFile = "valid.parquet";
inline constexpr const char* kProgressFile = "progress.jsonl";
inline constexpr const char* kResultFile = "result.json";
inline constexpr const char* kModelUbjFile = "model.ubj";
inline constexpr const char* kModelJsonFile = "model.json";
inline constexpr const char* kLogFile = "train.log";

struct Job {
  std::vector<std::string> features;
  std::string label;
  Json parameters = Json::object();
  int64_t seed = 0;
  int threads = 1;
  bool validation = false;
};

std::string JobToJson(const Job& job);
Result<Job> ParseJob(std::string_view json);

// One line, without its end.
std::string ProgressToJson(const TrainingProgress& progress);
Result<TrainingProgress> ParseProgress(std::string_view line);

// Of an outcome that is not ok only the status is written.
std::string ResultToJson(const TrainingOutcome& outcome);
// `directory` completes the paths of the model's files.
Result<TrainingOutcome> ParseResult(std::string_view json, const std::string& directory);

}  // namespace millrace::training
