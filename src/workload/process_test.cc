#include "workload/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <functional>
#include <future>
#include <thread>

#include "base/file.h"

namespace millrace::workload {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

steady_clock::time_point Soon() { return steady_clock::now() + 60s; }

Process::Options Shell(const std::string& script) {
  Process::Options options;
  options.argv = {"/bin/sh", "-c", script};
  return options;
}

Exit RunToEnd(Process::Options options) {
  auto process = Process::Start(std::move(options));
  EXPECT_TRUE(process.ok()) << process.status().ToString();
  if (!process.ok()) return {};
  const std::optional<Exit> exit = (*process)->Wait(Soon());
  EXPECT_TRUE(exit.has_value()) << "the child did not end";
  return exit.value_or(Exit{});
}

// True once the condition holds; false after a deadline that no healthy machine needs.
bool Eventually(const std::function<bool()>& condition) {
  for (const auto deadline = Soon(); steady_clock::now() < deadline; std::this_thread::yield()) {
    if (condition()) return true;
  }
  return false;
}

bool Alive(pid_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

pid_t PidIn(const std::string& path) {
  pid_t pid = 0;
  Eventually([&] {
    const auto text = ReadFile(path);
    if (!text.ok() || text->empty() || text->back() != '\n') return false;
    std::from_chars(text->data(), text->data() + text->size(), pid);
    return pid > 0;
  });
  return pid;
}

TEST(Process, ReportsHowTheChildEndedInWords) {
  const struct {
    const char* script;
    ExitCause cause;
    const char* text;
  } cases[] = {
      {"exit 0", ExitCause::kExited, "exited with code 0"},
      {"exit 3", ExitCause::kExited, "exited with code 3"},
      {"kill -SEGV $$", ExitCause::kSignaled, "killed by signal 11 (SIGSEGV)"},
      {"kill -KILL $$", ExitCause::kSignaled,
       "killed by signal 9 (SIGKILL) from outside: the machine may have run out of memory"},
  };
  for (const auto& c : cases) {
    const Exit exit = RunToEnd(Shell(c.script));
    EXPECT_EQ(exit.cause, c.cause) << c.script;
    EXPECT_EQ(exit.text, c.text);
    EXPECT_EQ(exit.clean(), std::string(c.script) == "exit 0");
  }
}

TEST(Process, WritesOutputToFilesAndRunsWhereItIsTold) {
  const TempDirectory dir;
  Process::Options options = Shell("pwd; echo $COLOUR; echo wrong >&2; echo more");
  options.directory = dir.path();
  options.env = std::map<std::string, std::string>{{"COLOUR", "blue"}};
  options.stdout_path = dir.path() + "/out";
  options.stderr_path = dir.path() + "/err";
  EXPECT_TRUE(RunToEnd(options).clean());
  EXPECT_TRUE(RunToEnd(options).clean());
  const std::string once = dir.path() + "\nblue\nmore\n";
  EXPECT_EQ(ReadFile(options.stdout_path).value(), once + once) << "output is appended";
  EXPECT_EQ(ReadFile(options.stderr_path).value(), "wrong\nwrong\n");
}

TEST(Process, WhatCannotBeStartedIsNamed) {
  const TempDirectory dir;
  ASSERT_TRUE(WriteFileAtomically(dir.path() + "/text", "no program", 0644).ok());
  const struct {
    std::vector<std::string> argv;
    std::string directory;
    std::string output;
    Code code;
    std::string part;
  } cases[] = {
      {{}, "", "", Code::kInvalidArgument, "path of its program"},
      {{"sh"}, "", "", Code::kInvalidArgument, "'sh'"},
      {{"/no/such/program"},
       "",
       "",
       Code::kNotFound,
       "cannot start /no/such/program: No such file or directory"},
      {{dir.path() + "/text"}, "", "", Code::kPermissionDenied, "Permission denied"},
      {{"/bin/true"}, "/no/such/directory", "", Code::kNotFound, "working directory /no/such/directory"},
      {{"/bin/true"}, "", "/no/such/directory/out", Code::kNotFound, "output file /no/such/directory/out"},
  };
  for (const auto& c : cases) {
    Process::Options options;
    options.argv = c.argv;
    options.directory = c.directory;
    options.stdout_path = c.output;
    const auto process = Process::Start(options);
    ASSERT_FALSE(process.ok()) << c.part;
    EXPECT_EQ(process.status().code(), c.code) << process.status().ToString();
    EXPECT_NE(process.status().message().find(c.part), std::string::npos) << process.status().ToString();
  }
}

TEST(Process, OverItsTimeLimitItIsStopped) {
  Process::Options options = Shell("while :; do :; done");
  options.limits.time = 100ms;
  const Exit exit = RunToEnd(options);
  EXPECT_EQ(exit.cause, ExitCause::kOverTime);
  EXPECT_EQ(exit.text, "stopped: over its time limit of 100ms");
  EXPECT_EQ(exit.signal, SIGTERM);
  EXPECT_GE(exit.wall, Micros(100ms));
}

TEST(Process, OverItsCpuTimeItIsStopped) {
  Process::Options options = Shell("while :; do :; done");
  options.limits.cpu_time = 1s;
  const Exit exit = RunToEnd(options);
  EXPECT_EQ(exit.cause, ExitCause::kOverTime);
  EXPECT_EQ(exit.text, "stopped: over its limit of 1s of CPU time");
  EXPECT_GE(exit.cpu, Micros(900ms));
}

TEST(Process, WhatIgnoresTermIsKilledAfterTheGrace) {
  const TempDirectory dir;
  Process::Options options = Shell("trap '' TERM; echo $$ > pid; while :; do sleep 0.01; done");
  options.directory = dir.path();
  options.grace = 50ms;
  auto process = Process::Start(options);
  ASSERT_TRUE(process.ok());
  ASSERT_EQ(PidIn(dir.path() + "/pid"), (*process)->pid());
  (*process)->Cancel();
  (*process)->Cancel();
  const auto exit = (*process)->Wait(Soon());
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->cause, ExitCause::kCancelled);
  EXPECT_EQ(exit->text, "cancelled");
  EXPECT_EQ(exit->signal, SIGKILL);
}

TEST(Process, ACancelledChildMayEndInItsOwnWay) {
  const TempDirectory dir;
  Process::Options options =
      Shell("trap 'echo saved > saved; exit 0' TERM; echo $$ > pid; while :; do sleep 0.01; done");
  options.directory = dir.path();
  auto process = Process::Start(options);
  ASSERT_TRUE(process.ok());
  PidIn(dir.path() + "/pid");
  (*process)->Cancel();
  const auto exit = (*process)->Wait(Soon());
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->cause, ExitCause::kCancelled);
  EXPECT_EQ(exit->code, 0);
  EXPECT_TRUE(FileExists(dir.path() + "/saved"));
}

TEST(Process, OverItsMemoryLimitTheGroupIsKilled) {
  // tail keeps a stream without line ends in memory, and is a child of the child.
  Process::Options options = Shell("tail -n 1 /dev/zero; exit 0");
  options.limits.memory = int64_t{48} << 20;
  const Exit exit = RunToEnd(options);
  EXPECT_EQ(exit.cause, ExitCause::kOverMemory);
  EXPECT_EQ(exit.text, "killed: over its memory limit of 48 MiB");
  EXPECT_GT(exit.peak_memory, options.limits.memory);
}

TEST(Process, WhatTheChildLeavesBehindIsKilled) {
  const TempDirectory dir;
  Process::Options options = Shell("sleep 1000 & echo $! > pid; exit 0");
  options.directory = dir.path();
  EXPECT_TRUE(RunToEnd(options).clean());
  const pid_t left = PidIn(dir.path() + "/pid");
  ASSERT_GT(left, 0);
  EXPECT_TRUE(Eventually([&] {
    return !Alive(left) ||
           ReadFile("/proc/" + std::to_string(left) + "/stat").value_or("").find(") Z ") != std::string::npos;
  }));
}

TEST(Process, DestroyingItKillsAndReapsTheChild) {
  pid_t pid = 0;
  {
    auto process = Process::Start(Shell("trap '' TERM; while :; do sleep 0.01; done"));
    ASSERT_TRUE(process.ok());
    pid = (*process)->pid();
    EXPECT_TRUE(Alive(pid));
    EXPECT_FALSE((*process)->Poll().has_value());
    EXPECT_FALSE((*process)->Wait(steady_clock::now()).has_value());
  }
  EXPECT_FALSE(Alive(pid));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(Process, TheChildOutlivesTheThreadThatStartedIt) {
  std::unique_ptr<Process> process;
  std::thread([&] { process = std::move(Process::Start(Shell("sleep 0.1; exit 7"))).value(); }).join();
  const auto exit = process->Wait(Soon());
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->text, "exited with code 7");
}

TEST(Process, TheChildDiesWithItsParent) {
  const TempDirectory dir;
  const std::string path = dir.path() + "/pid";
  // The middle process stands for a platform that is killed with no chance to clean up.
  const pid_t middle = fork();
  if (middle == 0) {
    Process::Options options = Shell("echo $$ > " + path + "; while :; do sleep 0.01; done");
    auto process = Process::Start(options);
    while (process.ok()) pause();
    _exit(1);
  }
  const pid_t child = PidIn(path);
  ASSERT_GT(child, 0);
  kill(middle, SIGKILL);
  waitpid(middle, nullptr, 0);
  EXPECT_TRUE(Eventually([&] {
    return !Alive(child) || ReadFile("/proc/" + std::to_string(child) + "/stat").value_or("").find(") Z ") !=
                                std::string::npos;
  }));
}

TEST(Process, CallsBackOnceAtTheEnd) {
  std::atomic<int> calls{0};
  std::promise<std::string> text;
  Process::Options options = Shell("exit 4");
  options.on_exit = [&](const Exit& exit) {
    if (++calls == 1) text.set_value(exit.text);
  };
  auto process = Process::Start(options);
  ASSERT_TRUE(process.ok());
  EXPECT_EQ(text.get_future().get(), "exited with code 4");
  process->reset();
  EXPECT_EQ(calls.load(), 1);
}

TEST(Process, ManyAtOnceFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 8; ++i) {
        const int code = t * 8 + i;
        if (RunToEnd(Shell("exit " + std::to_string(code))).code == code) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 32);
}

TEST(Process, IsBoundToItsCores) {
  const TempDirectory dir;
  Process::Options options = Shell("nproc");
  options.limits.cores = 0.5;
  options.stdout_path = dir.path() + "/out";
  EXPECT_TRUE(RunToEnd(options).clean());
  EXPECT_EQ(ReadFile(options.stdout_path).value(), "1\n");
}

TEST(FormatBytes, TakesTheUnitThatReadsWell) {
  EXPECT_EQ(FormatBytes(7), "7 bytes");
  EXPECT_EQ(FormatBytes(12 << 10), "12 KiB");
  EXPECT_EQ(FormatBytes(int64_t{2} << 30), "2 GiB");
  EXPECT_EQ(FormatBytes((int64_t{3} << 30) / 2), "1.5 GiB");
}

}  // namespace
}  // namespace millrace::workload
