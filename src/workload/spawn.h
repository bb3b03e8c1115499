// fork and exec, safe in a program with threads: between the two only
// async-signal-safe calls are made, on memory that was prepared before.
//
// The calling thread must live until the child has ended: the kernel sends the
// parent-death signal when the thread that forked ends, not the process.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "workload/process.h"

namespace millrace::workload {

struct Spawned {
  pid_t pid = -1;
  UniqueFd pidfd;
};

// The child has begun to run its program when this returns. The errors are those of Process::Start.
Result<Spawned> Spawn(const Process::Options& options);

}  // namespace millrace::workload
