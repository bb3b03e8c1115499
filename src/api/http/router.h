// Router: which handler answers a method and a path, and the permission that it
// needs. A route cannot be declared without one:
//
//   Router router;
//   router.Add<Permission::kPredict>(Method::kPost, "/v2/models/{model}/infer",
//                                    [&](const Request& r) { return Infer(r); },
//                                    {.project = "default"});
//   router.Add<Permission::kResourcesRead>(Method::kGet, "/apis/…/namespaces/{project}/{plural}",
//                                          List, {.scope = Scope::kProjectParam, .run = Run::kBlocking});
//   router.Add(Method::kGet, "/v2", handler);        // does not compile
//
// A pattern is '/'-separated; `{name}` stands for one non-empty part, and a
// last `{name...}` for all the rest. A literal part wins over a parameter. HEAD
// is answered by GET's route; OPTIONS and 405 tell the methods that exist.
//
// Built at start-up by one thread; then immutable and read by many. Declaring
// the same method and pattern twice is a broken invariant.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/request.h"
#include "api/http/response.h"
#include "security/permission.h"

namespace millrace::http {

using Handler = std::function<Response(const Request&)>;

// Where the permission is asked for, before the handler runs.
enum class Scope : uint8_t {
  kPlatform,      // the caller's own role must have it
  kProject,       // in the Project that RouteOptions::project names
  kProjectParam,  // in the Project that `{project}` of the path names
  kAnyProject,    // somewhere; the handler filters by Request::Allows
};

// Where the handler runs.
enum class Run : uint8_t {
  kInline,    // on the I/O thread: microseconds, no disk, no database, no lock that others hold long
  kBlocking,  // on a worker thread: anything that may wait
};

struct RouteOptions {
  Scope scope = Scope::kPlatform;  // the strictest
  std::string project = {};        // for Scope::kProject
  Run run = Run::kInline;
  size_t max_body = 1 << 20;  // bytes; more is answered 413 before it is read
  // Media types of the body that are taken; empty takes any. Anything else is 415.
  std::vector<std::string> content_types = {};
};

struct Route {
  Method method;
  std::string pattern;
  security::Permission permission;
  Handler handler;
  RouteOptions options;
};

// How a prefix writes an error: an HTTP status and a sentence with its code.
using ErrorFormat = std::function<Response(int http_status, const Status&)>;

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  template <security::Permission kPermission>
  void Add(Method method, std::string pattern, Handler handler, RouteOptions options = {}) {
    AddRoute(Route{method, std::move(pattern), kPermission, std::move(handler), std::move(options)});
  }

  // Errors that the server itself answers below `prefix` (401, 403, 404, 413 …)
  // have this form; the longest prefix wins. Without any: {"error": "sentence"}.
  void ErrorsBelow(std::string prefix, ErrorFormat format);
  Response Error(std::string_view path, int http_status, const Status& status) const;
  Response Error(std::string_view path, const Status& status) const;

  static constexpr size_t kMaxParams = 8;
  struct Match {
    const Route* route = nullptr;  // null: see allowed
    size_t num_params = 0;
    std::array<std::pair<std::string_view, std::string_view>, kMaxParams> params;  // name, encoded value
    // Methods that the path has, as a bit a Method; 0: no such path.
    uint8_t allowed = 0;
  };
  // `path` without its query. No allocation.
  Match Find(Method method, std::string_view path) const;

  // All routes in order of declaration; stable addresses.
  std::span<const std::unique_ptr<Route>> routes() const { return routes_; }
  // Literal prefixes to name in a 404: "did you mean /v2/models?"; "" when none is near.
  std::string NearestPath(std::string_view path) const;

 private:
  struct Node;
  void AddRoute(Route route);
  bool Walk(const Node& node, Method method, std::string_view left, Match& match) const;

  std::vector<std::unique_ptr<Route>> routes_;
  std::vector<std::pair<std::string, ErrorFormat>> error_formats_;
  std::unique_ptr<Node> root_;
};

}  // namespace millrace::http
