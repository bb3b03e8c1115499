#include "api/http/internal/core.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/id.h"

namespace millrace::http::internal {
namespace {

bool IsIpLiteral(std::string_view name) {
  unsigned char address[sizeof(in6_addr)];
  std::string text(name);
  return ::inet_pton(AF_INET, text.c_str(), address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address) == 1;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return out;
}

RouteMetrics MetricsOf(telemetry::Metrics& metrics, const std::string& method, const std::string& route) {
  RouteMetrics out;
  for (int status = 1; status < 6; ++status) {
    out.by_class[status] =
        &metrics.GetCounter("millrace_http_requests_total", "HTTP requests by route and class of status.",
                            {{"method", method}, {"route", route}, {"status", fmt::format("{}xx", status)}});
  }
  out.seconds = &metrics.GetHistogram("millrace_http_request_seconds",
                                      "Time from a request's last byte to its response, in seconds.",
                                      {{"method", method}, {"route", route}});
  return out;
}

}  // namespace

std::optional<std::string_view> HostName(std::string_view host) {
  size_t end = host.find(':');
  if (host.starts_with('[')) {
    end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view behind = host.substr(end + 1);
    if (!behind.empty() && behind.front() != ':') return std::nullopt;
    host = host.substr(1, end - 1);
  } else if (end != std::string_view::npos) {
    std::string_view port = host.substr(end + 1);
    bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return std::nullopt;
    host = host.substr(0, end);
  }
  if (host.empty() || host.size() > 255) return std::nullopt;
  return host;
}

Core::Core(ServerOptions options, Router router, std::shared_ptr<security::Access> access,
           telemetry::Metrics& metrics)
    : options_(std::move(options)),
      router_(std::move(router)),
      access_(std::move(access)),
      metrics_(metrics),
      id_prefix_(RandomHex(4) + "-") {
  for (const auto& route : router_.routes()) {
    route_metrics_[route.get()] = MetricsOf(metrics_, std::string(MethodName(route->method)), route->pattern);
  }
  unrouted_ = MetricsOf(metrics_, "", "none");
}

bool Core::IsOurHost(std::string_view host) const {
  std::optional<std::string_view> name = HostName(host);
  if (!name) return false;
  // A literal address cannot be made to mean another machine by DNS.
  if (IsIpLiteral(*name)) return true;
  std::string lower = Lower(*name);
  if (lower == "localhost" || lower.ends_with(".localhost") || lower == Lower(options_.address)) return true;
  return std::any_of(options_.allowed_hosts.begin(), options_.allowed_hosts.end(),
                     [&](const std::string& allowed) { return Lower(allowed) == lower; });
}

bool Core::IsOurOrigin(std::string_view origin, std::string_view host) const {
  const auto is_ours = [&](std::string_view scheme) {
    return origin.starts_with(scheme) && Lower(origin.substr(scheme.size())) == Lower(host);
  };
  if (!tls() && is_ours("http://")) return true;
  if (!options_.tls_certificate.empty() && is_ours("https://")) return true;
  return std::find(options_.allowed_origins.begin(), options_.allowed_origins.end(), origin) !=
         options_.allowed_origins.end();
}

void Core::CountRequest(const Route* route, int status, std::chrono::nanoseconds took) const {
  auto found = route_metrics_.find(route);
  const RouteMetrics& metrics = found == route_metrics_.end() ? unrouted_ : found->second;
  metrics.by_class[std::clamp(status / 100, 1, 5)]->Add();
  metrics.seconds->Observe(took);
}

void Core::CountRejected(std::string_view reason) const {
  metrics_
      .GetCounter("millrace_http_rejected_total", "Requests refused and connections cut before any handler.",
                  {{"reason", std::string(reason)}})
      .Add();
}

void Core::AppendRequestId(std::string& out) const {
  out += id_prefix_;
  char digits[16];
  uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
  auto end = std::to_chars(digits, digits + sizeof(digits), id, 16).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

}  // namespace millrace::http::internal
