#include "api/http/client.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <variant>

#include "api/http/status_http.h"
#include "base/json.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using tcp = asio::ip::tcp;
using PlainStream = beast::tcp_stream;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

constexpr std::chrono::milliseconds kTick(200);
constexpr size_t kMaxLine = 16 << 20;

struct Target {
  bool tls = false;
  std::string host;
  std::string port;
};

Result<Target> ParseUrl(const std::string& url) {
  Target target;
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    target.tls = true;
  } else {
    return InvalidArgument("the URL '{}' does not start with http:// or https://", url);
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  size_t colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    size_t end = rest.find(']');
    if (end == std::string_view::npos) return InvalidArgument("the URL '{}' has no ']'", url);
    target.host = rest.substr(1, end - 1);
    colon = rest.find(':', end);
  } else {
    target.host = rest.substr(0, colon);
  }
  target.port =
      colon == std::string_view::npos ? (target.tls ? "443" : "80") : std::string(rest.substr(colon + 1));
  bool digits =
      !target.port.empty() && target.port.size() <= 5 &&
      std::all_of(target.port.begin(), target.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (target.host.empty() || target.host.find('/') != std::string::npos || !digits) {
    return InvalidArgument("the URL '{}' is not of the form http://HOST:PORT", url);
  }
  return target;
}

beast::http::verb VerbOf(Method method) {
  return beast::http::string_to_verb(std::string(MethodName(method)));
}

bool IsIdempotent(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kPut ||
         method == Method::kDelete || method == Method::kOptions;
}

template <typename Fields>
std::vector<Header> CopyHeaders(const Fields& fields) {
  std::vector<Header> headers;
  for (const auto& field : fields) {
    headers.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  return headers;
}

}  // namespace

std::string_view ClientResponse::HeaderValue(std::string_view name) const {
  for (const Header& header : headers) {
    if (beast::iequals(header.name, beast::string_view(name.data(), name.size()))) return header.value;
  }
  return {};
}

Status Failed(const ClientResponse& response) {
  if (response.status >= 200 && response.status < 300) return Ok();
  std::string text = response.body;
  Result<Json> body = ParseJson(response.body);
  if (body.ok() && body->is_object()) {
    for (const char* key : {"message", "error"}) {
      if (body->contains(key) && (*body)[key].is_string()) {
        text = (*body)[key].get<std::string>();
        break;
      }
    }
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty()) text = fmt::format("HTTP status {} {}", response.status, ReasonPhrase(response.status));
  return Status(CodeOfHttpStatus(response.status), text);
}

class Client::Impl {
 public:
  Impl(ClientOptions options, Target target) : options_(std::move(options)), target_(std::move(target)) {}
  ~Impl() { Disconnect(); }

  const ClientOptions& options() const { return options_; }

  Status LoadTls() {
    if (!target_.tls) return Ok();
    tls_.emplace(asio::ssl::context::tls_client);
    ErrorCode ec;
    if (options_.ca_file.empty()) {
      tls_->set_default_verify_paths(ec);
    } else {
      tls_->load_verify_file(options_.ca_file, ec);
    }
    if (ec) return InvalidArgument("the CA file {} cannot be used: {}", options_.ca_file, ec.message());
    tls_->set_verify_mode(asio::ssl::verify_peer, ec);
    return Ok();
  }

  Result<ClientResponse> Send(const ClientRequest& request) {
    bool reused = connected();
    bool answered = false;
    Result<ClientResponse> response = Exchange(request, answered);
    // The server may close a connection at rest at any time; only then, and only
    // when nothing of an answer came, is it safe to say it once more.
    bool again = !response.ok() && reused && !answered && IsIdempotent(request.method) &&
                 response.status().code() == Code::kUnavailable;
    if (!again) return response;
    return Exchange(request, answered);
  }

  Status Stream(const ClientRequest& request, const std::function<bool(std::string_view)>& on_line,
                const std::function<bool()>& cancelled) {
    Disconnect();  // a stream ends by closing, so it has a connection of its own
    MR_RETURN_IF_ERROR(Connect());
    beast::flat_buffer buffer;
    beast::http::response_parser<beast::http::buffer_body> parser;
    parser.body_limit(boost::none);
    Status status = Write(request);
    if (status.ok()) {
      status = Await(options_.timeout, {}, [&](auto& stream, auto done) {
        beast::http::async_read_header(stream, buffer, parser, done);
      });
    }
    if (status.ok()) status = ReadLines(buffer, parser, on_line, cancelled);
    Disconnect();
    return status;
  }

 private:
  bool connected() const { return !std::holds_alternative<std::monostate>(stream_); }
  std::string where() const { return options_.url; }

  beast::tcp_stream& Lowest() {
    if (auto* tls = std::get_if<TlsStream>(&stream_)) return tls->next_layer();
    return std::get<PlainStream>(stream_);
  }

  void Disconnect() {
    if (!connected()) return;
    ErrorCode ignored;
    Lowest().socket().close(ignored);
    stream_ = std::monostate();
    context_.restart();
    context_.poll();
  }

  Status Explain(const ErrorCode& ec) const {
    if (ec == beast::error::timeout) return DeadlineExceeded("{} did not answer in time", where());
    if (ec == asio::error::connection_refused) {
      return Unavailable("nothing listens at {}: is millrace up running there?", where());
    }
    if (ec.category() == asio::error::get_ssl_category() ||
        ec.category() == asio::ssl::error::get_stream_category()) {
      return Unavailable("TLS with {} failed: {}", where(), ec.message());
    }
    if (ec == beast::http::error::body_limit) {
      return ResourceExhausted("the response of {} has more than {} bytes", where(), options_.max_response);
    }
    return Unavailable("the connection to {} failed: {}", where(), ec.message());
  }

  // Runs one asynchronous operation to its end, or to the time-out, or until `cancelled`.
  template <typename Operation>
  Status Await(std::chrono::milliseconds timeout, const std::function<bool()>& cancelled,
               Operation&& operation) {
    std::optional<ErrorCode> result;
    auto done = [&result](ErrorCode ec, auto&&...) { result = ec; };
    if (timeout.count() > 0) {
      Lowest().expires_after(timeout);
    } else {
      Lowest().expires_never();
    }
    if (auto* tls = std::get_if<TlsStream>(&stream_)) {
      operation(*tls, done);
    } else {
      operation(std::get<PlainStream>(stream_), done);
    }
    context_.restart();
    bool called_off = false;
    while (!result) {
      context_.run_for(kTick);
      if (result || called_off || !cancelled || !cancelled()) continue;
      called_off = true;
      Lowest().cancel();
    }
    if (called_off) return Cancelled("called off");
    if (*result == beast::http::error::need_buffer) return Ok();
    return *result ? Explain(*result) : Ok();
  }

  Status Connect() {
    if (connected()) return Ok();
    tcp::resolver resolver(context_);
    ErrorCode ec;
    auto endpoints = resolver.resolve(target_.host, target_.port, ec);
    if (ec) return Unavailable("the name '{}' does not resolve: {}", target_.host, ec.message());
    if (target_.tls) {
      stream_.emplace<TlsStream>(context_, *tls_);
    } else {
      stream_.emplace<PlainStream>(context_);
    }
    Status status = Await(options_.connect_timeout, {}, [&](auto&, auto done) {
      Lowest().async_connect(endpoints, [done](ErrorCode e, const tcp::endpoint&) mutable { done(e); });
    });
    if (status.ok()) Lowest().socket().set_option(tcp::no_delay(true), ec);
    if (status.ok() && target_.tls) status = Handshake();
    if (!status.ok()) Disconnect();
    return status;
  }

  Status Handshake() {
    TlsStream& stream = std::get<TlsStream>(stream_);
    // What the macro SSL_set_tlsext_host_name does, without its C cast.
    ::SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               target_.host.data());
    stream.set_verify_callback(asio::ssl::host_name_verification(target_.host));
    std::optional<ErrorCode> result;
    Lowest().expires_after(options_.connect_timeout);
    stream.async_handshake(asio::ssl::stream_base::client, [&result](ErrorCode ec) { result = ec; });
    context_.restart();
    while (!result) context_.run_for(kTick);
    if (!*result) return Ok();
    if (*result == beast::error::timeout) return DeadlineExceeded("{} did not answer in time", where());
    return InvalidArgument("the TLS certificate of {} is not one to trust: {} (give its CA with --ca-file)",
                           where(), result->message());
  }

  Status Write(const ClientRequest& request) {
    beast::http::request<beast::http::string_body> message(VerbOf(request.method), request.target, 11);
    bool default_port = target_.port == (target_.tls ? "443" : "80");
    std::string host = target_.host.find(':') != std::string::npos ? "[" + target_.host + "]" : target_.host;
    message.set(beast::http::field::host, default_port ? host : host + ":" + target_.port);
    message.set(beast::http::field::user_agent, "millrace");
    if (!options_.token.empty()) message.set(beast::http::field::authorization, "Bearer " + options_.token);
    if (!request.body.empty()) message.set(beast::http::field::content_type, request.content_type);
    for (const Header& header : request.headers) message.set(header.name, header.value);
    message.body() = request.body;
    message.prepare_payload();
    return Await(options_.timeout, {},
                 [&](auto& stream, auto done) { beast::http::async_write(stream, message, done); });
  }

  Result<ClientResponse> Exchange(const ClientRequest& request, bool& answered) {
    MR_RETURN_IF_ERROR(Connect());
    Status status = Write(request);
    beast::flat_buffer buffer;
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(options_.max_response);
    if (request.method == Method::kHead) parser.skip(true);
    // A server that refuses a large body answers before it has read it all.
    Status read = Await(options_.timeout, {}, [&](auto& stream, auto done) {
      beast::http::async_read(stream, buffer, parser, done);
    });
    answered = parser.got_some();
    if (!read.ok()) {
      Disconnect();
      return status.ok() ? read : status;
    }
    ClientResponse response;
    response.status = static_cast<int>(parser.get().result_int());
    response.headers = CopyHeaders(parser.get());
    response.body = std::move(parser.get().body());
    if (!parser.keep_alive() || !status.ok()) Disconnect();
    return response;
  }

  template <typename Parser>
  Status ReadLines(beast::flat_buffer& buffer, Parser& parser,
                   const std::function<bool(std::string_view)>& on_line,
                   const std::function<bool()>& cancelled) {
    bool success = parser.get().result_int() / 100 == 2;
    std::string pending;
    std::vector<char> piece(64 << 10);
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      parser.get().body().more = true;
      std::chrono::milliseconds timeout = success ? std::chrono::milliseconds(0) : options_.timeout;
      Status status = Await(timeout, cancelled, [&](auto& stream, auto done) {
        beast::http::async_read_some(stream, buffer, parser, done);
      });
      pending.append(piece.data(), piece.size() - parser.get().body().size);
      if (status.code() == Code::kCancelled) return Ok();
      MR_RETURN_IF_ERROR(status);
      if (pending.size() > kMaxLine)
        return ResourceExhausted("a line of the response has more than {} bytes", kMaxLine);
      if (!success) continue;
      size_t begin = 0;
      for (size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
        if (!on_line(std::string_view(pending).substr(begin, end - begin))) return Ok();
      }
      pending.erase(0, begin);
    }
    if (!success) {
      return Failed({.status = static_cast<int>(parser.get().result_int()), .headers = {}, .body = pending});
    }
    if (!pending.empty()) on_line(pending);
    return Ok();
  }

  ClientOptions options_;
  Target target_;
  asio::io_context context_{1};
  std::optional<asio::ssl::context> tls_;
  std::variant<std::monostate, PlainStream, TlsStream> stream_;
};

Result<Client> Client::Create(ClientOptions options) {
  MR_ASSIGN_OR_RETURN(Target target, ParseUrl(options.url));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(target));
  MR_RETURN_IF_ERROR(impl->LoadTls());
  return Client(std::move(impl));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<ClientResponse> Client::Send(const ClientRequest& request) { return impl_->Send(request); }

Status Client::Stream(const ClientRequest& request, const std::function<bool(std::string_view line)>& on_line,
                      const std::function<bool()>& cancelled) {
  return impl_->Stream(request, on_line, cancelled);
}

const ClientOptions& Client::options() const { return impl_->options(); }

}  // namespace millrace::http
