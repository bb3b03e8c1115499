#include "api/system/system_api.h"

#include "api/resources/body.h"
#include "api/resources/kube.h"
#include "base/json.h"

namespace millrace::api {

using http::Method;
using http::Request;
using http::Response;
using security::Permission;

void Readiness::Expect(const std::string& role, const std::string& reason) { SetUnready(role, reason); }

void Readiness::SetReady(const std::string& role) {
  std::lock_guard lock(mutex_);
  reasons_[role].clear();
}

void Readiness::SetUnready(const std::string& role, const std::string& reason) {
  std::lock_guard lock(mutex_);
  reasons_[role] = reason.empty() ? "not ready" : reason;
}

bool Readiness::ready() const {
  std::lock_guard lock(mutex_);
  for (const auto& [role, reason] : reasons_) {
    if (!reason.empty()) return false;
  }
  return true;
}

std::map<std::string, std::string> Readiness::Reasons() const {
  std::lock_guard lock(mutex_);
  return reasons_;
}

namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

Response Ready(const Readiness& readiness) {
  std::string text;
  bool all = true;
  for (const auto& [role, reason] : readiness.Reasons()) {
    text += role + ": " + (reason.empty() ? "ready" : reason) + "\n";
    all = all && reason.empty();
  }
  if (text.empty()) text = "ready\n";
  return Response::OfText(all ? 200 : 503, kText, std::move(text));
}

Response Audit(const security::AuditLog& audit, const Request& request) {
  Result<int64_t> limit = QueryNumber(request, "limit", 100);
  if (!limit.ok()) return KubeError(limit.status());
  Result<std::vector<security::AuditRecord>> records =
      audit.Tail(static_cast<size_t>(std::min<int64_t>(*limit, 1000)));
  if (!records.ok()) return KubeError(records.status());
  Json items = Json::array();
  for (const security::AuditRecord& record : *records) {
    items.push_back(Json{{"seq", record.seq},
                         {"time", FormatTime(record.time)},
                         {"who", record.entry.who},
                         {"what", record.entry.what},
                         {"resource", record.entry.resource},
                         {"change", record.entry.change},
                         {"hash", record.hash}});
  }
  return KubeObject(200, Json{{"items", std::move(items)}});
}

}  // namespace

void AddHealthRoutes(http::Router& router, const Readiness& readiness) {
  router.Add<Permission::kPublic>(Method::kGet, "/healthz",
                                  [](const Request&) { return Response::OfText(200, kText, "ok\n"); },
                                  {.max_body = 0});
  router.Add<Permission::kPublic>(Method::kGet, "/readyz",
                                  [state = &readiness](const Request&) { return Ready(*state); },
                                  {.max_body = 0});
}

void AddSystemRoutes(http::Router& router, SystemApiOptions options) {
  AddHealthRoutes(router, options.readiness);
  const telemetry::Metrics* metrics = &options.metrics;
  router.Add<Permission::kMetricsRead>(
      Method::kGet, "/metrics",
      [metrics](const Request&) {
        return Response::OfText(200, "text/plain; version=0.0.4; charset=utf-8", metrics->Expose());
      },
      {.run = http::Run::kBlocking, .max_body = 0});
  if (options.audit == nullptr) return;
  const security::AuditLog* audit = options.audit;
  router.Add<Permission::kAuditRead>(Method::kGet, std::string(kApisRoot) + "/audit",
                                     [audit](const Request& r) { return Audit(*audit, r); },
                                     {.run = http::Run::kBlocking, .max_body = 0});
}

}  // namespace millrace::api
