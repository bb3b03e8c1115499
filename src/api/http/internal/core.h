// Core: what all connections of a server share; made at Start, then read by
// every I/O thread. Counters are wait-free; nothing here is locked on the
// request path.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/http/router.h"
#include "api/http/server.h"
#include "security/authorizer.h"
#include "telemetry/metrics.h"

namespace millrace::http::internal {

// The metrics of one route, found once.
struct RouteMetrics {
  telemetry::Counter* by_class[6] = {};  // [status / 100]
  telemetry::Histogram* seconds = nullptr;
};

class Core {
 public:
  Core(ServerOptions options, Router router, std::shared_ptr<security::Access> access,
       telemetry::Metrics& metrics);

  const ServerOptions& options() const { return options_; }
  const Limits& limits() const { return options_.limits; }
  const Router& router() const { return router_; }
  const security::Access& access() const { return *access_; }
  // Whether every connection is one of TLS.
  bool tls() const { return !options_.tls_certificate.empty() && !options_.plain_beside_tls; }

  // Whether a Host header's value names us: an IP literal, localhost, the listen
  // address or an allowed name. Any port.
  bool IsOurHost(std::string_view host) const;
  // Whether an Origin is our own (scheme and Host of this request) or allowed.
  bool IsOurOrigin(std::string_view origin, std::string_view host) const;

  void CountRequest(const Route* route, int status, std::chrono::nanoseconds took) const;
  // Requests that reached no handler, and connections that were cut.
  void CountRejected(std::string_view reason) const;

  // "5f3a9c1e-2b": distinct within a run of the server, and among runs.
  void AppendRequestId(std::string& out) const;

  std::atomic<int64_t>& connections() const { return connections_; }
  std::atomic<int64_t>& streams() const { return streams_; }
  std::atomic<bool>& draining() const { return draining_; }

 private:
  ServerOptions options_;
  Router router_;
  std::shared_ptr<security::Access> access_;  // shared with who changes tokens and grants
  telemetry::Metrics& metrics_;
  std::unordered_map<const Route*, RouteMetrics> route_metrics_;
  RouteMetrics unrouted_;
  std::string id_prefix_;
  mutable std::atomic<uint64_t> next_id_{1};
  mutable std::atomic<int64_t> connections_{0};
  mutable std::atomic<int64_t> streams_{0};
  mutable std::atomic<bool> draining_{false};
};

// The name in "name:port" and "[::1]:port", without the port and brackets;
// nullopt for text of another form.
std::optional<std::string_view> HostName(std::string_view host);

}  // namespace millrace::http::internal
