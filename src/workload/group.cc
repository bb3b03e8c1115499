#include "workload/group.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace millrace::workload {
namespace {

constexpr size_t kMaxMembers = 4096;

// The first 4 KiB of a file of /proc: all that is looked at here is shorter, or
// has what is wanted in front.
std::string ReadProc(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return "";
  std::array<char, 4096> buffer;
  const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<size_t>(n)) : "";
}

std::optional<int64_t> LeadingInt(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::vector<pid_t> NumericEntries(const std::string& path) {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
  if (dir == nullptr) return pids;
  while (const dirent* entry = readdir(dir.get())) {
    if (const auto pid = LeadingInt(entry->d_name)) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

// The fifth field of stat; the second is the command in parentheses, and may
// itself hold spaces and parentheses.
std::optional<pid_t> GroupOf(pid_t pid) {
  const std::string stat = ReadProc(fmt::format("/proc/{}/stat", pid));
  const size_t end = stat.rfind(')');
  if (end == std::string::npos || end + 4 >= stat.size()) return std::nullopt;
  const std::string_view rest = std::string_view(stat).substr(end + 4);  // after ") S": " ppid pgrp …"
  const std::string_view trimmed =
      rest.substr(rest.find_first_not_of(' ') == rest.npos ? 0 : rest.find_first_not_of(' '));
  const size_t space = trimmed.find(' ');
  if (space == trimmed.npos) return std::nullopt;
  const auto group = LeadingInt(trimmed.substr(space));
  if (!group) return std::nullopt;
  return static_cast<pid_t>(*group);
}

}  // namespace

std::vector<pid_t> GroupMembers(pid_t leader) {
  std::vector<pid_t> members{leader};
  for (const pid_t pid : NumericEntries("/proc")) {
    if (pid != leader && members.size() < kMaxMembers && GroupOf(pid) == leader) members.push_back(pid);
  }
  return members;
}

std::vector<pid_t> Descendants(pid_t leader) {
  std::vector<pid_t> found{leader};
  for (size_t next = 0; next < found.size(); ++next) {
    const std::string tasks = fmt::format("/proc/{}/task", found[next]);
    for (const pid_t task : NumericEntries(tasks)) {
      const std::string children = ReadProc(fmt::format("{}/{}/children", tasks, task));
      for (std::string_view rest = children; found.size() < kMaxMembers;) {
        const auto child = LeadingInt(rest);
        if (!child) break;
        found.push_back(static_cast<pid_t>(*child));
        const size_t space = rest.find(' ');
        if (space == rest.npos) break;
        rest.remove_prefix(space + 1);
      }
    }
  }
  return found;
}

int64_t ResidentBytes(pid_t pid) {
  const std::string statm = ReadProc(fmt::format("/proc/{}/statm", pid));
  const size_t space = statm.find(' ');
  if (space == statm.npos) return 0;
  return LeadingInt(std::string_view(statm).substr(space)).value_or(0) * sysconf(_SC_PAGESIZE);
}

int64_t ProportionalBytes(pid_t pid) {
  const std::string rollup = ReadProc(fmt::format("/proc/{}/smaps_rollup", pid));
  const size_t line = rollup.find("\nPss:");
  if (line == rollup.npos) return ResidentBytes(pid);
  return LeadingInt(std::string_view(rollup).substr(line + 5)).value_or(0) * 1024;
}

}  // namespace millrace::workload
