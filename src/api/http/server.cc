#include "api/http/server.h"

#include <netdb.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "api/http/internal/connection.h"
#include "api/http/internal/core.h"
#include "api/http/internal/port_holder.h"
#include "api/http/internal/worker_pool.h"
#include "base/file.h"
#include "base/log.h"

namespace millrace::http {
namespace {

using internal::tcp;
using internal::asio::ip::address;
using ErrorCode = boost::system::error_code;
namespace asio = internal::asio;

constexpr std::chrono::milliseconds kSweepEvery(100);
constexpr std::chrono::seconds kRefreshEvery(1);
constexpr std::chrono::milliseconds kAcceptPause(100);

Result<tcp::endpoint> Resolve(const ServerOptions& options) {
  ErrorCode ec;
  address literal = asio::ip::make_address(options.address, ec);
  if (!ec) return tcp::endpoint(literal, options.port);
  asio::io_context context;
  tcp::resolver resolver(context);
  auto found = resolver.resolve(options.address, std::to_string(options.port), ec);
  if (ec || found.empty()) {
    return InvalidArgument(
        "the address '{}' to listen on is neither an IP address nor a name that resolves: {}",
        options.address, ec.message());
  }
  return found.begin()->endpoint();
}

Result<std::unique_ptr<asio::ssl::context>> LoadTls(const ServerOptions& options) {
  auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  ErrorCode ec;
  // SSL 3, TLS 1.0 and 1.1 are broken: RFC 8996.
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv3 |
                       asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1,
                   ec);
  if (!ec) tls->use_certificate_chain_file(options.tls_certificate, ec);
  if (ec) {
    return InvalidArgument("the TLS certificate {} cannot be used (a PEM file with the chain is needed): {}",
                           options.tls_certificate, ec.message());
  }
  tls->use_private_key_file(options.tls_key, asio::ssl::context::pem, ec);
  if (ec) {
    return InvalidArgument("the TLS key {} cannot be used (the PEM key of {} is needed): {}", options.tls_key,
                           options.tls_certificate, ec.message());
  }
  return tls;
}

Status CheckOptions(const ServerOptions& options, const tcp::endpoint& endpoint) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return InvalidArgument("TLS needs both a certificate and its key");
  }
  if (options.plain_beside_tls && (!endpoint.address().is_loopback() || options.tls_certificate.empty())) {
    return InvalidArgument("plain HTTP beside TLS is for loopback addresses with a certificate, not {}",
                           options.address);
  }
  if (!endpoint.address().is_loopback() && options.tls_certificate.empty() && !options.public_only) {
    return InvalidArgument(
        "{} can be reached from other machines, so it needs TLS: give --tls-cert and --tls-key, or "
        "listen "
        "on 127.0.0.1",
        options.address);
  }
  if (options.threads < 1 || options.workers < 1)
    return InvalidArgument("at least one thread and one worker are needed");
  return Ok();
}

Status CheckPublic(const Router& router) {
  for (const auto& route : router.routes()) {
    if (route->permission == security::Permission::kPublic) continue;
    return InvalidArgument("{} needs a permission: it has no place among public routes", route->pattern);
  }
  return Ok();
}

Status Listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  ErrorCode ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) return Ok();
  std::string where = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
  if (ec == asio::error::address_in_use) {
    std::string holder = internal::WhoListensOn(endpoint.port());
    return Unavailable("{} is in use{}: stop it, or choose another port with --listen", where,
                       holder.empty() ? " by another program" : " by " + holder);
  }
  if (ec == asio::error::access_denied) {
    return PermissionDenied(
        "{} may not be listened on: ports below 1024 need root; choose another with --listen", where);
  }
  return Unavailable("cannot listen on {}: {}", where, ec.message());
}

}  // namespace

bool IsLoopback(std::string_view text) {
  if (text == "localhost") return true;
  ErrorCode ec;
  address parsed = asio::ip::make_address(std::string(text), ec);
  return !ec && parsed.is_loopback();
}

class Server::Impl {
 public:
  Impl(ServerOptions options, Router router, std::shared_ptr<security::Access> access,
       telemetry::Metrics& metrics)
      : core_(std::move(options), std::move(router), access, metrics),
        metrics_(metrics),
        access_(std::move(access)),
        workers_(core_.options().workers, core_.options().worker_queue),
        host_{core_, workers_, [this] { closed_.notify_all(); }} {
    for (int i = 0; i < core_.options().threads; ++i)
      threads_.push_back(std::make_unique<internal::IoThread>());
    acceptor_.emplace(threads_[0]->context);
    pause_.emplace(threads_[0]->context);
  }
  ~Impl() { Shutdown(std::chrono::milliseconds(0)); }

  Status Start(const tcp::endpoint& endpoint, std::unique_ptr<asio::ssl::context> tls) {
    tls_ = std::move(tls);
    if (core_.options().plain_beside_tls) host_.tls_beside = tls_.get();
    MR_RETURN_IF_ERROR(Listen(*acceptor_, endpoint));
    ErrorCode ec;
    endpoint_ = acceptor_->local_endpoint(ec);
    Accept();
    for (auto& thread : threads_) {
      ScheduleSweep(*thread);
      thread->thread = std::thread([&context = thread->context] { context.run(); });
    }
    metrics_.SetGaugeFunction("millrace_http_connections", "Open HTTP connections.", {},
                              [this] { return static_cast<double>(core_.connections().load()); });
    metrics_.SetGaugeFunction("millrace_http_streams", "Open watches and followed logs.", {},
                              [this] { return static_cast<double>(core_.streams().load()); });
    started_ = true;
    return Ok();
  }

  bool Shutdown(std::chrono::milliseconds grace) {
    if (!started_) return true;
    started_ = false;
    core_.draining().store(true);
    metrics_.RemoveGaugeFunction("millrace_http_connections", {});
    metrics_.RemoveGaugeFunction("millrace_http_streams", {});
    asio::post(threads_[0]->context, [this] {
      ErrorCode ignored;
      acceptor_->close(ignored);
      pause_->cancel();
    });
    ForAll([](internal::Connection& connection) { connection.Drain(); });
    bool drained = WaitForConnections(grace);
    if (!drained) {
      ForAll([](internal::Connection& connection) { connection.Abort(); });
      WaitForConnections(std::chrono::seconds(1));
    }
    workers_.Stop();
    for (auto& thread : threads_) thread->context.stop();
    for (auto& thread : threads_) thread->thread.join();
    return drained;
  }

  const tcp::endpoint& endpoint() const { return endpoint_; }
  const internal::Core& core() const { return core_; }

 private:
  template <typename Do>
  void ForAll(Do&& act) {
    for (auto& thread : threads_) {
      asio::post(thread->context, [&thread = *thread, act] {
        for (internal::Connection* connection : thread.connections) act(*connection);
      });
    }
  }

  bool WaitForConnections(std::chrono::milliseconds at_most) {
    std::unique_lock lock(closed_mutex_);
    auto deadline = std::chrono::steady_clock::now() + at_most;
    // Woken by each end; the short wait covers one that comes between the look and the wait.
    while (core_.connections().load() > 0 && std::chrono::steady_clock::now() < deadline) {
      closed_.wait_for(lock, std::chrono::milliseconds(5));
    }
    return core_.connections().load() == 0;
  }

  void Accept() {
    internal::IoThread& io = *threads_[next_thread_];
    next_thread_ = (next_thread_ + 1) % threads_.size();
    acceptor_->async_accept(io.context, [this, &io](ErrorCode ec, tcp::socket socket) {
      if (core_.draining().load()) return;
      if (ec) {
        // Out of descriptors, most likely: let some connections end first.
        core_.CountRejected("accept");
        pause_->expires_after(kAcceptPause);
        pause_->async_wait([this](ErrorCode cancelled) {
          if (!cancelled) Accept();
        });
        return;
      }
      Take(io, std::move(socket));
      Accept();
    });
  }

  void Take(internal::IoThread& io, tcp::socket socket) {
    ErrorCode ec;
    socket.set_option(tcp::no_delay(true), ec);
    socket.non_blocking(true, ec);
    if (core_.connections().load() >= static_cast<int64_t>(core_.limits().max_connections)) {
      core_.CountRejected("connections");
      static constexpr std::string_view kFull =
          "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: "
          "close\r\n\r\n";
      if (!core_.tls()) socket.write_some(asio::buffer(kFull), ec);
      return;
    }
    core_.connections().fetch_add(1);
    std::shared_ptr<internal::Connection> connection =
        core_.tls() ? internal::MakeTlsConnection(host_, io, std::move(socket), *tls_)
                    : internal::MakePlainConnection(host_, io, std::move(socket));
    asio::post(io.context, [connection = std::move(connection)] { connection->Start(); });
  }

  void ScheduleSweep(internal::IoThread& io) {
    io.sweep.expires_after(kSweepEvery);
    io.sweep.async_wait([this, &io](ErrorCode cancelled) {
      if (cancelled) return;
      auto now = std::chrono::steady_clock::now();
      for (internal::Connection* connection : io.connections) connection->Sweep(now);
      if (&io == threads_[0].get() && now - refreshed_ > kRefreshEvery) {
        refreshed_ = now;
        workers_.Submit([access = access_] {
          Status refreshed = access->Refresh();
          if (!refreshed.ok()) LogWarning("the tokens cannot be read", {{"error", refreshed.message()}});
        });
      }
      ScheduleSweep(io);
    });
  }

  internal::Core core_;
  telemetry::Metrics& metrics_;
  std::shared_ptr<security::Access> access_;  // shared with who changes tokens and grants
  std::unique_ptr<asio::ssl::context> tls_;
  internal::WorkerPool workers_;
  internal::ConnectionHost host_;
  std::vector<std::unique_ptr<internal::IoThread>> threads_;
  std::optional<tcp::acceptor> acceptor_;    // on the first thread
  std::optional<asio::steady_timer> pause_;  // before the next accept, after an error
  size_t next_thread_ = 0;
  tcp::endpoint endpoint_;
  std::chrono::steady_clock::time_point refreshed_{};
  std::mutex closed_mutex_;
  std::condition_variable closed_;
  bool started_ = false;
};

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Router router,
                                              std::shared_ptr<security::Access> access,
                                              telemetry::Metrics& metrics) {
  MR_ASSIGN_OR_RETURN(tcp::endpoint endpoint, Resolve(options));
  MR_RETURN_IF_ERROR(CheckOptions(options, endpoint));
  if (options.public_only) MR_RETURN_IF_ERROR(CheckPublic(router));
  std::unique_ptr<asio::ssl::context> tls;
  if (!options.tls_certificate.empty()) {
    MR_ASSIGN_OR_RETURN(tls, LoadTls(options));
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(router), std::move(access), metrics);
  MR_RETURN_IF_ERROR(impl->Start(endpoint, std::move(tls)));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

uint16_t Server::port() const { return impl_->endpoint().port(); }

std::string Server::url() const {
  const tcp::endpoint& endpoint = impl_->endpoint();
  std::string host = endpoint.address().to_string();
  if (endpoint.address().is_v6()) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", impl_->core().tls() ? "https" : "http", host, endpoint.port());
}

const Router& Server::router() const { return impl_->core().router(); }

bool Server::Shutdown(std::chrono::milliseconds grace) { return impl_->Shutdown(grace); }

}  // namespace millrace::http
