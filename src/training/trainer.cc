#include "training/trainer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/sha256.h"
#include "table/parquet.h"
#include "training/features.h"
#include "training/job.h"
#include "training/parameters.h"
#include "workload/process.h"

namespace millrace::training {
namespace {

using std::chrono::steady_clock;
using workload::Exit;
using workload::ExitCause;
using workload::Process;

constexpr std::chrono::milliseconds kTail{100};
constexpr uint64_t kMaxResult = uint64_t{16} << 20;
constexpr uint64_t kMaxProgress = uint64_t{1} << 30;
constexpr size_t kMaxLine = size_t{1} << 20;

// Reads what a file has grown by, in whole lines.
class LineTail {
 public:
  explicit LineTail(std::string path) : path_(std::move(path)) {}

  std::vector<std::string> NewLines() {
    std::vector<std::string> lines;
    if (!fd_) fd_ = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd_) return lines;
    std::array<char, 65536> buffer;
    for (;;) {
      const ssize_t n = read(fd_.get(), buffer.data(), buffer.size());
      if (n <= 0) return lines;
      for (const char c : std::string_view(buffer.data(), static_cast<size_t>(n))) {
        if (c == '\n') {
          lines.push_back(std::exchange(partial_, {}));
        } else if (partial_.size() < kMaxLine) {
          partial_ += c;
        }
      }
    }
  }

 private:
  const std::string path_;
  UniqueFd fd_;
  std::string partial_;
};

Result<std::string> OwnExecutable() {
  std::array<char, 4096> path;
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size());
  if (n <= 0) return Internal("cannot tell where this program lies");
  return std::string(path.data(), static_cast<size_t>(n));
}

int ThreadsOf(const resource::ResourceLimits& limits) {
  const int machine = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return limits.cpu <= 0 ? machine : std::clamp(static_cast<int>(std::ceil(limits.cpu)), 1, machine);
}

Status CheckRequest(const TrainingRequest& request) {
  const std::set<std::string> names(request.features.begin(), request.features.end());
  if (names.size() != request.features.size()) return InvalidArgument("a feature is listed twice");
  if (names.contains(request.label)) {
    return InvalidArgument("the label '{}' is among the features: the model would be told the answer",
                           request.label);
  }
  MR_RETURN_IF_ERROR(CheckTrainable(request.train, request.label).status());
  MR_RETURN_IF_ERROR(FeatureMatrix(request.train.Take({}), request.features).status());
  MR_ASSIGN_OR_RETURN(const XgboostParameters parameters,
                      ParseXgboostParameters(request.parameters, request.seed, ThreadsOf(request.limits)));
  if (parameters.early_stopping_rounds > 0 && !request.validation) {
    return InvalidArgument("early_stopping_rounds needs validation rows, and this run has none");
  }
  return Ok();
}

Status WriteTable(const std::string& path, const Table& table, const TrainingRequest& request) {
  std::vector<std::string> columns = request.features;
  columns.push_back(request.label);
  MR_ASSIGN_OR_RETURN(const Table rows, table.Select(columns));
  return WriteParquet(path, rows, {.compression = ParquetCompression::kSnappy});
}

Status WriteInputs(const TrainingRequest& request) {
  const std::string& directory = request.run_directory;
  MR_RETURN_IF_ERROR(MakeDirectories(directory));
  if (FileExists(directory + "/" + kJobFile)) {
    return AlreadyExists("{} holds a training run already", directory);
  }
  MR_RETURN_IF_ERROR(WriteTable(directory + "/" + kTrainFile, request.train, request));
  if (request.validation) {
    MR_RETURN_IF_ERROR(WriteTable(directory + "/" + kValidFile, *request.validation, request));
  }
  const Job job{request.features,
                request.label,
                request.parameters.is_null() ? Json::object() : request.parameters,
                request.seed,
                ThreadsOf(request.limits),
                request.validation.has_value()};
  return WriteFileAtomically(directory + "/" + kJobFile, JobToJson(job));
}

Result<Process::Options> ProcessOptions(const TrainingRequest& request) {
  Process::Options options;
  std::string executable = request.executable;
  if (executable.empty()) {
    MR_ASSIGN_OR_RETURN(executable, OwnExecutable());
  }
  options.argv = {executable};
  if (request.arguments.empty()) options.argv.emplace_back("train");
  options.argv.insert(options.argv.end(), request.arguments.begin(), request.arguments.end());
  options.argv.insert(options.argv.end(), {"--run", request.run_directory});
  options.stdout_path = request.run_directory + "/" + kLogFile;
  options.stderr_path = options.stdout_path;
  options.limits.memory = request.limits.memory;
  options.limits.cores = request.limits.cpu;
  options.limits.time = request.limits.time;
  options.grace = request.grace;
  return options;
}

Status CauseOf(const Exit& exit) {
  switch (exit.cause) {
    case ExitCause::kCancelled:
      return Cancelled("{}", exit.text);
    case ExitCause::kOverMemory:
      return ResourceExhausted("{}", exit.text);
    case ExitCause::kOverTime:
      return DeadlineExceeded("{}", exit.text);
    case ExitCause::kExited:
    case ExitCause::kSignaled:
      break;
  }
  return Internal("the training child {}", exit.text);
}

TrainingOutcome OutcomeOf(const Exit& exit, const std::string& directory) {
  TrainingOutcome outcome;
  outcome.status = CauseOf(exit);
  // An exit of its own leaves a result: the model, or the child's own sentence.
  if (exit.cause == ExitCause::kExited) {
    Result<TrainingOutcome> result = ReadOutcome(directory);
    if (!result.ok()) {
      outcome.status = exit.clean() ? result.status() : outcome.status;
    } else if (exit.clean() || !result->status.ok()) {
      outcome = std::move(result).value();
    }
  }
  outcome.wall = exit.wall;
  outcome.cpu = exit.cpu;
  outcome.peak_memory = exit.peak_memory;
  return outcome;
}

}  // namespace

// The child, and the thread that reads its progress and waits for its end.
class TrainingRun::State {
 public:
  State(std::string directory, std::unique_ptr<Process> process, TrainingRequest& request)
      : directory_(std::move(directory)),
        process_(std::move(process)),
        on_progress_(std::move(request.on_progress)),
        on_done_(std::move(request.on_done)),
        tail_(directory_ + "/" + kProgressFile),
        thread_([this] { Follow(); }) {}

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
    }
    process_->Kill();
    thread_.join();
  }

  int pid() const { return process_->pid(); }
  void Cancel() { process_->Cancel(); }

  std::optional<TrainingProgress> progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

  std::optional<TrainingOutcome> Wait(steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    done_.wait_until(lock, deadline, [this] { return outcome_.has_value(); });
    return outcome_;
  }

 private:
  void Follow() {
    std::optional<Exit> exit;
    while (!exit) {
      exit = process_->Wait(steady_clock::now() + kTail);
      ReadLines();  // once more after the end, for the last rounds
    }
    const TrainingOutcome outcome = OutcomeOf(*exit, directory_);
    {
      const std::lock_guard lock(mutex_);
      outcome_ = outcome;
    }
    done_.notify_all();
    if (on_done_) on_done_(outcome);
  }

  void ReadLines() {
    for (const std::string& line : tail_.NewLines()) {
      const Result<TrainingProgress> progress = ParseProgress(line);
      if (!progress.ok()) continue;
      {
        const std::lock_guard lock(mutex_);
        if (abandoned_) return;
        progress_ = *progress;
      }
      if (on_progress_) on_progress_(*progress);
    }
  }

  const std::string directory_;
  const std::unique_ptr<Process> process_;
  const std::function<void(const TrainingProgress&)> on_progress_;
  const std::function<void(const TrainingOutcome&)> on_done_;
  LineTail tail_;  // of the following thread alone

  mutable std::mutex mutex_;
  std::condition_variable done_;
  bool abandoned_ = false;
  std::optional<TrainingProgress> progress_;
  std::optional<TrainingOutcome> outcome_;

  std::thread thread_;  // last: it uses all of the above
};

TrainingRun::TrainingRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrainingRun::~TrainingRun() = default;
int TrainingRun::pid() const { return state_->pid(); }
std::optional<TrainingProgress> TrainingRun::progress() const { return state_->progress(); }
void TrainingRun::Cancel() { state_->Cancel(); }
std::optional<TrainingOutcome> TrainingRun::Wait(steady_clock::time_point deadline) {
  return state_->Wait(deadline);
}

Result<std::unique_ptr<TrainingRun>> StartTraining(TrainingRequest request) {
  MR_RETURN_IF_ERROR(CheckRequest(request));
  MR_RETURN_IF_ERROR(WriteInputs(request));
  MR_ASSIGN_OR_RETURN(Process::Options options, ProcessOptions(request));
  MR_ASSIGN_OR_RETURN(std::unique_ptr<Process> process, Process::Start(std::move(options)));
  auto state = std::make_unique<TrainingRun::State>(request.run_directory, std::move(process), request);
  return std::unique_ptr<TrainingRun>(new TrainingRun(std::move(state)));
}

Result<TrainingOutcome> ReadOutcome(const std::string& run_directory) {
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(run_directory + "/" + kResultFile, kMaxResult));
  MR_ASSIGN_OR_RETURN(TrainingOutcome outcome, ParseResult(text, run_directory));
  if (!outcome.status.ok()) return outcome;
  MR_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(outcome.model_ubj));
  if (digest != outcome.model_digest) {
    return DataLoss("{} is not the model that was trained: its SHA-256 is {}, the result says {}",
                    outcome.model_ubj, digest, outcome.model_digest);
  }
  return outcome;
}

Result<std::vector<TrainingProgress>> ReadProgress(const std::string& run_directory) {
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(run_directory + "/" + kProgressFile, kMaxProgress));
  std::vector<TrainingProgress> rounds;
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != std::string::npos;
       begin = end + 1, end = text.find('\n', begin)) {
    const Result<TrainingProgress> progress =
        ParseProgress(std::string_view(text).substr(begin, end - begin));
    if (progress.ok()) rounds.push_back(*progress);
  }
  return rounds;
}

}  // namespace millrace::training
