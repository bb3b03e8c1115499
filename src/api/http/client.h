// Client: a small HTTP/1.1 client for the command line, load tools and tests.
//
//   MR_ASSIGN_OR_RETURN(Client client, Client::Create({.url = "http://127.0.0.1:7070", .token = token}));
//   MR_ASSIGN_OR_RETURN(ClientResponse r, client.Send({.method = Method::kGet, .target = "/readyz"}));
//   MR_RETURN_IF_ERROR(client.Stream({.target = "/apis/…?watch=true"}, [&](std::string_view line) {
//     return Show(line);   // false stops
//   }));
//
// One connection, kept alive and opened again when the server closed it (an
// idempotent request is then sent once more). Blocking; one thread at a time.
// A response of any status is a response: Failed() tells an error's sentence.
// Fails with Unavailable (nothing listens there: says the address),
// DeadlineExceeded, or InvalidArgument (a URL of another form, a certificate
// that does not verify). Responses are limited to `max_response` bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/request.h"
#include "api/http/response.h"
#include "base/status.h"

namespace millrace::http {

struct ClientOptions {
  std::string url = "http://127.0.0.1:7070";  // scheme http or https; no path
  std::string token = {};                     // sent as Authorization: Bearer
  std::string ca_file = {};                   // https: PEM of who may sign; "" is the system's
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds timeout{
      60000};  // for one whole exchange; for Stream, until the headers are there
  size_t max_response = size_t{256} << 20;
};

struct ClientRequest {
  Method method = Method::kGet;
  std::string target = "/";  // path and query, encoded
  std::string body = {};
  std::string content_type = "application/json";  // sent when there is a body
  std::vector<Header> headers = {};
};

struct ClientResponse {
  int status = 0;
  std::vector<Header> headers;
  std::string body;

  std::string_view HeaderValue(std::string_view name) const;
};

// Ok for 2xx; else the nearest code, with the sentence of the body: `message` of
// a Kubernetes Status, `error` of Open Inference Protocol, or the text itself.
Status Failed(const ClientResponse& response);

class Client {
 public:
  static Result<Client> Create(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  Result<ClientResponse> Send(const ClientRequest& request);

  // Calls `on_line` with each line of the body as it comes (without its
  // newline; lines of more than 16 MiB fail). Ok at the end of the body or when
  // `on_line` returned false; an error status comes back as Failed() has it.
  // `cancelled` is asked several times a second while nothing comes.
  Status Stream(const ClientRequest& request, const std::function<bool(std::string_view line)>& on_line,
                const std::function<bool()>& cancelled = {});

  const ClientOptions& options() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
