// What /proc says of a process group: its members and their memory.
//
// A snapshot is a race by nature: a process may end between two reads, and then
// counts as nothing. Thread safe; never fails.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace millrace::workload {

// Members of the group `leader`, by a walk of all of /proc: also those whose
// parent has ended. The leader comes first.
std::vector<pid_t> GroupMembers(pid_t leader);

// `leader` and its descendants, by their parents' lists of children: cheap, but
// blind to those whose parent has ended.
std::vector<pid_t> Descendants(pid_t leader);

// Bytes of resident memory; 0 when the process is gone.
int64_t ResidentBytes(pid_t pid);

// Bytes of resident memory where a page of n processes counts 1/n to each.
int64_t ProportionalBytes(pid_t pid);

}  // namespace millrace::workload
