#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/http/testing/certificate.h"
#include "api/http/testing/raw_socket.h"
#include "base/file.h"

namespace millrace::http {
namespace {

using security::Permission;

// A few lines, then the end.
class ThreeLines : public BodyStream {
 public:
  Chunk Next() override {
    ++calls_;
    return {"line " + std::to_string(calls_) + "\n", calls_ == 3};
  }
  std::chrono::milliseconds PollInterval() const override { return std::chrono::milliseconds(1); }

 private:
  int calls_ = 0;
};

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    Status made = testing::MakeCertificate(dir_.path());
    ASSERT_TRUE(made.ok()) << made.ToString();
  }
  Result<std::unique_ptr<Server>> Start(ServerOptions options) {
    options.port = 0;
    Router router;
    router.Add<Permission::kPredict>(
        Method::kPost, "/echo",
        [](const Request& r) { return Response::OfText(200, "text/plain", std::string(r.body)); },
        {.max_body = 1 << 20});
    router.Add<Permission::kPredict>(Method::kGet, "/lines", [](const Request&) {
      return Response::OfStream("text/plain", std::make_unique<ThreeLines>());
    });
    auto access = std::make_shared<security::Access>(
        security::Access::Options{.tokens = nullptr, .anonymous = security::Role::kViewer});
    return Server::Start(std::move(options), std::move(router), std::move(access), metrics_);
  }
  std::string cert() const { return dir_.path() + "/cert.pem"; }
  std::string key() const { return dir_.path() + "/key.pem"; }

  TempDirectory dir_;
  telemetry::Metrics metrics_;
};

TEST_F(Tls, RequestsAndStreamsGoThrough) {
  auto server = Start({.tls_certificate = cert(), .tls_key = key()}).value();
  EXPECT_TRUE(server->url().starts_with("https://127.0.0.1:"));
  Client client = Client::Create({.url = server->url(), .ca_file = cert()}).value();
  std::string large(300'000, 'x');
  for (int i = 0; i < 3; ++i) {
    auto response = client.Send(
        {.method = Method::kPost, .target = "/echo", .body = large, .content_type = "text/plain"});
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    EXPECT_EQ(response->body, large);
  }
  std::vector<std::string> lines;
  Status streamed = client.Stream({.target = "/lines"}, [&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  EXPECT_TRUE(streamed.ok()) << streamed.ToString();
  EXPECT_EQ(lines.size(), 3U);
}

TEST_F(Tls, AClientThatDoesNotTrustTheCertificateSaysSo) {
  auto server = Start({.tls_certificate = cert(), .tls_key = key()}).value();
  Client client = Client::Create({.url = server->url()}).value();
  Status status = client.Send({.target = "/lines"}).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.ToString();
  EXPECT_NE(status.message().find("--ca-file"), std::string::npos);
}

TEST_F(Tls, PlainTextIsNotAnswered) {
  auto server = Start({.tls_certificate = cert(), .tls_key = key()}).value();
  testing::RawSocket socket(server->port());
  socket.Send("GET /lines HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(socket.ReadToEnd().find("HTTP/1.1 200"), std::string::npos);
  EXPECT_TRUE(socket.closed());
}

TEST_F(Tls, OnLoopbackPlainHttpMayBeAnsweredBesideIt) {
  ServerOptions options{.tls_certificate = cert(), .tls_key = key(), .plain_beside_tls = true};
  options.limits.header_timeout = std::chrono::milliseconds(200);
  auto server = Start(std::move(options)).value();
  ASSERT_TRUE(server->url().starts_with("http://127.0.0.1:")) << server->url();
  const std::string address = server->url().substr(std::string("http://").size());
  const std::string large(300'000, 'x');
  for (const std::string scheme : {"http://", "https://"}) {
    Client client = Client::Create({.url = scheme + address, .ca_file = cert()}).value();
    for (int i = 0; i < 3; ++i) {
      auto response = client.Send(
          {.method = Method::kPost, .target = "/echo", .body = large, .content_type = "text/plain"});
      ASSERT_TRUE(response.ok()) << scheme << response.status().ToString();
      EXPECT_EQ(response->body, large);
    }
    for (const std::string& origin : {"http://" + address, "https://" + address}) {
      auto response =
          client.Send({.method = Method::kPost, .target = "/echo", .headers = {{"origin", origin}}});
      EXPECT_EQ(response->status, 200) << origin;
    }
  }
  testing::RawSocket silent(server->port());
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_TRUE(silent.closed());
  testing::RawSocket broken(server->port());
  broken.Send(std::string("\x16\x03\x01\x00\x05nonsense", 13));
  EXPECT_EQ(broken.ReadToEnd().find("HTTP/"), std::string::npos);
  EXPECT_TRUE(broken.closed());
  EXPECT_TRUE(server->Shutdown(std::chrono::seconds(10)));
}

TEST_F(Tls, PlainHttpBesideItNeedsACertificateAndLoopback) {
  for (ServerOptions options :
       {ServerOptions{.plain_beside_tls = true},
        ServerOptions{
            .address = "0.0.0.0", .tls_certificate = cert(), .tls_key = key(), .plain_beside_tls = true}}) {
    EXPECT_EQ(Start(options).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(Tls, OtherThanLoopbackIsAllowedWithIt) {
  auto server = Start({.address = "0.0.0.0", .tls_certificate = cert(), .tls_key = key()});
  ASSERT_TRUE(server.ok()) << server.status().ToString();
  Client client =
      Client::Create({.url = "https://localhost:" + std::to_string((*server)->port()), .ca_file = cert()})
          .value();
  EXPECT_EQ(client.Send({.method = Method::kPost, .target = "/echo", .body = "x"})->status, 200);
}

TEST_F(Tls, BadFilesAreNamed) {
  struct Case {
    std::string certificate, key, says;
  } cases[] = {
      {cert(), "", "both"},
      {"", key(), "both"},
      {dir_.path() + "/none.pem", key(), "none.pem"},
      {key(), key(), "TLS certificate"},
      {cert(), dir_.path() + "/none.pem", "TLS key"},
      {cert(), cert(), "TLS key"},
  };
  for (const Case& c : cases) {
    auto server = Start({.tls_certificate = c.certificate, .tls_key = c.key});
    ASSERT_FALSE(server.ok()) << c.certificate << " " << c.key;
    EXPECT_NE(server.status().message().find(c.says), std::string::npos) << server.status().message();
  }
}

}  // namespace
}  // namespace millrace::http
