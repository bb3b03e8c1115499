// What a platform asks of a process: is it alive, is it ready, what does it count.
//
//   GET /healthz   200 as long as the process answers
//   GET /readyz    200, or 503 with a line for each role: "serve: loading default/fraud version 3"
//   GET /metrics   Prometheus text
//   GET …/audit?limit=100   the newest audit records (admin)
//
// Roles report their state through Readiness: unready from the start, ready
// when they said so, with a reason in words. Thread safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "api/http/router.h"
#include "security/audit.h"
#include "telemetry/metrics.h"

namespace millrace::api {

class Readiness {
 public:
  // Declares a role as not ready yet.
  void Expect(const std::string& role, const std::string& reason = "starting");
  void SetReady(const std::string& role);
  void SetUnready(const std::string& role, const std::string& reason);

  bool ready() const;
  // Role → "" when it is ready, else why not.
  std::map<std::string, std::string> Reasons() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> reasons_;
};

struct SystemApiOptions {
  const Readiness& readiness;  // these outlive the router
  const telemetry::Metrics& metrics;
  const security::AuditLog* audit = nullptr;  // null: there is no audit route
};

// The first two alone, for a server of probes.
void AddHealthRoutes(http::Router& router, const Readiness& readiness);
void AddSystemRoutes(http::Router& router, SystemApiOptions options);

}  // namespace millrace::api
