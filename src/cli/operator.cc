#include "cli/operator.h"

#include <mutex>
#include <optional>

#include "api/http/server.h"
#include "api/system/system_api.h"
#include "base/log.h"
#include "kube/client.h"
#include "kube/lease.h"
#include "resource/kube_store.h"
#include "security/authorizer.h"
#include "telemetry/metrics.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kLease = "lease";
constexpr std::string_view kControllers = "controllers";
constexpr std::string_view kCluster = "cluster";
// While an operator that has just ended still holds the data directory.
constexpr std::chrono::seconds kAgain(1);

// client-go's proportions: 15, 10 and 2 seconds.
kube::LeaderOptions LeaseOf(const OperatorOptions& options) {
  const std::chrono::milliseconds duration = options.lease_duration;
  return {.ns = options.lease_namespace,
          .name = options.lease_name,
          .identity = options.identity,
          .lease_duration = duration,
          .renew_deadline = duration * 2 / 3,
          .retry_period = duration * 2 / 15,
          .labels = {{"app.kubernetes.io/part-of", "millrace"}}};
}

}  // namespace

struct Operator::Parts {
  OperatorOptions options;
  telemetry::Metrics metrics;
  api::Readiness readiness;
  std::unique_ptr<http::Server> probes;
  std::unique_ptr<kube::LeaderElector> elector;
  std::unique_ptr<Platform> platform;
  resource::KubeStore* store = nullptr;  // the platform's
  std::chrono::steady_clock::time_point again;

  std::mutex mutex;  // of what the elector's thread writes
  std::optional<Status> lost;

  Status StartProbes();
  Status StartElection();
  Status Lead();
  Status MayWrite() const;
  void TellReadiness();
};

Status Operator::Parts::StartProbes() {
  readiness.Expect(std::string(kLease), "looking for who leads");
  http::Router router;
  api::AddHealthRoutes(router, readiness);
  http::ServerOptions server;
  server.address = options.health_address;
  server.port = static_cast<uint16_t>(options.health_port);
  server.workers = 1;
  server.public_only = true;
  auto nobody = std::make_shared<security::Access>(
      security::Access::Options{.tokens = nullptr, .anonymous = std::nullopt});
  MR_ASSIGN_OR_RETURN(probes,
                      http::Server::Start(std::move(server), std::move(router), std::move(nobody), metrics));
  return Ok();
}

Status Operator::Parts::StartElection() {
  const kube::LeaderCallbacks callbacks = {
      .on_started = [this] { LogInfo("leads from now on", {{"identity", options.identity}}); },
      .on_stopped =
          [this](Status why) {
            const std::lock_guard lock(mutex);
            lost = std::move(why);
          },
      .on_new_leader =
          [this](const std::string& identity) {
            LogInfo("the lease has a holder", {{"lease", options.lease_name}, {"identity", identity}});
          }};
  MR_ASSIGN_OR_RETURN(elector, kube::LeaderElector::Start(*options.client, LeaseOf(options), callbacks));
  return Ok();
}

Status Operator::Parts::MayWrite() const {
  if (elector->IsLeader()) return Ok();
  return Unavailable("the lease {} is not ours any more", options.lease_name);
}

Status Operator::Parts::Lead() {
  readiness.Expect(std::string(kControllers));
  PlatformOptions wanted = options.platform;
  wanted.open_resources =
      [this](resource::Auditor auditor) -> Result<std::unique_ptr<resource::ResourceStore>> {
    MR_ASSIGN_OR_RETURN(auto opened,
                        resource::KubeStore::Create({.client = options.client,
                                                     .projects = options.projects,
                                                     .auditor = std::move(auditor),
                                                     .may_write = [this] { return MayWrite(); }}));
    store = opened.get();
    return std::unique_ptr<resource::ResourceStore>(std::move(opened));
  };
  Result<std::unique_ptr<Platform>> started = Platform::Start(std::move(wanted));
  if (!started.ok()) {
    store = nullptr;
    if (started.status().code() != Code::kUnavailable) return started.status();
    LogWarning("cannot begin yet", {{"reason", started.status().message()}});
    readiness.SetUnready(std::string(kControllers), started.status().message());
    again = std::chrono::steady_clock::now() + kAgain;
    return Ok();
  }
  platform = std::move(*started);
  LogInfo("the controllers run",
          {{"url", platform->url()}, {"data", options.platform.data_dir}, {"probes", probes->url()}});
  return Ok();
}

// One that waits for the lease is ready to take it.
void Operator::Parts::TellReadiness() {
  if (!elector->leader().empty()) readiness.SetReady(std::string(kLease));
  if (platform == nullptr) return;
  readiness.SetReady(std::string(kControllers));
  const Status health = store->Health();
  if (health.ok()) {
    readiness.SetReady(std::string(kCluster));
  } else {
    readiness.SetUnready(std::string(kCluster), health.message());
  }
}

Operator::Operator(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Operator::~Operator() { Stop(); }

Result<std::unique_ptr<Operator>> Operator::Start(OperatorOptions options) {
  if (options.client == nullptr) return InvalidArgument("an operator needs a client of its cluster");
  auto parts = std::make_unique<Parts>();
  parts->options = std::move(options);
  Parts& p = *parts;
  std::unique_ptr<Operator> started(new Operator(std::move(parts)));
  MR_RETURN_IF_ERROR(p.StartProbes());
  MR_RETURN_IF_ERROR(p.StartElection());
  return started;
}

Status Operator::Tick() {
  Parts& p = *parts_;
  {
    const std::lock_guard lock(p.mutex);
    if (p.lost) return Unavailable("the lease {} was lost: {}", p.options.lease_name, p.lost->message());
  }
  const bool begin = p.platform == nullptr && p.elector->IsLeader();
  if (begin && std::chrono::steady_clock::now() >= p.again) MR_RETURN_IF_ERROR(p.Lead());
  p.TellReadiness();
  return Ok();
}

// First the work, then the lease: the next one begins when this one has ended.
void Operator::Stop() {
  Parts& p = *parts_;
  p.store = nullptr;
  if (p.platform != nullptr) p.platform->Stop();
  p.platform.reset();
  p.elector.reset();
  p.probes.reset();
}

bool Operator::leads() const { return parts_->platform != nullptr && parts_->elector->IsLeader(); }

const Platform* Operator::platform() const { return parts_->platform.get(); }

std::string Operator::health_url() const { return parts_->probes->url(); }

}  // namespace millrace::cli
