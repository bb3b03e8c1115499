#include "cli/platform.h"

#include <atomic>
#include <filesystem>

#include "api/features/feature_api.h"
#include "api/http/server.h"
#include "api/oip/routes.h"
#include "api/registry/registry_api.h"
#include "api/resources/resource_api.h"
#include "api/system/system_api.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cli/data_dir.h"
#include "cli/signing_key.h"
#include "cli/version.h"
#include "controller/definition_check.h"
#include "controller/manager.h"
#include "feature/online_store.h"
#include "inference/endpoint.h"
#include "registry/sqlite_registry.h"
#include "resource/sqlite_store.h"
#include "security/audit.h"
#include "security/authorizer.h"
#include "security/certificate.h"
#include "security/token.h"
#include "telemetry/metrics.h"

namespace millrace::cli {
namespace {

constexpr std::chrono::milliseconds kDrain(5000);
constexpr std::string_view kReplayState = "online-as-of-";

// Left behind by a platform that was killed while it replayed.
void RemoveReplayStates(const std::string& data_dir) {
  const Result<std::vector<std::string>> names = ListDirectory(data_dir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!name.starts_with(kReplayState)) continue;
    const Status removed = RemoveTree(data_dir + "/" + name);
    if (!removed.ok()) LogWarning("an old replay state stays", {{"reason", removed.message()}});
  }
}

std::string DigestOf(const resource::Change& change) {
  return change.after == nullptr ? std::string() : Sha256Hex(FormatJson(change.after->spec));
}

// Status says how far the controllers are; what people and controllers decide is
// recorded: every other change.
Status AuditResource(security::AuditLog& audit, const resource::Change& change) {
  if (change.verb == resource::Verb::kUpdateStatus) return Ok();
  security::AuditEntry entry{
      .who = change.actor,
      .what = std::string(resource::VerbName(change.verb)),
      .resource = fmt::format("{}/{}/{}", change.key.project, change.key.kind, change.key.name),
      .change = DigestOf(change)};
  return audit.Append(std::move(entry)).status();
}

Status AuditRegistry(security::AuditLog& audit, const registry::RegistryChange& change) {
  security::AuditEntry entry{.who = change.actor,
                             .what = change.action,
                             .resource = fmt::format("{}/{}", change.project, change.subject),
                             .change = Sha256Hex(change.details)};
  return audit.Append(std::move(entry)).status();
}

// "models/fraud/aliases/champion" → "fraud"; "" for anything else.
std::string ModelOf(const std::string& subject) {
  constexpr std::string_view kModels = "models/";
  if (!subject.starts_with(kModels)) return "";
  return subject.substr(kModels.size(), subject.find('/', kModels.size()) - kModels.size());
}

}  // namespace

struct Platform::Parts {
  PlatformOptions options;
  std::optional<FileLock> lock;
  std::string token;
  std::string online_dir;
  telemetry::Metrics metrics;
  api::Readiness readiness;
  std::shared_ptr<security::Access> access;  // shared with the server
  std::unique_ptr<security::AuditLog> audit;
  std::unique_ptr<resource::ResourceStore> resources;
  std::unique_ptr<registry::Registry> registry;
  std::unique_ptr<feature::OnlineStore> online;
  inference::EndpointSet endpoints;
  std::optional<SigningKey> signing_key;
  std::optional<controller::Stores> stores;
  std::unique_ptr<controller::Manager> manager;
  std::atomic<controller::Manager*> notified{nullptr};  // told of changes in the registry
  std::unique_ptr<http::Server> server;

  Status OpenSecurity();
  Status OpenStores();
  Status StartControllers();
  Status StartServer();
  void Stop();
};

Status Platform::Parts::OpenSecurity() {
  MR_ASSIGN_OR_RETURN(audit, security::AuditLog::Open(options.data_dir + "/audit.log", SystemClock()));
  MR_ASSIGN_OR_RETURN(
      const std::shared_ptr<security::TokenStore> tokens,
      security::TokenStore::Open(options.data_dir + "/tokens", security::RecordTokens(*audit, "system:up")));
  MR_ASSIGN_OR_RETURN(token, security::EnsureAdminToken(*tokens, options.data_dir));
  security::Access::Options access_options{.tokens = tokens, .anonymous = std::nullopt};
  if (!options.anonymous.empty()) {
    access_options.anonymous = security::ParseRole(options.anonymous);
    if (!access_options.anonymous) {
      return InvalidArgument("'{}' is no role: viewer, editor or admin.", options.anonymous);
    }
    if (!http::IsLoopback(options.address)) {
      return InvalidArgument("Anonymous access is for loopback addresses alone; {} is none.",
                             options.address);
    }
  }
  access = std::make_shared<security::Access>(std::move(access_options));
  return Ok();
}

Status Platform::Parts::OpenStores() {
  resource::Auditor auditor = [this](const resource::Change& change) {
    return AuditResource(*audit, change);
  };
  if (options.open_resources) {
    MR_ASSIGN_OR_RETURN(resources, options.open_resources(std::move(auditor)));
  } else {
    resource::SqliteStore::Options store_options;
    store_options.path = options.data_dir + "/resources.db";
    store_options.auditor = std::move(auditor);
    MR_ASSIGN_OR_RETURN(resources, resource::SqliteStore::Create(std::move(store_options)));
  }
  registry::SqliteRegistry::Options registry_options;
  registry_options.path = options.data_dir + "/registry.db";
  registry_options.on_change = [this](const registry::RegistryChange& change) -> Status {
    MR_RETURN_IF_ERROR(AuditRegistry(*audit, change));
    const std::string model = ModelOf(change.subject);
    controller::Manager* told = notified.load();
    if (told != nullptr && !model.empty()) told->ModelChanged(change.project, model);
    return Ok();
  };
  MR_ASSIGN_OR_RETURN(registry, registry::SqliteRegistry::Open(std::move(registry_options)));
  MR_ASSIGN_OR_RETURN(signing_key, OpenSigningKey(options.data_dir, *registry, *audit));
  RemoveReplayStates(options.data_dir);
  online_dir = options.as_of ? fmt::format("{}/{}{}", options.data_dir, kReplayState, RandomHex(4))
                             : options.data_dir + "/online";
  feature::OnlineStoreOptions online_options;
  online_options.directory = online_dir;
  online_options.on_refused = [this](const std::string& source, const std::string& reason) {
    metrics
        .GetCounter("millrace_late_events_total", "Events that could not be used online.",
                    {{"source", source}})
        .Add();
    LogDebug("event not used", {{"source", source}, {"reason", reason}});
  };
  MR_ASSIGN_OR_RETURN(online, feature::OnlineStore::Open(std::move(online_options)));
  metrics.SetGaugeFunction("millrace_state_bytes", "Bytes of the online state.", {}, [this] {
    int64_t bytes = 0;
    for (const feature::SourceStats& source : online->Stats()) {
      bytes += source.id_bytes;
      for (const feature::ViewStats& view : source.views) bytes += view.bytes;
    }
    return static_cast<double>(bytes);
  });
  return Ok();
}

Status Platform::Parts::StartControllers() {
  stores.emplace(controller::Stores{*resources, *registry, *online, endpoints, *access, metrics, *signing_key,
                                    SystemClock()});
  controller::ManagerOptions manager_options;
  manager_options.stores = &*stores;
  manager_options.data_dir = options.data_dir;
  manager_options.as_of = options.as_of;
  manager_options.cores = options.cores;
  manager_options.recheck = options.open_resources != nullptr;
  MR_ASSIGN_OR_RETURN(manager, controller::Manager::Start(std::move(manager_options)));
  notified = manager.get();
  return Ok();
}

Status Platform::Parts::StartServer() {
  readiness.Expect("controllers", "starting");
  http::Router router;
  api::AddResourceRoutes(router, {.store = *resources,
                                  .access = *access,
                                  .version = std::string(kVersion),
                                  .check = controller::CheckDefinitions(options.data_dir)});
  api::AddFeatureRoutes(router,
                        {.store = *resources,
                         .online = *online,
                         .metrics = metrics,
                         .service_plan = [this](const std::string& project, const std::string& service) {
                           return manager->ServicePlan(project, service);
                         }});
  api::AddRegistryRoutes(
      router, {.store = *resources, .registry = *registry, .runs_dir = options.data_dir + "/runs"});
  oip::AddRoutes(router, {.endpoints = &endpoints, .version = std::string(kVersion), .ready = {}});
  api::AddSystemRoutes(router, {.readiness = readiness, .metrics = metrics, .audit = audit.get()});
  http::ServerOptions server_options;
  server_options.address = options.address;
  server_options.port = static_cast<uint16_t>(options.port);
  server_options.tls_certificate = options.tls_certificate;
  server_options.tls_key = options.tls_key;
  if (options.tls_certificate.empty() && options.tls_key.empty() && http::IsLoopback(options.address)) {
    MR_ASSIGN_OR_RETURN(const security::CertificateFiles files,
                        security::EnsureLoopbackCertificate(options.data_dir, SystemClock().Now()));
    server_options.tls_certificate = files.certificate;
    server_options.tls_key = files.key;
    server_options.plain_beside_tls = true;
  }
  server_options.allowed_hosts = options.allowed_hosts;
  server_options.allowed_origins = options.allowed_origins;
  MR_ASSIGN_OR_RETURN(server,
                      http::Server::Start(std::move(server_options), std::move(router), access, metrics));
  readiness.SetReady("controllers");
  return Ok();
}

void Platform::Parts::Stop() {
  if (server != nullptr && !server->Shutdown(kDrain)) LogWarning("some requests were cut off");
  notified = nullptr;
  if (manager != nullptr) manager->Stop();
  server.reset();
  metrics.RemoveGaugeFunction("millrace_state_bytes", {});
  for (const std::shared_ptr<inference::Endpoint>& endpoint : endpoints.List()) endpoint->Unload();
  manager.reset();
  online.reset();
  if (options.as_of && !online_dir.empty()) {
    const Status removed = RemoveTree(online_dir);
    if (!removed.ok()) LogWarning("the replay state stays", {{"reason", removed.message()}});
  }
  registry.reset();
  resources.reset();
  audit.reset();
  lock.reset();
}

Platform::Platform(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Platform::~Platform() { Stop(); }

Result<std::unique_ptr<Platform>> Platform::Start(PlatformOptions options) {
  if (options.port < 0 || options.port > 65535)
    return InvalidArgument("{} is no port: 0 to 65535.", options.port);
  auto parts = std::make_unique<Parts>();
  std::error_code error;
  options.data_dir = std::filesystem::absolute(options.data_dir, error).lexically_normal().string();
  parts->options = std::move(options);
  Parts& p = *parts;
  std::unique_ptr<Platform> platform(new Platform(std::move(parts)));
  Result<FileLock> lock = OpenDataDir(p.options.data_dir);
  if (!lock.ok()) return lock.status();
  p.lock.emplace(std::move(*lock));
  MR_RETURN_IF_ERROR(p.OpenSecurity());
  MR_RETURN_IF_ERROR(p.OpenStores());
  MR_RETURN_IF_ERROR(p.StartControllers());
  MR_RETURN_IF_ERROR(p.StartServer());
  return platform;
}

Result<resource::Plan> Platform::Apply(std::span<const resource::Document> documents) {
  return resource::Admit(documents, *parts_->resources, {.actor = "admin", .manager = "millrace-up"},
                         controller::CheckDefinitions(parts_->options.data_dir));
}

resource::ResourceStore& Platform::resources() { return *parts_->resources; }

std::map<std::string, controller::TaskView> Platform::Running() const { return parts_->manager->Running(); }

std::string Platform::url() const { return parts_->server->url(); }

const std::string& Platform::token() const { return parts_->token; }

void Platform::Stop() {
  if (parts_ != nullptr) parts_->Stop();
}

}  // namespace millrace::cli
