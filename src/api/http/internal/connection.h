// A connection of the server: a Session with a socket under it, as one C++20
// coroutine on the I/O thread that it was given at accept. It owns itself (the
// coroutine holds a reference) and is listed by its IoThread, which looks after
// deadlines and shutdown. All functions run on that thread.
//
// This header is for the server's own sources: it includes Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_set>

#include "api/http/internal/core.h"
#include "api/http/internal/worker_pool.h"

namespace boost::asio::ssl {
class context;
}

namespace millrace::http::internal {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  virtual ~Connection() = default;
  // Starts the coroutine; called on the connection's thread.
  virtual void Start() = 0;
  // Cuts or times out what is beyond its deadline.
  virtual void Sweep(std::chrono::steady_clock::time_point now) = 0;
  // The server is shutting down: ends when nothing is in flight.
  virtual void Drain() = 0;
  // Ends now.
  virtual void Abort() = 0;
};

// One thread of I/O with its connections.
struct IoThread {
  asio::io_context context{1};
  std::unordered_set<Connection*> connections;
  asio::steady_timer sweep{context};
  std::thread thread;
};

// What a connection shares with its server, which outlives it.
struct ConnectionHost {
  const Core& core;
  WorkerPool& workers;
  std::function<void()> on_closed;  // called on any I/O thread when one ends
  // Not null: a plain connection that begins as TLS goes on as one.
  asio::ssl::context* tls_beside = nullptr;
};

std::shared_ptr<Connection> MakePlainConnection(ConnectionHost& host, IoThread& io, tcp::socket socket);
std::shared_ptr<Connection> MakeTlsConnection(ConnectionHost& host, IoThread& io, tcp::socket socket,
                                              asio::ssl::context& tls);

}  // namespace millrace::http::internal
