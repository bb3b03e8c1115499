#include "workload/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MILLRACE_SHADOW_MEMORY 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MILLRACE_SHADOW_MEMORY 1
#endif

namespace millrace::workload {
namespace {

#ifdef MILLRACE_SHADOW_MEMORY
constexpr bool kLimitData = false;
#else
constexpr bool kLimitData = true;
#endif

// Where a child that could not be started was, told to the parent over a pipe.
enum class Step : int { kDirectory, kOutput, kProgram };

struct Failure {
  Step step;
  int error;
};

// Everything the child needs, made before the fork.
struct Plan {
  std::vector<char*> argv;
  std::vector<char*> env;
  const char* directory = nullptr;
  const char* stdout_path = nullptr;
  const char* stderr_path = nullptr;
  rlim_t data = 0;
  rlim_t cpu_seconds = 0;
  std::optional<cpu_set_t> cpus;
  pid_t parent = 0;
};

// Neighbouring children start at different CPUs, so that two bound to one CPU
// each do not share it.
std::optional<cpu_set_t> ChooseCpus(double cores) {
  static std::atomic<unsigned> next{0};
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (cores <= 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return std::nullopt;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  const double wanted = std::ceil(cores);
  if (wanted >= static_cast<double>(cpus.size())) return std::nullopt;
  const auto count = static_cast<unsigned>(wanted);
  const unsigned first = next.fetch_add(count);
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (unsigned i = 0; i < count; ++i) CPU_SET(cpus[(first + i) % cpus.size()], &chosen);
  return chosen;
}

void SetLimit(decltype(RLIMIT_DATA) which, rlim_t soft, rlim_t hard) {
  struct rlimit limit{soft, hard};
  setrlimit(which, &limit);
}

[[noreturn]] void Fail(int report, Step step) {
  const Failure failure{step, errno};
  [[maybe_unused]] const ssize_t written = write(report, &failure, sizeof(failure));
  _exit(127);
}

void Redirect(int report, const char* path, int flags, int target) {
  const int fd = open(path == nullptr ? "/dev/null" : path, flags | O_CLOEXEC, 0644);
  if (fd < 0 || dup2(fd, target) < 0) Fail(report, Step::kOutput);
}

// Only async-signal-safe calls from here to exec.
[[noreturn]] void RunChild(const Plan& plan, int report) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);  // the parent died before the line above
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  SetLimit(RLIMIT_CORE, 0, 0);
  if (plan.data != 0) SetLimit(RLIMIT_DATA, plan.data, plan.data);
  // The soft limit's SIGXCPU is what names the cause; the hard one ends a child that ignores it.
  if (plan.cpu_seconds != 0) SetLimit(RLIMIT_CPU, plan.cpu_seconds, plan.cpu_seconds + 5);
  if (plan.cpus) sched_setaffinity(0, sizeof(cpu_set_t), &*plan.cpus);
  // When the machine runs out of memory, the kernel shall take this process before its parent.
  const int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  [[maybe_unused]] const ssize_t adjusted = oom < 0 ? 0 : write(oom, "500", 3);
  if (plan.directory != nullptr && chdir(plan.directory) != 0) Fail(report, Step::kDirectory);
  Redirect(report, nullptr, O_RDONLY, 0);
  Redirect(report, plan.stdout_path, plan.stdout_path == nullptr ? O_WRONLY : O_WRONLY | O_CREAT | O_APPEND,
           1);
  Redirect(report, plan.stderr_path, plan.stderr_path == nullptr ? O_WRONLY : O_WRONLY | O_CREAT | O_APPEND,
           2);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execve(plan.argv.front(), plan.argv.data(), plan.env.empty() ? environ : plan.env.data());
  Fail(report, Step::kProgram);
}

Code CodeOf(int error) {
  if (error == ENOENT || error == ENOTDIR) return Code::kNotFound;
  if (error == EACCES || error == EPERM) return Code::kPermissionDenied;
  return Code::kFailedPrecondition;
}

Status Explain(const Failure& failure, const Process::Options& options) {
  const char* why = strerrordesc_np(failure.error);
  const std::string reason = why == nullptr ? fmt::format("error {}", failure.error) : why;
  switch (failure.step) {
    case Step::kDirectory:
      return Status(CodeOf(failure.error), fmt::format("cannot start {}: its working directory {}: {}",
                                                       options.argv.front(), options.directory, reason));
    case Step::kOutput:
      return Status(
          CodeOf(failure.error),
          fmt::format("cannot start {}: its output file {}: {}", options.argv.front(),
                      options.stdout_path.empty() ? options.stderr_path : options.stdout_path, reason));
    case Step::kProgram:
      break;
  }
  return Status(CodeOf(failure.error), fmt::format("cannot start {}: {}", options.argv.front(), reason));
}

char* Text(const std::string& text) { return const_cast<char*>(text.c_str()); }

Plan MakePlan(const Process::Options& options, const std::vector<std::string>& env) {
  Plan plan;
  for (const std::string& argument : options.argv) plan.argv.push_back(Text(argument));
  plan.argv.push_back(nullptr);
  if (options.env) {
    for (const std::string& entry : env) plan.env.push_back(Text(entry));
    plan.env.push_back(nullptr);
  }
  if (!options.directory.empty()) plan.directory = options.directory.c_str();
  if (!options.stdout_path.empty()) plan.stdout_path = options.stdout_path.c_str();
  if (!options.stderr_path.empty()) plan.stderr_path = options.stderr_path.c_str();
  if (kLimitData && options.limits.memory > 0) {
    plan.data = 2 * static_cast<rlim_t>(options.limits.memory) + (rlim_t{256} << 20);
  }
  if (options.limits.cpu_time.count() > 0) {
    plan.cpu_seconds = static_cast<rlim_t>((options.limits.cpu_time.count() + 999'999) / 1'000'000);
  }
  plan.cpus = ChooseCpus(options.limits.cores);
  plan.parent = getpid();
  return plan;
}

}  // namespace

Result<Spawned> Spawn(const Process::Options& options) {
  std::vector<std::string> env;
  if (options.env) {
    for (const auto& [name, value] : *options.env) env.push_back(name + "=" + value);
  }
  const Plan plan = MakePlan(options, env);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return ResourceExhausted("no pipe for a new process: {}", strerrordesc_np(errno));
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);

  const pid_t pid = fork();
  if (pid < 0) return ResourceExhausted("cannot start {}: {}", options.argv.front(), strerrordesc_np(errno));
  if (pid == 0) RunChild(plan, writer.get());
  writer.Close();

  // End of file: exec closed the pipe, and the program runs.
  Failure failure{};
  ssize_t n = 0;
  do n = read(reader.get(), &failure, sizeof(failure));
  while (n < 0 && errno == EINTR);
  Spawned spawned{pid, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)))};
  if (n == 0 && spawned.pidfd) return spawned;
  if (n == 0) failure = {Step::kProgram, errno};
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return Explain(failure, options);
}

}  // namespace millrace::workload
