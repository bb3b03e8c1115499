#include "kube/internal/socket_connection.h"

namespace millrace::kube::internal {
namespace {

class PlainConnection : public SocketConnection<beast::tcp_stream> {
 public:
  using SocketConnection::SocketConnection;

 protected:
  Task<Status> Handshake(Cancellation&) override { co_return Ok(); }
};

class Factory : public ConnectionFactory {
 public:
  Factory(Loop& loop, ServerUrl server) : loop_(loop), server_(std::move(server)) {}
  std::unique_ptr<Connection> Make() override {
    return std::make_unique<PlainConnection>(loop_, server_, beast::tcp_stream(loop_.context()));
  }

 private:
  Loop& loop_;
  ServerUrl server_;
};

}  // namespace

std::unique_ptr<ConnectionFactory> PlainConnections(Loop& loop, const ServerUrl& server) {
  return std::make_unique<Factory>(loop, server);
}

}  // namespace millrace::kube::internal
