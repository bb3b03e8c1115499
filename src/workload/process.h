// Process: one supervised child, alone in a session of its own, with limits.
//
// The child and what it starts form a process group. The group is watched by
// one thread a Process: its memory every 50 ms, its time, and the child's end.
// Over a limit it is stopped; a cancelled or overdue group gets SIGTERM and,
// after a grace, SIGKILL; a group over its memory gets SIGKILL at once. When
// the child ends, what is left of its group is killed, and the child is reaped:
// no zombie stays, and no signal reaches a stranger who was given the same pid
// (signals go out only while the unreaped child still holds it). The child dies
// with its parent, even by kill -9 (PR_SET_PDEATHSIG).
//
//   Process::Options options;
//   options.argv = {exe, "train", "--run", dir};
//   options.limits.memory = int64_t{2} << 30;
//   MR_ASSIGN_OR_RETURN(std::unique_ptr<Process> child, Process::Start(std::move(options)));
//   std::optional<Exit> end = child->Wait(std::chrono::steady_clock::now() + 1min);
//   if (end) LogInfo("child ended", {{"cause", end->text}});
//
// Ownership: the Process owns the child; destroying it kills the group and
// waits. All methods are thread safe. A descendant that makes a session of its
// own leaves the group, and with it the supervision.
//
// Memory is resident memory: the sum of the group's RSS, and when that is over
// the limit and the group has several processes, of their PSS, so that shared
// pages count once. RLIMIT_DATA, at twice the limit and 256 MiB, is the backstop
// between two looks (absent in sanitizer builds, whose shadow memory needs it).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace millrace::workload {

// Zero is always "no limit".
struct ProcessLimits {
  int64_t memory = 0;  // bytes, of the whole group
  double cores = 0;    // the group is bound to this many CPUs, rounded up
  Micros cpu_time{0};  // of the child alone (RLIMIT_CPU, whole seconds, rounded up)
  Micros time{0};      // wall time since the start
};

// How a child ended.
enum class ExitCause {
  kExited,      // by itself, with `code`
  kSignaled,    // by a signal that was not ours
  kCancelled,   // Cancel was called, and it ended after that
  kOverMemory,  // its group held more than limits.memory
  kOverTime,    // it ran longer than limits.time, or used more than limits.cpu_time
};

struct Exit {
  ExitCause cause = ExitCause::kExited;
  int code = 0;    // kExited
  int signal = 0;  // the signal that ended it, 0 when it exited
  // In words: "exited with code 3", "killed by signal 11 (SIGSEGV)", "cancelled",
  // "killed: over its memory limit of 2 GiB", "stopped: over its time limit of 1h".
  std::string text;
  Micros wall{0};
  Micros cpu{0};            // user and system time of the child
  int64_t peak_memory = 0;  // bytes: the highest that was seen of the group

  bool clean() const { return cause == ExitCause::kExited && code == 0; }
};

class Process {
 public:
  struct Options {
    std::vector<std::string> argv{};  // argv[0] is a path, absolute or with a '/'; never searched in PATH
    std::optional<std::map<std::string, std::string>> env{};  // unset: the parent's
    std::string directory{};                                  // working directory; "" is the parent's
    std::string stdout_path{};  // appended to, made when missing; "" is /dev/null
    std::string stderr_path{};  // may equal stdout_path
    ProcessLimits limits{};
    std::chrono::milliseconds grace{5000};  // from SIGTERM to SIGKILL
    // Called once, from the watching thread, when Wait would return. It must
    // neither destroy this Process nor wait for it.
    std::function<void(const Exit&)> on_exit{};
  };

  // The child runs when this returns. InvalidArgument for an empty argv;
  // NotFound, PermissionDenied or FailedPrecondition when it cannot be started
  // (the program, its directory or an output file), naming which.
  static Result<std::unique_ptr<Process>> Start(Options options);

  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int pid() const;

  // Asks it to end: SIGTERM now, SIGKILL after the grace. Returns at once; later
  // calls do nothing.
  void Cancel();
  // SIGKILL at once; the cause is kCancelled.
  void Kill();

  // The end, once it is there or the deadline has passed (then empty).
  std::optional<Exit> Wait(std::chrono::steady_clock::time_point deadline);
  std::optional<Exit> Poll() const;

  // Bytes the group held at the last look.
  int64_t memory() const;

 private:
  class Watch;
  explicit Process(std::unique_ptr<Watch> watch);
  std::unique_ptr<Watch> watch_;
};

// "2 GiB", "1.5 GiB", "300 MiB", "12 KiB", "7 bytes".
std::string FormatBytes(int64_t bytes);

// "SIGSEGV" for 11; "signal 34" for what has no name.
std::string SignalName(int signal);

}  // namespace millrace::workload
