// Connection: one HTTP/1.1 connection to the API server, over TCP or TLS.
//
// One exchange at a time: Exchange writes a request and reads the answer's head,
// then Read returns its body piece by piece until it is empty. For one coroutine
// on the loop's thread; whatever waits ends with Cancelled when that is called
// off, or DeadlineExceeded. After a failure the connection is of no more use.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "kube/internal/loop.h"
#include "kube/internal/server_url.h"

namespace millrace::kube::internal {

struct HttpRequest {
  std::string method;
  std::string target;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct HttpHead {
  int status = 0;
  std::optional<std::chrono::milliseconds> retry_after;
  bool ok() const { return status >= 200 && status < 300; }
};

class Connection {
 public:
  virtual ~Connection() = default;

  virtual Task<Status> Open(Cancellation& cancellation, TimePoint deadline) = 0;
  virtual Task<Result<HttpHead>> Exchange(const HttpRequest& request, Cancellation& cancellation,
                                          TimePoint deadline) = 0;
  virtual Task<Result<std::string>> Read(Cancellation& cancellation, TimePoint deadline) = 0;

  // Some of the request was written: the server may have it.
  virtual bool reached() const = 0;
  // Some of an answer came.
  virtual bool answered() const = 0;
  // The answer was read to its end, and the server keeps the connection open.
  virtual bool reusable() const = 0;
  // At rest, and the server has closed it (or sends what nobody asked for).
  virtual bool Stale() = 0;
};

// Who the server must be and who we are to it, in PEM.
struct TlsMaterial {
  std::string ca_pem;  // "": the system's authorities
  std::string certificate_pem;
  std::string key_pem;
  std::string server_name;  // that the certificate must have; a name or an address
  bool insecure = false;

  bool operator==(const TlsMaterial&) const = default;
};

class ConnectionFactory {
 public:
  virtual ~ConnectionFactory() = default;
  virtual std::unique_ptr<Connection> Make() = 0;
};

std::unique_ptr<ConnectionFactory> PlainConnections(Loop& loop, const ServerUrl& server);
// InvalidArgument, naming which, for PEM that cannot be used.
Result<std::unique_ptr<ConnectionFactory>> TlsConnections(Loop& loop, const ServerUrl& server,
                                                          const TlsMaterial& material);

}  // namespace millrace::kube::internal
