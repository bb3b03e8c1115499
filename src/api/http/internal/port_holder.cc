#include "api/http/internal/port_holder.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <set>
#include <sstream>

#include "base/file.h"
#include "base/text.h"

namespace millrace::http::internal {
namespace {

// /proc files say 0 for their size, so ReadFile's limit is all that bounds them.
std::string ReadProc(const std::string& path) {
  constexpr uint64_t kMost = 16 << 20;
  Result<std::string> text = ReadFile(path, kMost);
  return text.ok() ? std::move(text).value() : std::string();
}

// "socket:[INODE]" of each socket that listens on the port; see proc(5), net/tcp.
std::set<std::string> ListeningSockets(uint16_t port) {
  std::set<std::string> sockets;
  std::string wanted = fmt::format(":{:04X}", port);
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::istringstream lines(ReadProc(table));
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::array<std::string, 10> field;
      for (std::string& f : field) fields >> f;
      bool listens = field[3] == "0A";
      if (listens && field[1].ends_with(wanted)) sockets.insert("socket:[" + field[9] + "]");
    }
  }
  return sockets;
}

bool Holds(const std::string& process, const std::set<std::string>& sockets) {
  std::string folder = "/proc/" + process + "/fd";
  Result<std::vector<std::string>> entries = ListDirectory(folder);
  if (!entries.ok()) return false;
  return std::any_of(entries->begin(), entries->end(), [&](const std::string& entry) {
    std::array<char, 64> target;
    ssize_t n = ::readlink((folder + "/" + entry).c_str(), target.data(), target.size());
    return n > 0 && sockets.contains(std::string(target.data(), static_cast<size_t>(n)));
  });
}

}  // namespace

std::string WhoListensOn(uint16_t port) {
  std::set<std::string> sockets = ListeningSockets(port);
  if (sockets.empty()) return {};
  Result<std::vector<std::string>> processes = ListDirectory("/proc");
  if (!processes.ok()) return {};
  for (const std::string& process : *processes) {
    bool number = std::all_of(process.begin(), process.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || !Holds(process, sockets)) continue;
    std::string name = ReadProc("/proc/" + process + "/comm");
    while (!name.empty() && name.back() == '\n') name.pop_back();
    return fmt::format("{} (process {})", name, process);
  }
  return {};
}

}  // namespace millrace::http::internal
