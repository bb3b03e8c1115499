#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "kube/internal/socket_connection.h"

namespace millrace::kube::internal {
namespace {

using TlsStream = asio::ssl::stream<beast::tcp_stream>;

class TlsConnection : public SocketConnection<TlsStream> {
 public:
  // The context is shared with the factory, which may be replaced before this ends.
  TlsConnection(Loop& loop, const ServerUrl& server, std::shared_ptr<asio::ssl::context> context,
                std::string name, bool insecure)
      : SocketConnection(loop, server, TlsStream(beast::tcp_stream(loop.context()), *context)),
        context_(std::move(context)),
        name_(std::move(name)),
        insecure_(insecure) {}

 protected:
  Task<Status> Handshake(Cancellation& cancellation) override {
    ErrorCode ec;
    const bool is_address = !asio::ip::make_address(name_, ec).is_unspecified() && !ec;
    // What the macro SSL_set_tlsext_host_name does, without its C cast. An address is no server name.
    if (!is_address) {
      ::SSL_ctrl(stream().native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 name_.data());
    }
    if (!insecure_) stream().set_verify_callback(asio::ssl::host_name_verification(name_), ec);
    CancelHook hook(cancellation, [this] { lowest().close(); });
    ErrorCode failed;
    auto token = asio::redirect_error(asio::use_awaitable, failed);
    co_await stream().async_handshake(asio::ssl::stream_base::client, token);
    if (!failed && !cancellation.cancelled()) co_return Ok();
    const int64_t verified = ::SSL_get_verify_result(stream().native_handle());
    if (!cancellation.cancelled() && failed.category() == asio::error::get_ssl_category() &&
        (verified != X509_V_OK || failed.message().find("certificate verify failed") != std::string::npos)) {
      const std::string why = verified == X509_V_OK ? fmt::format("it is not for '{}'", name_)
                                                    : ::X509_verify_cert_error_string(verified);
      co_return FailedPrecondition("the certificate of {} is not one to trust: {}", server().authority, why);
    }
    co_return ExplainError(failed, server(), cancellation, "the TLS handshake with");
  }

 private:
  std::shared_ptr<asio::ssl::context> context_;
  std::string name_;
  bool insecure_;
};

class Factory : public ConnectionFactory {
 public:
  Factory(Loop& loop, ServerUrl server, std::shared_ptr<asio::ssl::context> context, std::string name,
          bool insecure)
      : loop_(loop),
        server_(std::move(server)),
        context_(std::move(context)),
        name_(std::move(name)),
        insecure_(insecure) {}
  std::unique_ptr<Connection> Make() override {
    return std::make_unique<TlsConnection>(loop_, server_, context_, name_, insecure_);
  }

 private:
  Loop& loop_;
  ServerUrl server_;
  std::shared_ptr<asio::ssl::context> context_;
  std::string name_;
  bool insecure_;
};

Status UseAuthorities(asio::ssl::context& context, const TlsMaterial& material) {
  ErrorCode ec;
  if (material.insecure) {
    context.set_verify_mode(asio::ssl::verify_none, ec);
    return Ok();
  }
  context.set_verify_mode(asio::ssl::verify_peer, ec);
  if (material.ca_pem.empty()) {
    context.set_default_verify_paths(ec);
  } else {
    const auto pem = asio::buffer(material.ca_pem);
    context.add_certificate_authority(pem, ec);
  }
  if (!ec) return Ok();
  return InvalidArgument("the certificate authority cannot be used: {}", ec.message());
}

Status UseIdentity(asio::ssl::context& context, const TlsMaterial& material) {
  if (material.certificate_pem.empty()) return Ok();
  ErrorCode ec;
  // Without a callback OpenSSL would ask the terminal for an encrypted key's password.
  context.set_password_callback([](size_t, asio::ssl::context::password_purpose) { return std::string(); },
                                ec);
  const auto certificate = asio::buffer(material.certificate_pem);
  context.use_certificate_chain(certificate, ec);
  if (ec) return InvalidArgument("the client certificate cannot be used: {}", ec.message());
  const auto key = asio::buffer(material.key_pem);
  context.use_private_key(key, asio::ssl::context::pem, ec);
  if (ec)
    return InvalidArgument("the client key cannot be used, or is another certificate's: {}", ec.message());
  return Ok();
}

}  // namespace

Result<std::unique_ptr<ConnectionFactory>> TlsConnections(Loop& loop, const ServerUrl& server,
                                                          const TlsMaterial& material) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  ErrorCode ec;
  context->set_options(asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                           asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1,
                       ec);
  MR_RETURN_IF_ERROR(UseAuthorities(*context, material));
  MR_RETURN_IF_ERROR(UseIdentity(*context, material));
  std::unique_ptr<ConnectionFactory> factory = std::make_unique<Factory>(
      loop, server, std::move(context), material.server_name.empty() ? server.host : material.server_name,
      material.insecure);
  return factory;
}

}  // namespace millrace::kube::internal
