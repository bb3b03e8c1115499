// SocketConnection: Connection over a stream of Beast's. Included by the two
// files that instantiate it, plain_connection.cc and tls_connection.cc.
#pragma once

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>

#include "kube/internal/connection.h"

namespace millrace::kube::internal {

namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using tcp = asio::ip::tcp;

inline Status ExplainError(const ErrorCode& ec, const ServerUrl& server, const Cancellation& cancellation,
                           std::string_view doing) {
  if (cancellation.cancelled()) return Cancelled("called off");
  if (ec == beast::error::timeout) return DeadlineExceeded("{} did not answer in time", server.authority);
  if (ec == asio::error::connection_refused) return Unavailable("nothing listens at {}", server.authority);
  if (ec == beast::http::error::end_of_stream || ec == beast::http::error::partial_message ||
      ec == asio::error::eof || ec == asio::ssl::error::stream_truncated) {
    return Unavailable("{} closed the connection", server.authority);
  }
  return Unavailable("{} {} failed: {}", doing, server.authority, ec.message());
}

// A peer that is gone without a word is noticed after some 45 seconds.
inline void KeepAlive(int fd) {
  const auto set = [fd](int level, int name, int value) {
    (void)::setsockopt(fd, level, name, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 45000);
}

template <typename Stream>
class SocketConnection : public Connection {
 public:
  SocketConnection(Loop& loop, const ServerUrl& server, Stream stream)
      : loop_(loop), server_(server), stream_(std::move(stream)), piece_(32 << 10) {}

  Task<Status> Open(Cancellation& cancellation, TimePoint deadline) override {
    if (cancellation.cancelled()) co_return Cancelled("called off");
    Result<std::vector<tcp::endpoint>> endpoints = co_await Resolve(cancellation);
    if (!endpoints.ok()) co_return endpoints.status();
    Arm(deadline);
    ErrorCode ec;
    {
      CancelHook hook(cancellation, [this] { lowest().close(); });
      auto token = asio::redirect_error(asio::use_awaitable, ec);
      co_await lowest().async_connect(endpoints.value(), token);
    }
    if (ec || cancellation.cancelled()) co_return ExplainError(ec, server_, cancellation, "connecting to");
    KeepAlive(lowest().socket().native_handle());
    co_return co_await Handshake(cancellation);
  }

  Task<Result<HttpHead>> Exchange(const HttpRequest& request, Cancellation& cancellation,
                                  TimePoint deadline) override {
    reached_ = false;
    parser_.emplace();
    parser_->body_limit(boost::none);
    parser_->header_limit(64 << 10);
    if (cancellation.cancelled()) co_return Cancelled("called off");
    beast::http::request<beast::http::string_body> message;
    message.version(11);
    message.method_string(request.method);
    message.target(request.target);
    message.set(beast::http::field::host, server_.authority);
    for (const auto& [name, value] : request.headers) message.set(name, value);
    message.body() = request.body;
    message.prepare_payload();
    Arm(deadline);
    CancelHook hook(cancellation, [this] { lowest().close(); });
    ErrorCode write_error;
    ErrorCode ec;
    reached_ = true;
    auto write_token = asio::redirect_error(asio::use_awaitable, write_error);
    co_await beast::http::async_write(stream_, message, write_token);
    // A server that refuses a large body may answer before it has read it all.
    if (write_error && (cancellation.cancelled() || write_error == beast::error::timeout)) {
      co_return ExplainError(write_error, server_, cancellation, "writing to");
    }
    auto read_token = asio::redirect_error(asio::use_awaitable, ec);
    co_await beast::http::async_read_header(stream_, buffer_, *parser_, read_token);
    if (ec) co_return ExplainError(write_error ? write_error : ec, server_, cancellation, "talking to");
    broken_ = static_cast<bool>(write_error);
    co_return Head();
  }

  Task<Result<std::string>> Read(Cancellation& cancellation, TimePoint deadline) override {
    CancelHook hook(cancellation, [this] { lowest().close(); });
    Arm(deadline);
    while (!parser_->is_done()) {
      if (cancellation.cancelled()) co_return Cancelled("called off");
      auto& body = parser_->get().body();
      body.data = piece_.data();
      body.size = piece_.size();
      body.more = true;
      ErrorCode ec;
      auto token = asio::redirect_error(asio::use_awaitable, ec);
      co_await beast::http::async_read_some(stream_, buffer_, *parser_, token);
      const size_t got = piece_.size() - parser_->get().body().size;
      if (ec && ec != beast::http::error::need_buffer) {
        broken_ = true;
        co_return ExplainError(ec, server_, cancellation, "reading from");
      }
      if (got > 0) co_return std::string(piece_.data(), got);
    }
    co_return std::string();
  }

  bool reached() const override { return reached_; }
  bool answered() const override { return parser_ && parser_->got_some(); }
  bool reusable() const override {
    return !broken_ && parser_ && parser_->is_done() && parser_->get().keep_alive();
  }

  bool Stale() override {
    if (!lowest().socket().is_open()) return true;
    char byte = 0;
    const ssize_t got =
        ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT | MSG_NOSIGNAL);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

 protected:
  // After the connection stands, before the first request.
  virtual Task<Status> Handshake(Cancellation& cancellation) = 0;

  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  Stream& stream() { return stream_; }
  const ServerUrl& server() const { return server_; }

 private:
  void Arm(TimePoint deadline) {
    if (deadline == kNever) {
      lowest().expires_never();
    } else {
      lowest().expires_at(deadline);
    }
  }

  Task<Result<std::vector<tcp::endpoint>>> Resolve(Cancellation& cancellation) {
    std::vector<tcp::endpoint> endpoints;
    ErrorCode ec;
    const auto address = asio::ip::make_address(server_.host, ec);
    if (!ec) {
      endpoints.emplace_back(address, static_cast<uint16_t>(std::stoi(server_.port)));
      co_return endpoints;
    }
    tcp::resolver resolver(loop_.context());
    CancelHook hook(cancellation, [&resolver] { resolver.cancel(); });
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto results = co_await resolver.async_resolve(server_.host, server_.port, token);
    if (cancellation.cancelled()) co_return Cancelled("called off");
    if (ec) co_return Unavailable("the name '{}' does not resolve: {}", server_.host, ec.message());
    for (const auto& entry : results) endpoints.push_back(entry.endpoint());
    co_return endpoints;
  }

  HttpHead Head() const {
    HttpHead head;
    head.status = static_cast<int>(parser_->get().result_int());
    const auto text = parser_->get()[beast::http::field::retry_after];
    int seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (!text.empty() && parsed.ec == std::errc() && seconds >= 0) {
      head.retry_after = std::chrono::seconds(std::min(seconds, 3600));
    }
    return head;
  }

  Loop& loop_;
  const ServerUrl server_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::vector<char> piece_;
  std::optional<beast::http::response_parser<beast::http::buffer_body>> parser_;
  bool reached_ = false;
  bool broken_ = false;
};

}  // namespace millrace::kube::internal
