#include "workload/process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "base/file.h"
#include "workload/group.h"
#include "workload/spawn.h"

namespace millrace::workload {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{50};
// Every so many looks all of /proc is searched for members whose parent has ended.
constexpr int kLooksPerSearch = 20;

Micros Since(steady_clock::time_point start) {
  return std::chrono::duration_cast<Micros>(steady_clock::now() - start);
}

Micros CpuOf(const struct rusage& usage) {
  const auto micros = [](const timeval& t) { return Micros(int64_t{t.tv_sec} * 1'000'000 + t.tv_usec); };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

std::string Describe(const Exit& exit, const ProcessLimits& limits) {
  switch (exit.cause) {
    case ExitCause::kExited:
      return fmt::format("exited with code {}", exit.code);
    case ExitCause::kSignaled:
      return fmt::format(
          "killed by signal {} ({}){}", exit.signal, SignalName(exit.signal),
          exit.signal == SIGKILL ? " from outside: the machine may have run out of memory" : "");
    case ExitCause::kCancelled:
      return "cancelled";
    case ExitCause::kOverMemory:
      return fmt::format("killed: over its memory limit of {}", FormatBytes(limits.memory));
    case ExitCause::kOverTime:
      return exit.signal == SIGXCPU
                 ? fmt::format("stopped: over its limit of {} of CPU time", FormatDuration(limits.cpu_time))
                 : fmt::format("stopped: over its time limit of {}", FormatDuration(limits.time));
  }
  return "";
}

}  // namespace

// The thread that forks the child, watches it, is alone in sending it signals,
// and reaps it.
//
//   running ──(Cancel | over time)──▶ SIGTERM ──(grace)──▶ SIGKILL ─┐
//      ├──────(over memory | destroyed)────────────────────▶ SIGKILL ├─▶ ended: group killed, reaped
//      └──────(ends by itself)──────────────────────────────────────┘
class Process::Watch {
 public:
  explicit Watch(Options options)
      : options_(std::move(options)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~Watch() {
    Request(kKill);
    if (thread_.joinable()) thread_.join();
  }

  Status Start() {
    if (!wake_) return ResourceExhausted("no event descriptor for a new process: {}", strerrordesc_np(errno));
    std::promise<Status> started;
    std::future<Status> status = started.get_future();
    thread_ = std::thread([this, &started] { Run(started); });
    return status.get();
  }

  enum Wish : int { kNothing, kCancel, kKill };
  void Request(Wish wish) {
    {
      const std::lock_guard lock(mutex_);
      wish_ = std::max(wish_, wish);
    }
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
  }

  std::optional<Exit> Wait(steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    ended_.wait_until(lock, deadline, [this] { return exit_.has_value(); });
    return exit_;
  }

  std::optional<Exit> Poll() const {
    const std::lock_guard lock(mutex_);
    return exit_;
  }

  int64_t memory() const {
    const std::lock_guard lock(mutex_);
    return memory_;
  }

  int pid() const { return child_.pid; }

 private:
  // `started` is gone when the caller of Start has its answer: used once, first.
  void Run(std::promise<Status>& started) {
    start_ = steady_clock::now();
    Result<Spawned> spawned = Spawn(options_);
    if (!spawned.ok()) {
      started.set_value(spawned.status());
      return;
    }
    child_ = std::move(spawned).value();
    started.set_value(Ok());
    while (!Ended()) {
      ObeyWish();
      LookAtTime();
      LookAtMemory();
    }
    Finish();
  }

  // Sleeps until the child has ended, a wish came, or it is time to look again.
  bool Ended() {
    std::array<pollfd, 2> fds{pollfd{child_.pidfd.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(kLook.count()));
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t drained = read(wake_.get(), &count, sizeof(count));
    return (fds[0].revents & POLLIN) != 0;
  }

  void ObeyWish() {
    Wish wish = kNothing;
    {
      const std::lock_guard lock(mutex_);
      wish = wish_;
    }
    if (wish == kCancel) Stop(ExitCause::kCancelled);
    if (wish == kKill) Kill(ExitCause::kCancelled);
  }

  void LookAtTime() {
    if (options_.limits.time.count() > 0 && Since(start_) > options_.limits.time) Stop(ExitCause::kOverTime);
    if (kill_at_ && steady_clock::now() >= *kill_at_) Signal(SIGKILL);
  }

  void LookAtMemory() {
    if (looks_++ % kLooksPerSearch == 0) {
      members_ = GroupMembers(child_.pid);
    } else {
      for (const pid_t pid : Descendants(child_.pid)) {
        if (std::find(members_.begin(), members_.end(), pid) == members_.end()) members_.push_back(pid);
      }
    }
    int64_t bytes = 0;
    for (const pid_t pid : members_) bytes += ResidentBytes(pid);
    const int64_t limit = options_.limits.memory;
    if (limit > 0 && bytes > limit && members_.size() > 1) {
      bytes = 0;
      for (const pid_t pid : members_) bytes += ProportionalBytes(pid);
    }
    {
      const std::lock_guard lock(mutex_);
      memory_ = bytes;
    }
    peak_memory_ = std::max(peak_memory_, bytes);
    if (limit > 0 && bytes > limit) Kill(ExitCause::kOverMemory);
  }

  // The first cause stays: a cancelled child that runs over its time was cancelled.
  void Stop(ExitCause cause) {
    if (cause_) return;
    cause_ = cause;
    kill_at_ = steady_clock::now() + options_.grace;
    Signal(SIGTERM);
  }

  void Kill(ExitCause cause) {
    if (!cause_) cause_ = cause;
    Signal(SIGKILL);
  }

  // The pid names our group as long as the child is not reaped, and only this thread reaps.
  void Signal(int signal) const { kill(-child_.pid, signal); }

  void Finish() {
    Signal(SIGKILL);
    siginfo_t info{};
    struct rusage usage{};
    while (syscall(SYS_waitid, P_PIDFD, child_.pidfd.get(), &info, WEXITED, &usage) != 0 && errno == EINTR) {
    }
    Exit exit;
    if (info.si_code == CLD_EXITED) {
      exit.code = info.si_status;
    } else {
      exit.signal = info.si_status;
    }
    exit.cause = cause_.value_or(exit.signal == 0         ? ExitCause::kExited
                                 : exit.signal == SIGXCPU ? ExitCause::kOverTime
                                                          : ExitCause::kSignaled);
    exit.wall = Since(start_);
    exit.cpu = CpuOf(usage);
    exit.peak_memory = peak_memory_;
    exit.text = Describe(exit, options_.limits);
    {
      const std::lock_guard lock(mutex_);
      exit_ = exit;
      memory_ = 0;
    }
    ended_.notify_all();
    if (options_.on_exit) options_.on_exit(exit);
  }

  const Options options_;
  const UniqueFd wake_;
  std::thread thread_;

  // Of the watching thread alone (child_.pid is set before Start returns).
  Spawned child_;
  steady_clock::time_point start_;
  std::optional<ExitCause> cause_;
  std::optional<steady_clock::time_point> kill_at_;
  std::vector<pid_t> members_;
  int looks_ = 0;
  int64_t peak_memory_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  Wish wish_ = kNothing;
  std::optional<Exit> exit_;
  int64_t memory_ = 0;
};

Result<std::unique_ptr<Process>> Process::Start(Options options) {
  if (options.argv.empty() || options.argv.front().find('/') == std::string::npos) {
    return InvalidArgument("a process needs the path of its program, with a '/'; got '{}'",
                           options.argv.empty() ? "" : options.argv.front());
  }
  auto watch = std::make_unique<Watch>(std::move(options));
  MR_RETURN_IF_ERROR(watch->Start());
  return std::unique_ptr<Process>(new Process(std::move(watch)));
}

Process::Process(std::unique_ptr<Watch> watch) : watch_(std::move(watch)) {}
Process::~Process() = default;
int Process::pid() const { return watch_->pid(); }
void Process::Cancel() { watch_->Request(Watch::kCancel); }
void Process::Kill() { watch_->Request(Watch::kKill); }
std::optional<Exit> Process::Wait(steady_clock::time_point deadline) { return watch_->Wait(deadline); }
std::optional<Exit> Process::Poll() const { return watch_->Poll(); }
int64_t Process::memory() const { return watch_->memory(); }

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<std::pair<const char*, int64_t>, 4> kUnits{{{"TiB", int64_t{1} << 40},
                                                                          {"GiB", int64_t{1} << 30},
                                                                          {"MiB", int64_t{1} << 20},
                                                                          {"KiB", int64_t{1} << 10}}};
  for (const auto& [name, unit] : kUnits) {
    if (bytes < unit) continue;
    if (bytes % unit == 0) return fmt::format("{} {}", bytes / unit, name);
    return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(unit), name);
  }
  return fmt::format("{} bytes", bytes);
}

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

}  // namespace millrace::workload
