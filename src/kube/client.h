// Client: calls of a Kubernetes API server.
//
//   MR_ASSIGN_OR_RETURN(ClientConfig config, LoadConfig());
//   MR_ASSIGN_OR_RETURN(auto client, Client::Create({.config = config}));
//   MR_ASSIGN_OR_RETURN(Json pod, client->Get({kPods, "team-a", "web-0"}));
//   client->DoAsync(ListRequest(kPods, "team-a"), [](Result<Json> page) { … });
//
// Objects are JSON, as the server has them (docs/adr: objects of the Kubernetes
// API are JSON). Thread safe. The client owns one I/O thread: all calls, watches,
// informers and leases run there as coroutines. The blocking calls are for other
// threads; one on the I/O thread itself would wait for ever and ends the process.
// Callbacks of the asynchronous ones run on the I/O thread and must not block.
// Whatever uses a client ends before it; the destructor calls off what is left,
// whose callbacks are called with Cancelled.
//
// A call waits for its turn (rate, connections; see Priority), is sent again on
// failures that allow it (no connection, 429, 5xx: kube/internal/retry.h) with
// jittered back-off, and fails at its deadline. Errors: kube/api_error.h; beside
// them Unavailable (no connection), DeadlineExceeded, Cancelled, ResourceExhausted
// (an answer over max_response), FailedPrecondition (a certificate not to trust).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"
#include "kube/config.h"
#include "kube/request.h"

namespace millrace::kube {

namespace internal {
class Core;
}

struct ClientOptions {
  ClientConfig config;
  double rate = 50;          // calls a second, in the long run
  int burst = 100;           // calls at once after a rest
  int max_connections = 16;  // of calls; streams (watches, logs) have their own
  int max_streams = 256;
  size_t max_response = size_t{64} << 20;  // bytes of one answer
  std::string user_agent = "millrace";
};

class Client {
 public:
  // InvalidArgument for a server that is no URL. Connects to nothing yet.
  static Result<std::unique_ptr<Client>> Create(ClientOptions options);
  ~Client();

  const ClientConfig& config() const;

  // Any request of kube/request.h.
  Result<Json> Do(const Request& request);
  Result<std::string> DoText(const Request& request);
  void DoAsync(Request request, std::function<void(Result<Json>)> done);

  Result<Json> Get(const ObjectName& object, CallOptions call = {});
  // All pages as one list: {"metadata": …, "items": […]}.
  Result<Json> List(const GroupVersionResource& resource, const std::string& ns,
                    const ListOptions& options = {}, CallOptions call = {});
  // Page by page, so that no more than one is in memory. A failure of `on_page`
  // ends it. When the server drops the version between two pages (Expired), the
  // rest is unknown: that is the failure, and the caller begins again.
  Status ListPages(const GroupVersionResource& resource, const std::string& ns, const ListOptions& options,
                   const std::function<Status(Json page)>& on_page, CallOptions call = {});
  Result<Json> Create(const GroupVersionResource& resource, const std::string& ns, const Json& body,
                      const WriteOptions& options = {}, CallOptions call = {});
  Result<Json> Replace(const ObjectName& object, const Json& body, const WriteOptions& options = {},
                       CallOptions call = {});
  Result<Json> Patch(const ObjectName& object, PatchType type, const Json& patch,
                     const WriteOptions& options = {}, CallOptions call = {});
  Result<Json> Apply(const ObjectName& object, const Json& body, const ApplyOptions& options = {},
                     CallOptions call = {});
  Result<Json> Delete(const ObjectName& object, const DeleteOptions& options = {}, CallOptions call = {});
  // spec.replicas through the scale subresource.
  Result<int64_t> GetScale(const ObjectName& object, CallOptions call = {});
  Result<Json> SetScale(const ObjectName& object, int64_t replicas, CallOptions call = {});
  // "/version", "/openapi/v3", "/metrics".
  Result<std::string> Raw(const std::string& path, CallOptions call = {});

  // Hands a container's log over, in pieces as they come, on this thread, until
  // it ends or `on_piece` returns false. `cancelled` is asked several times a
  // second while nothing comes.
  Status Logs(const std::string& ns, const std::string& pod, const LogOptions& options,
              const std::function<bool(std::string_view piece)>& on_piece,
              const std::function<bool()>& cancelled = {}, CallOptions call = {});

  internal::Core& core() { return *core_; }

 private:
  explicit Client(std::unique_ptr<internal::Core> core);

  std::unique_ptr<internal::Core> core_;
};

}  // namespace millrace::kube
