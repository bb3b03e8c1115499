// Server: HTTP/1.1 on one address, over TCP or TLS.
//
//   MR_ASSIGN_OR_RETURN(auto server, Server::Start({.port = 7070}, std::move(router), access, metrics));
//   LogInfo("listening", {{"url", server->url()}});
//   …
//   server->Shutdown(std::chrono::seconds(10));
//
//    accept ─▶ connection (one I/O thread for its life)
//                read ▶ parse ▶ limits ▶ Host, Origin ▶ route ▶ identity ▶ permission ▶ handler ▶ write
//                                                                                        │
//                                       kInline: here        kBlocking: worker pool ◀────┘
//
// Each I/O thread has its own connections, so a connection needs no lock. A
// request of kInline costs no allocation of the server's own once the
// connection is warm. Everything from outside is limited (Limits); what breaks
// a limit is answered with the right status where that is possible and cut
// where it is not, and is counted.
//
// Start fails with a sentence: the port is in use (and by whom, where the
// system tells), the address is not loopback and there is no TLS, a certificate
// cannot be read. Shutdown stops accepting, lets requests in flight finish and
// closes the rest at the deadline; the destructor is Shutdown(0). The Server
// owns its threads; Start and Shutdown are for one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/http/router.h"
#include "base/status.h"
#include "security/authorizer.h"
#include "telemetry/metrics.h"

namespace millrace::http {

struct Limits {
  size_t max_header_bytes = 16 << 10;               // request line and headers; more is 431
  size_t max_target_bytes = 8 << 10;                // more is 414
  size_t max_headers = 100;                         // more is 431
  size_t max_connections = 10000;                   // more are closed at once with 503
  size_t max_streams = 1000;                        // watches at once; more are 429
  std::chrono::milliseconds header_timeout{10000};  // from the first byte to the end of the headers: 408
  std::chrono::milliseconds body_timeout{30000};    // without progress of at least min_body_rate: 408
  size_t min_body_rate = 1024;                      // bytes a second that a body must come at, on average
  std::chrono::milliseconds idle_timeout{75000};    // between requests
  std::chrono::milliseconds write_timeout{30000};   // a client that does not read is cut
  size_t max_pipelined_bytes = 1 << 20;             // of responses that wait to be written
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // or a name that resolves; others than loopback need TLS
  uint16_t port = 7070;               // 0 lets the system choose
  int threads = 1;                    // of I/O
  int workers = 4;                    // threads for kBlocking handlers and streams
  size_t worker_queue = 256;          // requests that may wait for a worker; more are 503
  std::string tls_certificate = {};   // PEM files; both or none
  std::string tls_key = {};
  // On loopback: answers plain HTTP on the same port as well, told apart by a connection's first byte.
  bool plain_beside_tls = false;
  // Only routes that need no permission (probes): other addresses than loopback need no TLS then.
  bool public_only = false;
  // Names that the Host header may have, beside localhost, loopback addresses
  // and the listen address: against DNS rebinding.
  std::vector<std::string> allowed_hosts = {};
  // Origins that browsers may send requests from, beside our own: "https://console.example".
  std::vector<std::string> allowed_origins = {};
  bool access_log = false;
  Limits limits = {};
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Router router,
                                               std::shared_ptr<security::Access> access,
                                               telemetry::Metrics& metrics);
  ~Server();

  uint16_t port() const;
  // "http://127.0.0.1:7070", without a slash at the end.
  std::string url() const;
  const Router& router() const;

  // True when every request in flight was answered in time.
  bool Shutdown(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// True for 127.0.0.0/8, ::1 and "localhost".
bool IsLoopback(std::string_view address);

}  // namespace millrace::http
