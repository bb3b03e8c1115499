#include "api/http/router.h"

#include <algorithm>
#include <map>

#include "api/http/status_http.h"
#include "base/text.h"

namespace millrace::http {

// One part of a path. A literal child is tried first, then the parameter.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> param;
  std::array<const Route*, kMethods> routes{};
  std::array<const Route*, kMethods> rest{};  // of a `{name...}` here
};

namespace {

bool IsParam(std::string_view part) { return part.size() > 2 && part.front() == '{' && part.back() == '}'; }
bool IsRest(std::string_view part) { return IsParam(part) && part.ends_with("...}"); }
std::string_view ParamName(std::string_view part) {
  return part.substr(1, part.size() - (IsRest(part) ? 5 : 2));
}

// Takes the part before the next '/' off `path`, which starts behind a '/'.
std::string_view TakePart(std::string_view& path) {
  size_t slash = std::min(path.find('/'), path.size());
  std::string_view part = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return part;
}

// The names in a pattern, in order.
void NameParams(const Route& route, Router::Match& match) {
  std::string_view pattern = std::string_view(route.pattern).substr(1);
  size_t i = 0;
  while (!pattern.empty()) {
    std::string_view part = TakePart(pattern);
    if (!IsParam(part)) continue;
    match.params[i++].first = ParamName(part);
  }
}

}  // namespace

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::AddRoute(Route route) {
  MR_CHECK(route.pattern.starts_with('/'), "the pattern '{}' does not start with a slash", route.pattern);
  MR_CHECK(route.options.scope != Scope::kProject || !route.options.project.empty(),
           "{} asks in a Project and names none", route.pattern);
  MR_CHECK(
      route.options.scope != Scope::kProjectParam || route.pattern.find("/{project}") != std::string::npos,
      "{} has no {{project}}", route.pattern);
  size_t method = static_cast<size_t>(route.method);
  routes_.push_back(std::make_unique<Route>(std::move(route)));
  const Route* added = routes_.back().get();
  Node* node = root_.get();
  std::string_view pattern = std::string_view(added->pattern).substr(1);
  size_t params = 0;
  while (!pattern.empty()) {
    std::string_view part = TakePart(pattern);
    if (IsParam(part)) ++params;
    if (IsRest(part)) {
      MR_CHECK(pattern.empty(), "{} goes on behind its rest", added->pattern);
      MR_CHECK(node->rest[method] == nullptr, "{} {} is declared twice", MethodName(added->method),
               added->pattern);
      node->rest[method] = added;
      return;
    }
    std::unique_ptr<Node>& next = IsParam(part) ? node->param : node->literals[std::string(part)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  MR_CHECK(params <= kMaxParams, "{} has more than {} parameters", added->pattern, kMaxParams);
  MR_CHECK(node->routes[method] == nullptr, "{} {} is declared twice", MethodName(added->method),
           added->pattern);
  node->routes[method] = added;
}

namespace {

uint8_t AllowedBits(const std::array<const Route*, kMethods>& routes) {
  unsigned bits = 0;
  for (size_t i = 0; i < kMethods; ++i) {
    if (routes[i] != nullptr) bits |= 1U << i;
  }
  // HEAD is GET without its body.
  if ((bits & (1U << static_cast<size_t>(Method::kGet))) != 0)
    bits |= 1U << static_cast<size_t>(Method::kHead);
  return static_cast<uint8_t>(bits);
}

const Route* Pick(const std::array<const Route*, kMethods>& routes, Method method) {
  const Route* route = routes[static_cast<size_t>(method)];
  if (route == nullptr && method == Method::kHead) route = routes[static_cast<size_t>(Method::kGet)];
  return route;
}

}  // namespace

// Finds the first route below `node` for what is `left` of the path: literal
// before parameter before rest, coming back from a branch that leads nowhere.
// The number of steps is bounded by the number of nodes.
bool Router::Walk(const Node& node, Method method, std::string_view left, Match& match) const {
  if (left.empty()) {
    match.allowed |= AllowedBits(node.routes);
    match.route = Pick(node.routes, method);
    return match.route != nullptr;
  }
  size_t params = match.num_params;
  std::string_view behind = left;
  std::string_view part = TakePart(behind);
  auto literal = node.literals.find(part);
  if (literal != node.literals.end() && Walk(*literal->second, method, behind, match)) return true;
  match.num_params = params;
  if (params == kMaxParams) return false;
  if (node.param && !part.empty()) {
    match.params[match.num_params++].second = part;
    if (Walk(*node.param, method, behind, match)) return true;
    match.num_params = params;
  }
  match.allowed |= AllowedBits(node.rest);
  match.route = Pick(node.rest, method);
  if (match.route == nullptr) return false;
  match.params[match.num_params++].second = left;
  return true;
}

Router::Match Router::Find(Method method, std::string_view path) const {
  Match match;
  if (path.empty() || path.front() != '/') return match;
  if (Walk(*root_, method, path.substr(1), match)) NameParams(*match.route, match);
  return match;
}

void Router::ErrorsBelow(std::string prefix, ErrorFormat format) {
  auto shorter = [&](const auto& entry) { return entry.first.size() < prefix.size(); };
  auto at = std::find_if(error_formats_.begin(), error_formats_.end(), shorter);
  error_formats_.emplace(at, std::move(prefix), std::move(format));
}

Response Router::Error(std::string_view path, int http_status, const Status& status) const {
  for (const auto& [prefix, format] : error_formats_) {
    bool below = path.starts_with(prefix) &&
                 (path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/');
    if (below) return format(http_status, status);
  }
  return Response::OfJson(http_status, "{\"error\":" + JsonQuote(status.message()) + "}\n");
}

Response Router::Error(std::string_view path, const Status& status) const {
  return Error(path, HttpStatusOf(status.code()), status);
}

std::string Router::NearestPath(std::string_view path) const {
  constexpr size_t kLongest = 200;  // the distance is quadratic; no route is longer
  if (path.size() > kLongest) return {};
  std::vector<std::string> patterns;
  for (const auto& route : routes_) patterns.push_back(route->pattern);
  return Nearest(path, patterns);
}

}  // namespace millrace::http
