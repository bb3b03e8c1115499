// `millrace operator`: the command line of cli/operator.h.
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/id.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/listen.h"
#include "cli/operator.h"
#include "cli/version.h"
#include "kube/client.h"
#include "kube/config.h"

namespace millrace::cli {
namespace {

constexpr timespec kTick{.tv_sec = 0, .tv_nsec = 100'000'000};
// Of calls to the API server, which has its own limits beside (priority and fairness).
constexpr double kRate = 500;
constexpr int kBurst = 1000;

struct Args {
  std::string kubeconfig;
  std::string context;
  std::vector<std::string> namespaces;
  std::string data_dir = ".millrace";
  std::string files_dir;
  std::string listen = "127.0.0.1:7070";
  std::string health_listen = "127.0.0.1:7081";
  std::string tls_cert;
  std::string tls_key;
  std::vector<std::string> allowed_hosts;
  std::string lease_namespace;
  std::string lease_name = "millrace-operator";
  int64_t lease_seconds = 15;
  std::string log_format = "json";
  std::string log_level = "info";
};

Result<kube::ClientConfig> ConfigOf(const Args& args) {
  const kube::KubeconfigOptions options{.paths = args.kubeconfig, .context = args.context};
  const bool named = !args.kubeconfig.empty() || !args.context.empty();
  return named ? kube::LoadKubeconfig(options) : kube::LoadConfig(options);
}

// The pod's name and something that its next process has not.
std::string Identity() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) name[0] = '\0';
  return fmt::format("{}_{}", name[0] == '\0' ? "millrace" : name, RandomHex(4));
}

Result<OperatorOptions> OptionsOf(const Args& args, const kube::ClientConfig& config) {
  OperatorOptions options;
  MR_ASSIGN_OR_RETURN(const Listen listen, ParseListen("--listen", args.listen));
  MR_ASSIGN_OR_RETURN(const Listen health, ParseListen("--health-listen", args.health_listen));
  for (const std::string& host : args.allowed_hosts) MR_RETURN_IF_ERROR(CheckHost(host));
  if (args.lease_seconds < 3 || args.lease_seconds > 3600)
    return InvalidArgument("--lease-duration {} should be 3 to 3600 seconds.", args.lease_seconds);
  options.projects = args.namespaces;
  options.lease_namespace = args.lease_namespace.empty() ? config.ns : args.lease_namespace;
  options.lease_name = args.lease_name;
  options.identity = Identity();
  options.lease_duration = std::chrono::seconds(args.lease_seconds);
  options.health_address = health.address;
  options.health_port = health.port;
  std::error_code error;
  options.platform.data_dir = std::filesystem::absolute(args.data_dir, error).string();
  options.platform.address = listen.address;
  options.platform.port = listen.port;
  options.platform.tls_certificate = args.tls_cert;
  options.platform.tls_key = args.tls_key;
  options.platform.allowed_hosts = args.allowed_hosts;
  return options;
}

// Relative paths of DataSources have no YAML file's folder to start from here.
Status EnterFiles(const std::string& folder) {
  if (folder.empty()) return Ok();
  std::error_code error;
  std::filesystem::current_path(folder, error);
  return error ? NotFound("--files-dir {}: {}.", folder, error.message()) : Ok();
}

// Until a signal comes or something fails.
Status Follow(Operator& op, const std::string& data_dir, const sigset_t& signals) {
  std::string noted;
  Status ended;
  while (ended.ok() && sigtimedwait(&signals, nullptr, &kTick) <= 0) {
    ended = op.Tick();
    if (!noted.empty() || !op.leads()) continue;
    noted = op.platform()->url();
    WriteNote(noted, data_dir);
  }
  if (!noted.empty()) RemoveNote(noted);
  return ended;
}

Status Operate(const Args& args) {
  ConfigureLog(args.log_format == "json" ? LogFormat::kJson : LogFormat::kText,
               args.log_level == "debug"  ? LogLevel::kDebug
               : args.log_level == "info" ? LogLevel::kInfo
                                          : LogLevel::kWarning);
  // Before any thread is made, so that none of them takes the signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  MR_ASSIGN_OR_RETURN(const kube::ClientConfig config, ConfigOf(args));
  MR_ASSIGN_OR_RETURN(OperatorOptions options, OptionsOf(args, config));
  MR_RETURN_IF_ERROR(EnterFiles(args.files_dir));
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<kube::Client> client,
                      kube::Client::Create({.config = config,
                                            .rate = kRate,
                                            .burst = kBurst,
                                            .user_agent = fmt::format("millrace-operator/{}", kVersion)}));
  options.client = client.get();
  const std::string data_dir = options.platform.data_dir;
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Operator> op, Operator::Start(std::move(options)));
  LogInfo("operator started", {{"server", config.server}, {"probes", op->health_url()}});
  const Status ended = Follow(*op, data_dir, signals);
  op->Stop();
  return ended;
}

}  // namespace

Command OperatorCommand() {
  auto args = std::make_shared<Args>();
  return {
      .name = "operator",
      .help = "Runs Millrace on the resources of a Kubernetes cluster.",
      .options =
          {Text("--kubeconfig",
                "How to reach the cluster; else $KUBECONFIG, ~/.kube/config, or the identity of the pod.",
                &args->kubeconfig),
           Text("--context", "The context of the kubeconfig; else its current one.", &args->context),
           Repeated("--namespace", "Looks after this namespace alone; may be given again. Else after all.",
                    &args->namespaces),
           FromEnv(
               Text("--data-dir", "Where tables, versions and the online state are kept.", &args->data_dir),
               "MILLRACE_DATA_DIR"),
           Text("--files-dir", "Where relative paths of DataSources begin; else the working directory.",
                &args->files_dir),
           Text("--listen",
                "ADDRESS:PORT of predictions and features. Other addresses than loopback need TLS.",
                &args->listen),
           Text("--health-listen", "ADDRESS:PORT of the probes /healthz and /readyz.", &args->health_listen),
           Text("--tls-cert", "PEM file of the server's certificate.", &args->tls_cert),
           Text("--tls-key", "PEM file of its key.", &args->tls_key),
           Repeated("--allowed-host",
                    "A name that requests may call this server by, beside its address and localhost. "
                    "May be given again.",
                    &args->allowed_hosts),
           Text("--lease-namespace", "Where the lease is; else the namespace of the context or of the pod.",
                &args->lease_namespace),
           Text("--lease-name", "The lease that one operator holds at a time.", &args->lease_name),
           Number("--lease-duration", "Seconds after which another takes the lease of one that is gone.",
                  &args->lease_seconds),
           OneOf("--log-format", "The form of log lines on standard error.", &args->log_format,
                 {"text", "json"}),
           OneOf("--log-level", "The least that is logged.", &args->log_level, {"debug", "info", "warning"})},
      .run = [args] { return Operate(*args); },
      .footer = "millrace operator --kubeconfig ~/.kube/config --namespace risk"};
}

}  // namespace millrace::cli
