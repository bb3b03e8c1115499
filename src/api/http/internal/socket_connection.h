// SocketConnection<Stream>: Connection over a TCP socket or a TLS stream. Only
// plain_connection.cc and tls_connection.cc include this.
//
// GCC 12 miscompiles temporaries inside co_await expressions; every awaited
// argument here is a named local.
#pragma once

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <type_traits>
#include <utility>

#include "api/http/internal/connection.h"
#include "api/http/internal/session.h"

namespace millrace::http::internal {

using ErrorCode = boost::system::error_code;
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Wakes a connection from any thread, for as long as it wants to be woken.
class Waker {
 public:
  Waker(asio::io_context& context, std::function<void()> on_wake)
      : context_(&context), on_wake_(std::move(on_wake)) {}
  void Wake() {
    std::lock_guard lock(mutex_);
    if (context_ != nullptr) asio::post(*context_, on_wake_);
  }
  void Detach() {
    std::lock_guard lock(mutex_);
    context_ = nullptr;
    on_wake_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* context_;
  std::function<void()> on_wake_;
};

template <typename Stream>
class SocketConnection final : public Connection {
 public:
  static constexpr bool kTls = !std::is_same_v<Stream, tcp::socket>;

  SocketConnection(ConnectionHost& host, IoThread& io, Stream stream)
      : host_(host), io_(io), stream_(std::move(stream)), session_(host.core), event_(io.context) {}

  void Start() override {
    io_.connections.insert(this);
    std::shared_ptr<Connection> self = shared_from_this();
    asio::co_spawn(io_.context, Run(std::move(self)), asio::detached);
  }

  void Sweep(TimePoint now) override {
    if (now < deadline_) return;
    deadline_ = TimePoint::max();
    timed_out_ = true;
    host_.core.CountRejected(reading_ ? (session_.idle() ? "idle" : "slow_request") : "slow_reader");
    CancelSocket();
  }

  void Drain() override {
    news_ = true;
    if (streaming_) event_.cancel();
    if (reading_ && session_.idle()) CancelSocket();
  }

  void Abort() override {
    aborted_ = true;
    event_.cancel();
    ErrorCode ignored;
    Socket().close(ignored);
  }

 private:
  using Step = Session::Step;

  tcp::socket& Socket() {
    if constexpr (kTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }
  void CancelSocket() {
    ErrorCode ignored;
    Socket().cancel(ignored);
  }
  static TimePoint Now() { return std::chrono::steady_clock::now(); }
  bool draining() const { return host_.core.draining().load(std::memory_order_relaxed); }

  asio::awaitable<void> Run([[maybe_unused]] std::shared_ptr<Connection> self) {
    bool open = co_await Handshake();
    while (open && !aborted_) {
      Step step = session_.Advance(Now());
      if (session_.has_output()) {
        open = co_await Flush();
        if (!open) break;
      }
      switch (step) {
        case Step::kFlush:
          break;
        case Step::kClose:
          open = false;
          break;
        case Step::kBlocking:
          open = co_await RunBlocking();
          break;
        case Step::kStream:
          open = co_await RunStream();
          break;
        case Step::kRead:
          open = co_await Read();
          break;
      }
    }
    co_await Close();
    io_.connections.erase(this);
    host_.core.connections().fetch_sub(1);
    host_.on_closed();
  }

  asio::awaitable<bool> Handshake() {
    if constexpr (kTls) {
      deadline_ = Now() + host_.core.limits().header_timeout;
      auto [ec] = co_await stream_.async_handshake(Stream::server, kAwait);
      deadline_ = TimePoint::max();
      if (ec) {
        host_.core.CountRejected("tls");
        co_return false;
      }
    } else if (host_.tls_beside != nullptr) {
      deadline_ = Now() + host_.core.limits().header_timeout;
      reading_ = true;
      auto [ec] = co_await stream_.async_wait(tcp::socket::wait_read, kAwait);
      reading_ = false;
      deadline_ = TimePoint::max();
      if (ec || timed_out_) co_return false;
      if (BeginsTls()) {
        host_.core.connections().fetch_add(1);
        MakeTlsConnection(host_, io_, std::move(stream_), *host_.tls_beside)->Start();
        co_return false;
      }
    }
    first_request_ = true;
    co_return true;
  }

  // A TLS connection begins with a handshake record (RFC 8446, section 5.1), and no HTTP method does.
  bool BeginsTls() {
    constexpr unsigned char kHandshake = 0x16;
    unsigned char first = 0;
    const ssize_t n = ::recv(Socket().native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 1 && first == kHandshake;
  }

  asio::awaitable<bool> Read() {
    if (draining() && session_.idle()) co_return false;
    auto space = session_.InputSpace();
    asio::mutable_buffer buffer(space.first, space.second);
    TimePoint now = Now();
    // Who connects and says nothing is cut as one who does not finish the headers.
    deadline_ = std::exchange(first_request_, false) ? now + host_.core.limits().header_timeout
                                                     : session_.ReadDeadline(now);
    reading_ = true;
    auto [ec, bytes] = co_await stream_.async_read_some(buffer, kAwait);
    reading_ = false;
    deadline_ = TimePoint::max();
    if (timed_out_) {
      session_.TimedOut(Now());
      if (session_.has_output()) co_await Flush();
      co_return false;
    }
    if (ec) co_return false;
    session_.Received(bytes);
    co_return true;
  }

  asio::awaitable<bool> Flush() {
    std::string& output = session_.output();
    size_t written = 0;
    ErrorCode ec;
    if constexpr (!kTls) {
      // Nearly always the kernel takes it all at once.
      written = stream_.write_some(asio::buffer(output), ec);
      if (ec == asio::error::would_block) ec = {};
    }
    if (!ec && written < output.size()) {
      deadline_ = Now() + host_.core.limits().write_timeout;
      asio::const_buffer rest(output.data() + written, output.size() - written);
      auto [write_error, bytes] = co_await asio::async_write(stream_, rest, kAwait);
      deadline_ = TimePoint::max();
      ec = write_error;
    }
    session_.Written();
    co_return !ec;
  }

  // Runs `work` on a worker and waits for its end; false when no worker takes it.
  asio::awaitable<bool> OnWorker(std::function<void()> work) {
    std::shared_ptr<Connection> self = shared_from_this();
    worker_done_ = false;
    event_.expires_at(TimePoint::max());
    bool taken = host_.workers.Submit([this, self, work = std::move(work)]() mutable {
      work();
      asio::post(io_.context, [this, self = std::move(self)] {
        worker_done_ = true;
        event_.cancel();
      });
    });
    if (!taken) co_return false;
    while (!worker_done_) {
      [[maybe_unused]] auto [ec] = co_await event_.async_wait(kAwait);
    }
    co_return true;
  }

  asio::awaitable<bool> RunBlocking() {
    std::function<void()> work = [this] { session_.RunHandler(); };
    bool ran = co_await OnWorker(std::move(work));
    if (!ran) {
      session_.RefuseHandler(Now());
      co_return true;
    }
    Step step = session_.FinishHandler(Now());
    if (step != Step::kStream) co_return true;
    bool open = co_await Flush();
    if (open) {
      open = co_await RunStream();
    } else {
      session_.FinishStream(Now());
    }
    co_return open;
  }

  asio::awaitable<bool> RunStream() {
    BodyStream& stream = session_.stream();
    auto waker = std::make_shared<Waker>(io_.context, [this, self = shared_from_this()] {
      news_ = true;
      if (streaming_) event_.cancel();
    });
    stream.OnNews([waker] { waker->Wake(); });
    streaming_ = true;
    WatchForDisconnect();
    bool open = true;
    bool ended = false;
    while (open && !ended && !aborted_) {
      news_ = false;
      BodyStream::Chunk chunk;
      std::function<void()> next = [&stream, &chunk] { chunk = stream.Next(); };
      bool ran = co_await OnWorker(std::move(next));
      if (ran) {
        session_.AppendChunk(chunk.bytes);
        ended = chunk.end;
      }
      ended = ended || draining();
      if (session_.has_output()) open = co_await Flush();
      if (gone_) open = false;
      if (!open || ended || news_) continue;
      event_.expires_after(stream.PollInterval());
      [[maybe_unused]] auto [ec] = co_await event_.async_wait(kAwait);
      if (gone_) open = false;
    }
    streaming_ = false;
    waker->Detach();
    CancelSocket();
    session_.FinishStream(Now());
    if (open && session_.has_output()) open = co_await Flush();
    co_return open && !aborted_;
  }

  // A watch may have nothing to write for hours: notices its client's end meanwhile.
  void WatchForDisconnect() {
    Socket().async_wait(tcp::socket::wait_read, [this, self = shared_from_this()](ErrorCode ec) {
      if (ec || !streaming_) return;
      char byte;
      ssize_t n = ::recv(Socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      bool would_block = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      if (n > 0 || would_block) return;  // a pipelined request: it is read when the stream has ended
      gone_ = true;
      event_.cancel();
    });
  }

  asio::awaitable<void> Close() {
    TimePoint until = Now() + std::chrono::seconds(1);
    ErrorCode ignored;
    if constexpr (kTls) {
      if (!aborted_ && !timed_out_) {
        deadline_ = until;
        [[maybe_unused]] auto [ec] = co_await stream_.async_shutdown(kAwait);
      }
    }
    Socket().shutdown(tcp::socket::shutdown_send, ignored);
    // Closing with bytes unread resets the connection, which can take our answer
    // with it: read and forget for a moment (RFC 9112, section 9.6).
    constexpr size_t kMostForgotten = 1 << 20;
    size_t forgotten = 0;
    while (session_.unread_input() && !aborted_ && Now() < until && forgotten < kMostForgotten) {
      timed_out_ = false;
      auto space = session_.InputSpace();
      asio::mutable_buffer buffer(space.first, space.second);
      deadline_ = until;
      auto [ec, bytes] = co_await Socket().async_read_some(buffer, kAwait);
      if (ec) break;
      forgotten += bytes;
    }
    deadline_ = TimePoint::max();
    Socket().close(ignored);
  }

  ConnectionHost& host_;
  IoThread& io_;
  Stream stream_;
  Session session_;
  asio::steady_timer event_;  // a condition to wait for: cancelled when something happened
  TimePoint deadline_ = TimePoint::max();
  bool reading_ = false;
  bool first_request_ = false;
  bool timed_out_ = false;
  bool aborted_ = false;
  bool worker_done_ = false;
  bool streaming_ = false;
  bool news_ = false;
  bool gone_ = false;
};

}  // namespace millrace::http::internal
