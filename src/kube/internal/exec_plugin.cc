#include "kube/internal/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "kube/internal/base64.h"

extern char** environ;

namespace millrace::kube::internal {
namespace {

using std::chrono::steady_clock;

constexpr auto kTimeout = std::chrono::seconds(60);
constexpr size_t kMaxOutput = 1 << 20;
constexpr size_t kMaxComplaint = 2000;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return ResourceExhausted("no pipe can be made: {}", std::strerror(errno));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string ExecInfo(const ExecPlugin& plugin, const ClientConfig& config) {
  Json info = {
      {"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (plugin.provide_cluster_info) {
    Json cluster = {{"server", config.server}};
    if (!config.ca_pem.empty()) cluster["certificate-authority-data"] = EncodeBase64(config.ca_pem);
    if (!config.server_name.empty()) cluster["tls-server-name"] = config.server_name;
    if (config.insecure) cluster["insecure-skip-tls-verify"] = true;
    info["spec"]["cluster"] = std::move(cluster);
  }
  return FormatJson(info);
}

std::vector<std::string> EnvironmentOf(const ExecPlugin& plugin, const ClientConfig& config) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (name != "KUBERNETES_EXEC_INFO" && !plugin.env.contains(name)) variables.emplace_back(text);
  }
  for (const auto& [name, value] : plugin.env) variables.push_back(name + "=" + value);
  variables.push_back("KUBERNETES_EXEC_INFO=" + ExecInfo(plugin, config));
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Alone in a process group of its own, standard input from nowhere.
Result<pid_t> Start(const ExecPlugin& plugin, const ClientConfig& config, const Pipe& out,
                    const Pipe& error) {
  std::vector<std::string> arguments = plugin.args;
  arguments.insert(arguments.begin(), plugin.command);
  std::vector<std::string> variables = EnvironmentOf(plugin, config);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> env = Pointers(variables);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.write.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, error.write.get(), 2);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = -1;
  const int failed =
      ::posix_spawnp(&pid, plugin.command.c_str(), &actions, &attributes, argv.data(), env.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failed == 0) return pid;
  return NotFound("the credential plugin '{}' cannot be started: {}{}{}", plugin.command,
                  std::strerror(failed), plugin.install_hint.empty() ? "" : "\n", plugin.install_hint);
}

// Reads what is there; false at the end.
bool Drain(int fd, std::string& into, size_t limit) {
  std::array<char, 4096> piece{};
  const ssize_t got = ::read(fd, piece.data(), piece.size());
  if (got < 0) return errno == EINTR;
  into.append(piece.data(), std::min(static_cast<size_t>(got), limit - std::min(limit, into.size())));
  return got > 0;
}

// Why it was not waited for to the end; Ok when both pipes ended.
Status ReadBoth(int out, int error, int stop, std::string& output, std::string& complaint) {
  const auto deadline = steady_clock::now() + kTimeout;
  std::array<pollfd, 3> fds{{{out, POLLIN, 0}, {error, POLLIN, 0}, {stop, POLLIN, 0}}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return DeadlineExceeded("it did not end within {} s", kTimeout.count());
    if (::poll(fds.data(), fds.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
      return Internal("poll: {}", std::strerror(errno));
    }
    if (fds[2].revents != 0) return Cancelled("called off");
    if (fds[0].revents != 0 && !Drain(out, output, kMaxOutput + 1)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !Drain(error, complaint, kMaxComplaint)) fds[1].fd = -1;
    if (output.size() > kMaxOutput) return ResourceExhausted("it prints more than {} bytes", kMaxOutput);
  }
  return Ok();
}

// A program may close its pipes and go on; it is then given the rest of its time.
Result<int> Reap(pid_t pid, int stop) {
  const auto deadline = steady_clock::now() + kTimeout;
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(pid, &status, WNOHANG);
    if (done == pid) return status;
    if (done < 0 && errno != EINTR) return Internal("waitpid: {}", std::strerror(errno));
    pollfd fd{stop, POLLIN, 0};
    (void)::poll(&fd, 1, 10);
    if (fd.revents != 0 || steady_clock::now() > deadline) {
      ::kill(-pid, SIGKILL);
      (void)::waitpid(pid, &status, 0);
      return Cancelled("called off");
    }
  }
}

}  // namespace

Result<ExecCredential> ParseExecCredential(std::string_view text, std::string_view api_version) {
  MR_ASSIGN_OR_RETURN(const Json root, ParseJson(text));
  if (!root.is_object() || TextAt(root, "kind") != "ExecCredential") {
    return InvalidArgument("it prints no object of kind ExecCredential");
  }
  if (TextAt(root, "apiVersion") != api_version) {
    return InvalidArgument("it answers in '{}', not in '{}'", TextAt(root, "apiVersion"), api_version);
  }
  const auto status = root.find("status");
  if (status == root.end() || !status->is_object())
    return InvalidArgument("its ExecCredential has no status");
  ExecCredential credential;
  credential.token = TextAt(*status, "token");
  credential.certificate_pem = TextAt(*status, "clientCertificateData");
  credential.key_pem = TextAt(*status, "clientKeyData");
  const std::string expires = TextAt(*status, "expirationTimestamp");
  if (!expires.empty()) {
    Result<EventTime> time = ParseTime(expires);
    if (!time.ok()) return time.status().WithContext("its expirationTimestamp");
    credential.expires = *time;
  }
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return InvalidArgument("its ExecCredential has a client certificate or key without the other");
  }
  if (credential.token.empty() && credential.certificate_pem.empty()) {
    return InvalidArgument("its ExecCredential has neither a token nor a client certificate");
  }
  return credential;
}

Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, const ClientConfig& cluster, int stop_fd) {
  const std::string context = fmt::format("the credential plugin '{}'", plugin.command);
  MR_ASSIGN_OR_RETURN(Pipe out, MakePipe());
  MR_ASSIGN_OR_RETURN(Pipe error, MakePipe());
  MR_ASSIGN_OR_RETURN(const pid_t pid, Start(plugin, cluster, out, error));
  out.write.Close();
  error.write.Close();
  std::string output;
  std::string complaint;
  const Status read = ReadBoth(out.read.get(), error.read.get(), stop_fd, output, complaint);
  if (!read.ok()) ::kill(-pid, SIGKILL);
  const Result<int> end = Reap(pid, stop_fd);
  if (!read.ok()) return read.WithContext(context);
  if (!end.ok()) return end.status().WithContext(context);
  if (!WIFEXITED(*end) || WEXITSTATUS(*end) != 0) {
    if (!IsUtf8(complaint)) complaint = "(what it wrote is no text)";
    while (complaint.ends_with('\n')) complaint.pop_back();
    return Unauthenticated("{} failed with {}: {}", context,
                           WIFEXITED(*end) ? fmt::format("code {}", WEXITSTATUS(*end))
                                           : fmt::format("signal {}", WTERMSIG(*end)),
                           complaint.empty() ? "it wrote nothing" : complaint);
  }
  Result<ExecCredential> credential = ParseExecCredential(output, plugin.api_version);
  if (!credential.ok()) return credential.status().WithContext(context);
  return credential;
}

}  // namespace millrace::kube::internal
