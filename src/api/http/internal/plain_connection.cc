#include "api/http/internal/socket_connection.h"

namespace millrace::http::internal {

std::shared_ptr<Connection> MakePlainConnection(ConnectionHost& host, IoThread& io, tcp::socket socket) {
  return std::make_shared<SocketConnection<tcp::socket>>(host, io, std::move(socket));
}

}  // namespace millrace::http::internal
