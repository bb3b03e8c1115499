#include "training/train_child.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>
#include <new>
#include <optional>

#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"
#include "table/parquet.h"
#include "training/evaluate.h"
#include "training/features.h"
#include "training/job.h"
#include "training/parameters.h"
#include "training/xgboost.h"

namespace millrace::training {
namespace {

using std::chrono::steady_clock;

constexpr int kExitInput = 2;
constexpr int kExitMemory = 3;
constexpr int kExitLibrary = 4;
constexpr int kExitDirectory = 5;
constexpr int kExitTerminated = 143;
constexpr uint64_t kMaxJob = uint64_t{16} << 20;

std::atomic<bool> terminated{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void OnTerminate(int) { terminated = true; }

// Rows for XGBoost: the matrix keeps copies, so the table can go.
struct Rows {
  TrainingMatrix matrix;
  LabelCounts counts;
};

Result<Rows> LoadRows(const XgboostLibrary& library, const Job& job, const std::string& path,
                      bool both_classes) {
  std::vector<std::string> columns = job.features;
  columns.push_back(job.label);
  ParquetReadOptions options;
  options.columns = columns;
  options.threads = job.threads;
  MR_ASSIGN_OR_RETURN(const Table table, ReadParquet(path, options));
  LabelCounts counts{static_cast<int64_t>(table.num_rows()), 0};
  if (both_classes) {
    MR_ASSIGN_OR_RETURN(counts, CheckTrainable(table, job.label));
  }
  if (table.num_rows() == 0) return InvalidArgument("the validation set has no rows");
  MR_ASSIGN_OR_RETURN(const Column label, table.Find(job.label));
  MR_ASSIGN_OR_RETURN(const std::vector<uint8_t> labels, BinaryLabels(label, job.label));
  const std::vector<float> targets(labels.begin(), labels.end());
  MR_ASSIGN_OR_RETURN(const std::vector<float> values, FeatureMatrix(table, job.features));
  MR_ASSIGN_OR_RETURN(TrainingMatrix matrix,
                      TrainingMatrix::Create(library, values, table.num_rows(), job.features, targets));
  return Rows{std::move(matrix), counts};
}

// "[3]\ttrain-logloss:0.12\tvalid-auc:0.9" → names and values.
std::map<std::string, double> ParseEvaluation(std::string_view text) {
  std::map<std::string, double> metrics;
  for (const std::string& part : Split(text, '\t')) {
    const size_t colon = part.rfind(':');
    if (colon == std::string::npos) continue;
    double value = std::numeric_limits<double>::quiet_NaN();
    std::from_chars(part.data() + colon + 1, part.data() + part.size(), value);
    metrics[part.substr(0, colon)] = value;
  }
  return metrics;
}

bool HigherIsBetter(std::string_view metric) { return metric == "auc" || metric == "aucpr"; }

// Stops when a metric has not improved for `patience` rounds, as XGBoost's own
// EarlyStopping does: an equal value is no improvement.
class EarlyStopping {
 public:
  EarlyStopping(std::string metric, bool higher, int64_t patience)
      : metric_(std::move(metric)), higher_(higher), patience_(patience) {}

  // True when training should stop after `round`, counted from 1.
  bool Stop(int64_t round, const std::map<std::string, double>& metrics) {
    const auto it = metrics.find(metric_);
    const double value = it == metrics.end() ? std::numeric_limits<double>::quiet_NaN() : it->second;
    const bool better = best_round_ == 0 || (higher_ ? value > best_ : value < best_);
    if (better) {
      best_ = value;
      best_round_ = round;
      best_metrics_ = metrics;
    }
    return round - best_round_ >= patience_;
  }
  int64_t best_round() const { return best_round_; }
  const std::map<std::string, double>& best_metrics() const { return best_metrics_; }

 private:
  const std::string metric_;
  const bool higher_;
  const int64_t patience_;
  double best_ = 0;
  int64_t best_round_ = 0;
  std::map<std::string, double> best_metrics_;
};

class ProgressFile {
 public:
  static Result<ProgressFile> Create(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
    if (!fd) return FailedPrecondition("cannot write {}", path);
    return ProgressFile(std::move(fd));
  }
  // One write a line, so that a reader never sees two halves interleaved.
  Status Write(const TrainingProgress& progress) {
    return WriteAll(fd_.get(), ProgressToJson(progress) + "\n");
  }

 private:
  explicit ProgressFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

struct Trained {
  Booster booster;
  int64_t rounds = 0;
  int64_t best_round = 0;
  std::map<std::string, double> metrics;
};

Result<Trained> TrainRounds(const XgboostParameters& parameters, Booster booster, const Rows& train,
                            const std::optional<Rows>& valid, const std::string& directory) {
  std::vector<const TrainingMatrix*> matrices{&train.matrix};
  std::vector<std::string> names{"train"};
  if (valid) {
    matrices.push_back(&valid->matrix);
    names.emplace_back("valid");
  }
  std::optional<EarlyStopping> stopping;
  if (parameters.early_stopping_rounds > 0) {
    const std::string& metric = parameters.eval_metrics.back();
    stopping.emplace("valid-" + metric, HigherIsBetter(metric), parameters.early_stopping_rounds);
  }
  MR_ASSIGN_OR_RETURN(ProgressFile file, ProgressFile::Create(directory + "/" + kProgressFile));
  const auto start = steady_clock::now();
  TrainingProgress progress;
  progress.rounds = parameters.num_boost_round;
  progress.rows = train.counts.rows;
  while (progress.round < parameters.num_boost_round) {
    const auto round = static_cast<int>(progress.round);
    MR_RETURN_IF_ERROR(booster.Update(round, train.matrix));
    MR_ASSIGN_OR_RETURN(const std::string evaluation, booster.Evaluate(round, matrices, names));
    ++progress.round;
    progress.metrics = ParseEvaluation(evaluation);
    progress.elapsed = std::chrono::duration_cast<Micros>(steady_clock::now() - start);
    progress.left = progress.elapsed / progress.round * (progress.rounds - progress.round);
    MR_RETURN_IF_ERROR(file.Write(progress));
    if (terminated) return Cancelled("ended by SIGTERM after round {}", progress.round);
    if (stopping && stopping->Stop(progress.round, progress.metrics)) break;
  }
  if (!stopping) return Trained{std::move(booster), progress.round, progress.round, progress.metrics};
  MR_ASSIGN_OR_RETURN(Booster best, booster.FirstRounds(static_cast<int>(stopping->best_round())));
  return Trained{std::move(best), progress.round, stopping->best_round(), stopping->best_metrics()};
}

std::vector<std::pair<std::string, std::string>> BoosterParameters(const XgboostParameters& parameters) {
  auto all = parameters.booster;
  for (const std::string& metric : parameters.eval_metrics) all.emplace_back("eval_metric", metric);
  return all;
}

Result<TrainingOutcome> Train(const Job& job, const std::string& directory) {
  MR_ASSIGN_OR_RETURN(const XgboostParameters parameters,
                      ParseXgboostParameters(job.parameters, job.seed, job.threads));
  if (parameters.early_stopping_rounds > 0 && !job.validation) {
    return InvalidArgument("early_stopping_rounds needs validation rows, and this run has none");
  }
  MR_ASSIGN_OR_RETURN(const XgboostLibrary* const library, XgboostLibrary::Load());
  MR_ASSIGN_OR_RETURN(const Rows train, LoadRows(*library, job, directory + "/" + kTrainFile, true));
  std::optional<Rows> valid;
  std::vector<const TrainingMatrix*> cached{&train.matrix};
  if (job.validation) {
    MR_ASSIGN_OR_RETURN(Rows rows, LoadRows(*library, job, directory + "/" + kValidFile, false));
    valid.emplace(std::move(rows));
    cached.push_back(&valid->matrix);
  }
  MR_ASSIGN_OR_RETURN(Booster booster, Booster::Create(*library, cached, BoosterParameters(parameters)));
  MR_ASSIGN_OR_RETURN(Trained trained, TrainRounds(parameters, std::move(booster), train, valid, directory));
  MR_RETURN_IF_ERROR(trained.booster.SetFeatureNames(job.features));
  MR_ASSIGN_OR_RETURN(const std::string ubj, trained.booster.Save("ubj"));
  MR_ASSIGN_OR_RETURN(const std::string json, trained.booster.Save("json"));
  MR_RETURN_IF_ERROR(WriteFileAtomically(directory + "/" + kModelJsonFile, json));
  MR_RETURN_IF_ERROR(WriteFileAtomically(directory + "/" + kModelUbjFile, ubj));
  TrainingOutcome outcome;
  outcome.model_digest = Sha256Hex(ubj);
  outcome.best_round = trained.best_round;
  outcome.rounds = trained.rounds;
  outcome.rows = train.counts.rows;
  outcome.positives = train.counts.positives;
  outcome.metrics = trained.metrics;
  outcome.libraries["xgboost"] = library->Version();
  return outcome;
}

Result<TrainingOutcome> TrainGuarded(const std::string& directory) {
  try {
    MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(directory + "/" + kJobFile, kMaxJob));
    MR_ASSIGN_OR_RETURN(const Job job, ParseJob(text));
    return Train(job, directory);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("out of memory: the training set does not fit");
  }
}

int ExitCode(Code code) {
  switch (code) {
    case Code::kOk:
      return 0;
    case Code::kInvalidArgument:
      return kExitInput;
    case Code::kResourceExhausted:
      return kExitMemory;
    case Code::kCancelled:
      return kExitTerminated;
    case Code::kNotFound:
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
    case Code::kDataLoss:
      return kExitDirectory;
    default:
      return kExitLibrary;
  }
}

}  // namespace

int RunTrainChild(const std::string& run_directory) {
  struct sigaction action{};
  action.sa_handler = OnTerminate;
  sigaction(SIGTERM, &action, nullptr);
  const Result<TrainingOutcome> outcome = TrainGuarded(run_directory);
  TrainingOutcome written;
  if (outcome.ok()) {
    written = *outcome;
  } else {
    written.status = outcome.status();
  }
  const Status saved = WriteFileAtomically(run_directory + "/" + kResultFile, ResultToJson(written));
  const Status& end = outcome.ok() ? saved : outcome.status();
  if (!end.ok()) std::fprintf(stderr, "%s\n", end.message().c_str());
  return ExitCode(end.code());
}

}  // namespace millrace::training
