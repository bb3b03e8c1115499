#include <boost/asio/ssl.hpp>

#include "api/http/internal/socket_connection.h"

namespace millrace::http::internal {

std::shared_ptr<Connection> MakeTlsConnection(ConnectionHost& host, IoThread& io, tcp::socket socket,
                                              asio::ssl::context& tls) {
  using TlsStream = asio::ssl::stream<tcp::socket>;
  return std::make_shared<SocketConnection<TlsStream>>(host, io, TlsStream(std::move(socket), tls));
}

}  // namespace millrace::http::internal
