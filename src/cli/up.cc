#include <algorithm>
#include <chrono>
#include <csignal>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/as_of.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/documents.h"
#include "cli/listen.h"
#include "cli/platform.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "controller/definition_check.h"
#include "controller/finalizer.h"
#include "resource/validate.h"

namespace millrace::cli {
namespace {

constexpr timespec kTick{.tv_sec = 0, .tv_nsec = 100'000'000};

struct Args {
  std::string folder;
  std::string data_dir;
  std::string listen = "127.0.0.1:7070";
  std::string tls_cert;
  std::string tls_key;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  std::string anonymous;
  std::string as_of;
  std::string log_format = "text";
  std::string log_level;
  std::string project = "default";
  bool once = false;
};

Result<PlatformOptions> OptionsOf(const Args& args) {
  PlatformOptions options;
  options.data_dir = args.data_dir.empty() ? DefaultDataDir(args.folder) : args.data_dir;
  MR_ASSIGN_OR_RETURN(const Listen listen, ParseListen("--listen", args.listen));
  options.address = listen.address;
  options.port = listen.port;
  options.tls_certificate = args.tls_cert;
  options.tls_key = args.tls_key;
  for (const std::string& host : args.allowed_hosts) MR_RETURN_IF_ERROR(CheckHost(host));
  for (const std::string& origin : args.allowed_origins) MR_RETURN_IF_ERROR(CheckOrigin(origin));
  options.allowed_hosts = args.allowed_hosts;
  options.allowed_origins = args.allowed_origins;
  options.anonymous = args.anonymous;
  if (args.as_of.empty()) return options;
  const Result<EventTime> time = ParseTime(args.as_of);
  if (time.ok()) {
    options.as_of = *time;
    return options;
  }
  const bool reference = args.as_of.find_first_of("@:") != std::string::npos;
  if (!reference) return time.status().WithContext("--as-of");
  MR_ASSIGN_OR_RETURN(options.as_of, TestStart(args.project, args.as_of, options.data_dir));
  return options;
}

void SayWhere(Progress& progress, const Platform& platform, const PlatformOptions& options) {
  progress.Say(fmt::format("Millrace answers at {} (data in {}).", platform.url(), options.data_dir));
  if (options.as_of) {
    progress.Say(
        fmt::format("The online state holds only what happened before {}.", FormatTime(*options.as_of)));
  }
  progress.Say("Look: millrace get all · millrace describe model/NAME · millrace get modelendpoints -w");
}

// Mistakes in the folder are found before anything is started or made. What was applied before may be what it
// refers to, so with a data directory the references wait for ApplyFolder, which changes nothing either.
Status CheckFolder(const std::string& folder, const std::string& data_dir) {
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Document> documents, LoadDocuments({folder}));
  if (FileExists(data_dir + "/resources.db")) return Ok();
  const resource::Diagnostics wrong =
      resource::Validate(documents, {}, controller::CheckDefinitions(data_dir));
  return wrong.empty() ? Ok() : wrong.ToStatus();
}

// What a replay keeps: a source's events, and the Project that they are in.
bool IsKeptByReplay(const resource::Resource& one) {
  return one.kind == "DataSource" || one.kind == "Project";
}

bool AnyLeaves(Platform& platform, bool replays) {
  const Result<resource::ResourceList> all = platform.resources().List({});
  return all.ok() && std::any_of(all->items.begin(), all->items.end(), [&](const resource::Resource& one) {
           const bool leaves = one.metadata.deletion_time && controller::HasFinalizer(one);
           return leaves && !(replays && IsKeptByReplay(one));
         });
}

// What was being deleted when Millrace ended is removed first: another of its name cannot be applied before.
void WaitForLeaving(Platform& platform, bool replays, Progress& progress) {
  constexpr std::chrono::seconds kPatience(60);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (AnyLeaves(platform, replays) && std::chrono::steady_clock::now() < deadline) {
    progress.Tick();
    nanosleep(&kTick, nullptr);
  }
}

// A replay's own reason for a name that cannot be applied to.
Status OfReplay(Platform& platform, bool replays, const Status& refused) {
  if (!replays || refused.code() != Code::kConflict || !AnyLeaves(platform, false)) return refused;
  return Conflict("{}. Under --as-of its events are kept: a start without --as-of removes it.",
                  refused.message());
}

Status ApplyFolder(Platform& platform, const std::string& folder, bool replays, Progress& progress) {
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Document> documents, LoadDocuments({folder}));
  WaitForLeaving(platform, replays, progress);
  const Result<resource::Plan> admitted = platform.Apply(documents);
  if (!admitted.ok()) return OfReplay(platform, replays, admitted.status());
  const resource::Plan& plan = *admitted;
  if (!plan.diagnostics.empty()) return plan.diagnostics.ToStatus();
  for (const resource::Applied& applied : plan.applied) {
    if (applied.action == resource::ApplyAction::kUnchanged) continue;
    progress.Say(
        fmt::format("  {} {}", applied.resource.Key().ToString(), resource::ApplyActionName(applied.action)));
  }
  return Ok();
}

// Until a signal comes, or, with --once, until all is ready or something failed.
Status Follow(const Args& args, Progress& progress, const sigset_t& signals) {
  bool said_ready = false;
  while (true) {
    if (sigtimedwait(&signals, nullptr, &kTick) > 0) {
      progress.Say("Stopping…");
      return Ok();
    }
    progress.Tick();
    const Overview& overview = progress.overview();
    const bool all_ready = overview.total > 0 && overview.ready == overview.total;
    if (all_ready && !said_ready)
      progress.Say(args.once ? "Everything is ready." : "Everything is ready. Ctrl-C stops.");
    said_ready = all_ready;
    if (!args.once) continue;
    if (all_ready) return Ok();
    if (!overview.failure.empty()) return FailedPrecondition("{}", overview.failure);
  }
}

Status Up(const Args& args) {
  const bool json = args.log_format == "json";
  std::string level = args.log_level;
  if (level.empty()) level = json ? "info" : "warning";
  ConfigureLog(json ? LogFormat::kJson : LogFormat::kText, level == "debug"  ? LogLevel::kDebug
                                                           : level == "info" ? LogLevel::kInfo
                                                                             : LogLevel::kWarning);
  // Before any thread is made, so that none of them takes the signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  MR_ASSIGN_OR_RETURN(const PlatformOptions options, OptionsOf(args));
  if (!args.folder.empty()) MR_RETURN_IF_ERROR(CheckFolder(args.folder, options.data_dir));
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Platform> platform, Platform::Start(options));
  Progress progress(*platform);
  WriteNote(platform->url(), options.data_dir);
  SayWhere(progress, *platform, options);
  Status ended =
      args.folder.empty() ? Ok() : ApplyFolder(*platform, args.folder, options.as_of.has_value(), progress);
  if (ended.ok()) ended = Follow(args, progress, signals);
  progress.Clear();
  RemoveNote(platform->url());
  platform->Stop();
  return ended;
}

}  // namespace

Command UpCommand() {
  auto args = std::make_shared<Args>();
  return {
      .name = "up",
      .help = "Runs Millrace in this process, on what a folder of YAML says.",
      .options =
          {Text("DIR", "A folder of YAML, or a file; without it, what was applied before.", &args->folder),
           FromEnv(Text("--data-dir", "Where everything is kept; DIR/.millrace otherwise.", &args->data_dir),
                   "MILLRACE_DATA_DIR"),
           Text("--listen", "ADDRESS:PORT. Other addresses than loopback need TLS.", &args->listen),
           Text("--tls-cert", "PEM file of the server's certificate.", &args->tls_cert),
           Text("--tls-key", "PEM file of its key.", &args->tls_key),
           Repeated("--allowed-host",
                    "A name that requests may call this server by, beside its address and localhost. "
                    "May be given again.",
                    &args->allowed_hosts),
           Repeated("--allowed-origin",
                    "An origin (https://console.example) whose pages may send changes. May be given again.",
                    &args->allowed_origins),
           OneOf("--anonymous", "The role of callers without a token, on loopback.", &args->anonymous,
                 {"viewer", "editor", "admin"}),
           Text("--as-of",
                "For replays: the online state holds only the events before this time, or before the test "
                "range of "
                "a version (MODEL@ALIAS, MODEL:N).",
                &args->as_of),
           Flag("--once", "Ends when everything is ready, or with what has failed.", &args->once),
           OneOf("--log-format", "The form of log lines on standard error.", &args->log_format,
                 {"text", "json"}),
           OneOf("--log-level", "The least that is logged.", &args->log_level, {"debug", "info", "warning"})},
      .run = [args] { return Up(*args); },
      .footer = "millrace up examples/fraud"};
}

}  // namespace millrace::cli
