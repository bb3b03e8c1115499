#include "api/http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "api/http/client.h"
#include "api/http/testing/raw_socket.h"
#include "base/file.h"

namespace millrace::http {
namespace {

using security::Permission;
using security::Role;
using testing::RawSocket;

// A stream whose lines the test hands over.
struct Tap {
  std::mutex mutex;
  std::string lines;
  bool end = false;
  std::function<void()> wake;
  std::atomic<int> alive{0};

  void Say(const std::string& line, bool last = false) {
    std::function<void()> call;
    {
      std::lock_guard lock(mutex);
      lines += line;
      end = last;
      call = wake;
    }
    if (call) call();
  }
};

class TapStream : public BodyStream {
 public:
  explicit TapStream(Tap& tap) : tap_(tap) { ++tap_.alive; }
  ~TapStream() override { --tap_.alive; }
  Chunk Next() override {
    std::lock_guard lock(tap_.mutex);
    return {std::exchange(tap_.lines, {}), tap_.end};
  }
  void OnNews(std::function<void()> wake) override {
    std::lock_guard lock(tap_.mutex);
    tap_.wake = std::move(wake);
  }
  std::chrono::milliseconds PollInterval() const override { return std::chrono::minutes(10); }

 private:
  Tap& tap_;
};

// Closed until the test opens it: a handler that is in flight.
class Latch {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitWaiters(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

bool Eventually(const std::function<bool()>& condition) {
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

class HttpServer : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = security::TokenStore::Open(dir_.path() + "/tokens");
    ASSERT_TRUE(opened.ok());
    tokens_ = *opened;
    admin_ = tokens_->Create("root", Role::kAdmin).value();
    viewer_ = tokens_->Create("guest", Role::kViewer).value();
    granted_ = tokens_->Create("ann", std::nullopt).value();
    access_ =
        std::make_shared<security::Access>(security::Access::Options{.tokens = tokens_, .anonymous = {}});
    access_->SetProjectGrants("risk", {{"ann", Role::kEditor}});
  }

  Router Routes() {
    Router router;
    router.Add<Permission::kPublic>(
        Method::kGet, "/healthz", [](const Request&) { return Response::OfText(200, "text/plain", "ok\n"); });
    router.Add<Permission::kPredict>(
        Method::kPost, "/echo",
        [](const Request& r) { return Response::OfText(200, "text/plain", std::string(r.body)); },
        {.max_body = 1000});
    router.Add<Permission::kPredict>(Method::kPost, "/json",
                                     [](const Request&) { return Response::OfJson(200, "{}"); },
                                     {.content_types = {"application/json"}});
    router.Add<Permission::kResourcesWrite>(
        Method::kPut, "/projects/{project}/things/{name}",
        [](const Request& r) {
          return Response::OfText(200, "text/plain",
                                  std::string(r.Param("project")) + "/" + std::string(r.Param("name")));
        },
        {.scope = Scope::kProjectParam});
    router.Add<Permission::kAdmin>(Method::kGet, "/slow",
                                   [this](const Request&) {
                                     latch_.Wait();
                                     return Response::OfText(200, "text/plain", "slow\n");
                                   },
                                   {.run = Run::kBlocking});
    router.Add<Permission::kResourcesRead>(Method::kGet, "/watch", [this](const Request&) {
      return Response::OfStream("application/json", std::make_unique<TapStream>(tap_));
    });
    router.Add<Permission::kAdmin>(Method::kGet, "/throws",
                                   [](const Request&) -> Response { throw std::runtime_error("boom"); });
    router.Add<Permission::kPredict>(Method::kPost, "/after", [this](const Request&) {
      Response response = Response::OfText(200, "text/plain", "ok");
      response.after = [this] { after_.fetch_add(1); };
      return response;
    });
    router.ErrorsBelow("/projects", [](int status, const Status& error) {
      return Response::OfJson(status, "{\"kind\":\"Status\",\"message\":" + JsonQuote(error.message()) + "}");
    });
    return router;
  }

  void Start(ServerOptions options = {}) {
    options.port = 0;
    auto started = Server::Start(std::move(options), Routes(), access_, metrics_);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    server_ = std::move(started).value();
  }

  Client MakeClient(const std::string& token) {
    return Client::Create({.url = server_->url(), .token = token}).value();
  }
  // The status of one request.
  int StatusOf(ClientRequest request, const std::string& token) {
    Client client = MakeClient(token);
    auto response = client.Send(request);
    EXPECT_TRUE(response.ok()) << response.status().ToString();
    return response.ok() ? response->status : 0;
  }
  std::string Head(const std::string& line, const std::string& more = "") {
    return line + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + admin_ + "\r\n" + more + "\r\n";
  }
  std::string Raw(const std::string& bytes) {
    RawSocket socket(server_->port());
    socket.Send(bytes);
    return socket.ReadResponse();
  }

  TempDirectory dir_;
  std::shared_ptr<security::TokenStore> tokens_;
  std::shared_ptr<security::Access> access_;
  std::string admin_, viewer_, granted_;
  telemetry::Metrics metrics_;
  Tap tap_;
  Latch latch_;
  std::atomic<int> after_{0};
  std::unique_ptr<Server> server_;
};

TEST_F(HttpServer, AnswersOverAKeptConnection) {
  Start();
  Client client = MakeClient(viewer_);
  for (int i = 0; i < 100; ++i) {
    std::string body = "body " + std::to_string(i);
    auto response =
        client.Send({.method = Method::kPost, .target = "/echo", .body = body, .content_type = "text/plain"});
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, body);
    EXPECT_FALSE(response->HeaderValue("x-request-id").empty());
  }
  EXPECT_NE(metrics_.Expose().find("millrace_http_connections 1\n"), std::string::npos);
}

TEST_F(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawSocket socket(server_->port());
  std::string bytes;
  for (int i = 0; i < 500; ++i) {
    std::string body = std::to_string(i);
    bytes += Head("POST /echo", "Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
  }
  socket.Send(bytes);
  for (int i = 0; i < 500; ++i) {
    std::string response = socket.ReadResponse();
    ASSERT_TRUE(response.ends_with("\r\n\r\n" + std::to_string(i))) << response;
  }
}

TEST_F(HttpServer, ARequestInSingleBytesIsTheSameRequest) {
  Start();
  RawSocket socket(server_->port());
  for (char c : Head("POST /echo", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") {
    ASSERT_TRUE(socket.Send(std::string(1, c)));
  }
  EXPECT_TRUE(socket.ReadResponse().ends_with("\r\n\r\nabcde"));
}

TEST_F(HttpServer, BadRequestsHaveTheirStatus) {
  Start();
  struct Case {
    std::string name, bytes, status;
  } cases[] = {
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", "400"},
      {"no Host", "GET /healthz HTTP/1.1\r\n\r\n", "400"},
      {"two Hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"},
      {"foreign Host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"},
      {"broken Host", "GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n", "421"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"length and chunks",
       Head("POST /echo", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", "400"},
      {"chunks and length",
       Head("POST /echo", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + "0\r\n\r\n", "400"},
      {"two lengths", Head("POST /echo", "Content-Length: 4\r\nContent-Length: 5\r\n") + "12345", "400"},
      {"negative length", Head("POST /echo", "Content-Length: -1\r\n"), "400"},
      {"other coding", Head("POST /echo", "Transfer-Encoding: gzip\r\n") + "x", "501"},
      {"coded chunks", Head("POST /echo", "Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n", "501"},
      {"bad chunk", Head("POST /echo", "Transfer-Encoding: chunked\r\n") + "zz\r\n", "400"},
      {"space before colon", "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", "400"},
      {"unknown method", Head("BREW /healthz"), "501"},
      {"wrong method", Head("POST /healthz", "Content-Length: 0\r\n"), "405"},
      {"absolute target", "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
      {"no such path", Head("GET /helthz"), "404"},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "414"},
      {"endless target", "GET /" + std::string(40000, 'a'), "414"},
      {"many headers",
       Head("GET /healthz",
            [] {
              std::string out;
              for (int i = 0; i < 200; ++i) out += "x: y\r\n";
              return out;
            }()),
       "431"},
      {"huge header", Head("GET /healthz", "x: " + std::string(20000, 'y') + "\r\n"), "431"},
      {"large body", Head("POST /echo", "Content-Length: 1001\r\n") + std::string(1001, 'x'), "413"},
      {"large chunks",
       Head("POST /echo", "Transfer-Encoding: chunked\r\n") + "3e9\r\n" + std::string(1001, 'x'), "413"},
      {"vast length", Head("POST /echo", "Content-Length: 99999999999999999999999\r\n"), "400"},
      {"body where none is taken", Head("GET /slow", "Content-Length: 2000000\r\n"), "413"},
      {"media type", Head("POST /json", "Content-Type: text/html\r\nContent-Length: 2\r\n") + "{}", "415"},
      {"bad escape", Head("PUT /projects/a%zz/things/b", "Content-Length: 0\r\n"), "400"},
      {"NUL in the path", Head("PUT /projects/a%00/things/b", "Content-Length: 0\r\n"), "400"},
      {"expectation", Head("POST /echo", "Expect: tea\r\nContent-Length: 1\r\n"), "417"},
      {"foreign origin", Head("POST /echo", "Origin: http://evil.example\r\nContent-Length: 1\r\n") + "x",
       "403"},
      {"null origin", Head("POST /echo", "Origin: null\r\nContent-Length: 1\r\n") + "x", "403"},
      {"cross-site", Head("POST /echo", "Sec-Fetch-Site: cross-site\r\nContent-Length: 1\r\n") + "x", "403"},
  };
  for (const Case& c : cases) {
    std::string response = Raw(c.bytes);
    EXPECT_EQ(response.substr(0, 13), "HTTP/1.1 " + c.status + " ") << c.name << ": " << response;
  }
  // None of it hurt.
  EXPECT_EQ(StatusOf({.target = "/healthz"}, ""), 200);
}

TEST_F(HttpServer, OurOwnOriginMayWrite) {
  Start();
  std::string host = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_TRUE(Raw("POST /echo HTTP/1.1\r\nHost: " + host + "\r\nOrigin: http://" + host +
                  "\r\nAuthorization: Bearer " + admin_ + "\r\nContent-Length: 1\r\n\r\nx")
                  .starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServer, EveryRouteWantsItsPermission) {
  Start();
  latch_.Open();
  tap_.Say("", true);
  std::map<std::string, std::optional<Role>> callers = {
      {"", {}}, {viewer_, Role::kViewer}, {admin_, Role::kAdmin}};
  for (const auto& route : server_->router().routes()) {
    for (const auto& [token, role] : callers) {
      std::string target = route->pattern;
      for (size_t at; (at = target.find('{')) != std::string::npos;)
        target.replace(at, target.find('}') - at + 1, "x");
      int status = StatusOf({.method = route->method, .target = target}, token);
      bool open = route->permission == Permission::kPublic;
      if (!role && !open) {
        EXPECT_EQ(status, 401) << target;
      } else if (!open && !security::RoleHas(*role, route->permission)) {
        EXPECT_EQ(status, 403) << target;
      } else {
        EXPECT_TRUE(status == 200 || status == 500) << target << ": " << status;
      }
    }
  }
}

TEST_F(HttpServer, AGrantCountsInItsProjectAlone) {
  Start();
  EXPECT_EQ(StatusOf({.method = Method::kPut, .target = "/projects/risk/things/a"}, granted_), 200);
  EXPECT_EQ(StatusOf({.method = Method::kPut, .target = "/projects/other/things/a"}, granted_), 403);
  EXPECT_EQ(StatusOf({.method = Method::kPut, .target = "/projects/%72isk/things/a"}, granted_), 200);
  EXPECT_EQ(StatusOf({.method = Method::kPost, .target = "/echo"}, granted_), 403);
}

TEST_F(HttpServer, ARevokedTokenOrGrantStopsOnAnOpenConnection) {
  Start();
  Client guest = MakeClient(viewer_);
  Client ann = MakeClient(granted_);
  ClientRequest thing{.method = Method::kPut, .target = "/projects/risk/things/a"};
  ASSERT_EQ(guest.Send({.method = Method::kPost, .target = "/echo"})->status, 200);
  ASSERT_EQ(ann.Send(thing)->status, 200);
  ASSERT_TRUE(tokens_->Revoke("guest").ok());
  access_->SetProjectGrants("risk", {});
  EXPECT_EQ(guest.Send({.method = Method::kPost, .target = "/echo"})->status, 401);
  EXPECT_EQ(ann.Send(thing)->status, 403);
}

TEST_F(HttpServer, ErrorsHaveTheFormOfTheirPrefix) {
  Start();
  Client client = MakeClient(viewer_);
  auto denied = client.Send({.method = Method::kPut, .target = "/projects/p/things/a"}).value();
  EXPECT_EQ(denied.body.find("{\"kind\":\"Status\""), 0U) << denied.body;
  Status status = Failed(denied);
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_EQ(status.message(),
            "resources.write in project 'p' needs the role editor or admin; 'guest' is viewer");
  auto missing = client.Send({.target = "/helthz"}).value();
  EXPECT_EQ(missing.body, "{\"error\":\"there is nothing at /helthz: did you mean /healthz?\"}\n");
}

TEST_F(HttpServer, ARefusedSmallBodyKeepsTheConnection) {
  Start();
  RawSocket socket(server_->port());
  std::string post = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
  socket.Send(post + post);
  EXPECT_TRUE(socket.ReadResponse().starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(socket.ReadResponse().starts_with("HTTP/1.1 401 "));
  EXPECT_FALSE(socket.closed());
}

TEST_F(HttpServer, ABodyInAnUnknownCodingIsNeverTakenForTheNextRequest) {
  Start();
  RawSocket socket(server_->port());
  socket.Send(Head("POST /echo", "Transfer-Encoding: xchunked\r\n") + Head("GET /healthz"));
  std::string response = socket.ReadResponse();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 501 ")) << response;
  EXPECT_NE(response.find("connection: close\r\n"), std::string::npos) << response;
  EXPECT_EQ(socket.ReadResponse(), "");
}

TEST_F(HttpServer, HeadHasNoBodyAndOptionsTellsMethods) {
  Start();
  std::string head = Raw("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(head.find("content-length: 3\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  std::string options = Raw("OPTIONS /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(options.find("HTTP/1.1 204 "), std::string::npos);
  EXPECT_NE(options.find("allow: GET, HEAD, OPTIONS\r\n"), std::string::npos);
}

TEST_F(HttpServer, ContinueIsSaidBeforeABodyThatIsWanted) {
  Start();
  RawSocket socket(server_->port());
  socket.Send(Head("POST /echo", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
  EXPECT_EQ(socket.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.Send("ok");
  EXPECT_TRUE(socket.ReadResponse().ends_with("\r\n\r\nok"));
}

TEST_F(HttpServer, Http10ClosesUnlessAskedToStay) {
  Start();
  RawSocket socket(server_->port());
  socket.Send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(socket.ReadToEnd().ends_with("ok\n"));
  EXPECT_TRUE(socket.closed());
}

TEST_F(HttpServer, SlowClientsAreCut) {
  ServerOptions options;
  options.limits.header_timeout = std::chrono::milliseconds(200);
  options.limits.body_timeout = std::chrono::milliseconds(200);
  options.limits.idle_timeout = std::chrono::milliseconds(200);
  Start(options);
  RawSocket silent(server_->port());
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_TRUE(silent.closed());
  RawSocket half_head(server_->port());
  half_head.Send("GET /healthz HT");
  EXPECT_TRUE(half_head.ReadToEnd().starts_with("HTTP/1.1 408 "));
  RawSocket half_body(server_->port());
  half_body.Send(Head("POST /echo", "Content-Length: 10\r\n") + "12");
  EXPECT_TRUE(half_body.ReadToEnd().starts_with("HTTP/1.1 408 "));
  RawSocket idle(server_->port());
  idle.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(idle.ReadToEnd().ends_with("ok\n"));
  EXPECT_TRUE(idle.closed());
  EXPECT_NE(metrics_.Expose().find("millrace_http_rejected_total{reason=\"slow_request\"}"),
            std::string::npos);
}

TEST_F(HttpServer, TooManyConnectionsAreTurnedAway) {
  ServerOptions options;
  options.limits.max_connections = 2;
  Start(options);
  RawSocket one(server_->port());
  RawSocket two(server_->port());
  std::string ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  one.Send(ask);
  two.Send(ask);
  ASSERT_TRUE(one.ReadResponse().ends_with("ok\n"));
  ASSERT_TRUE(two.ReadResponse().ends_with("ok\n"));
  RawSocket three(server_->port());
  EXPECT_TRUE(three.ReadToEnd().starts_with("HTTP/1.1 503 "));
  one.Close();
  EXPECT_TRUE(Eventually([&] {
    RawSocket four(server_->port());
    four.Send(ask);
    return four.ReadResponse().ends_with("ok\n");
  }));
}

TEST_F(HttpServer, BusyWorkersRefuseMoreThanTheirQueue) {
  ServerOptions options;
  options.workers = 1;
  options.worker_queue = 1;
  Start(options);
  RawSocket first(server_->port());
  first.Send(Head("GET /slow"));
  latch_.AwaitWaiters(1);
  std::vector<std::unique_ptr<RawSocket>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(std::make_unique<RawSocket>(server_->port()));
    others.back()->Send(Head("GET /slow"));
  }
  EXPECT_TRUE(Eventually([&] {
    return metrics_.Expose().find("millrace_http_rejected_total{reason=\"busy\"}") != std::string::npos;
  }));
  // Inline requests are not in their way.
  EXPECT_EQ(StatusOf({.target = "/healthz"}, ""), 200);
  latch_.Open();
  EXPECT_TRUE(first.ReadResponse().ends_with("slow\n"));
}

TEST_F(HttpServer, AHandlerThatThrowsIsAnErrorOfOneRequest) {
  Start();
  EXPECT_EQ(StatusOf({.target = "/throws"}, admin_), 500);
  EXPECT_EQ(StatusOf({.target = "/healthz"}, ""), 200);
}

TEST_F(HttpServer, WhatIsLeftForAfterwardsRunsAfterTheAnswer) {
  Start();
  EXPECT_EQ(StatusOf({.method = Method::kPost, .target = "/after"}, admin_), 200);
  EXPECT_TRUE(Eventually([&] { return after_.load() == 1; }));
}

TEST_F(HttpServer, AStreamSendsWhatIsNewAndEnds) {
  Start();
  RawSocket socket(server_->port());
  socket.Send(Head("GET /watch"));
  EXPECT_NE(socket.ReadUntil("\r\n\r\n").find("transfer-encoding: chunked"), std::string::npos);
  tap_.Say("one\n");
  EXPECT_EQ(socket.ReadUntil("one\n\r\n"), "4\r\none\n\r\n");
  tap_.Say("two\n", true);
  EXPECT_EQ(socket.ReadUntil("0\r\n\r\n"), "4\r\ntwo\n\r\n0\r\n\r\n");
  // The connection goes on.
  socket.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(socket.ReadResponse().ends_with("ok\n"));
  EXPECT_TRUE(Eventually([&] { return tap_.alive == 0; }));
}

TEST_F(HttpServer, AStreamWhoseClientLeavesIsLetGo) {
  Start();
  {
    RawSocket socket(server_->port());
    socket.Send(Head("GET /watch"));
    socket.ReadUntil("\r\n\r\n");
    ASSERT_TRUE(Eventually([&] { return tap_.alive == 1; }));
  }
  EXPECT_TRUE(Eventually([&] { return tap_.alive == 0; }));
}

TEST_F(HttpServer, TheClientReadsLinesAsTheyCome) {
  Start();
  Client client = MakeClient(viewer_);
  std::vector<std::string> lines;
  tap_.Say("one\nt");
  Status status = client.Stream({.target = "/watch"}, [&](std::string_view line) {
    lines.emplace_back(line);
    if (line == "one") tap_.Say("wo\nlast", true);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "last"}));
  EXPECT_EQ(MakeClient("").Stream({.target = "/watch"}, [](std::string_view) { return true; }).code(),
            Code::kUnauthenticated);
}

TEST_F(HttpServer, ShutdownFinishesWhatIsInFlight) {
  Start();
  RawSocket slow(server_->port());
  slow.Send(Head("GET /slow"));
  latch_.AwaitWaiters(1);
  RawSocket idle(server_->port());
  idle.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  idle.ReadResponse();
  RawSocket watch(server_->port());
  watch.Send(Head("GET /watch"));
  watch.ReadUntil("\r\n\r\n");
  bool drained = false;
  std::thread stopping([&] { drained = server_->Shutdown(std::chrono::seconds(20)); });
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_TRUE(watch.ReadToEnd().ends_with("0\r\n\r\n"));
  latch_.Open();
  std::string response = slow.ReadToEnd();
  EXPECT_TRUE(response.ends_with("slow\n")) << response;
  EXPECT_NE(response.find("connection: close"), std::string::npos);
  stopping.join();
  EXPECT_TRUE(drained);
}

TEST_F(HttpServer, ShutdownCutsWhatDoesNotEnd) {
  Start();
  RawSocket half(server_->port());
  half.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /echo HTTP/1.1\r\nHost: loc");
  ASSERT_TRUE(half.ReadResponse().ends_with("ok\n"));  // so the half is there, too
  EXPECT_FALSE(server_->Shutdown(std::chrono::milliseconds(50)));
  half.ReadToEnd();
  EXPECT_TRUE(half.closed());
}

TEST_F(HttpServer, APortInUseIsNamedWithItsHolder) {
  Start();
  ServerOptions options;
  options.port = server_->port();
  auto second = Server::Start(options, Routes(), access_, metrics_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("is in use by "), std::string::npos);
  EXPECT_NE(second.status().message().find("process " + std::to_string(::getpid())), std::string::npos)
      << second.status().message();
}

TEST_F(HttpServer, OtherThanLoopbackNeedsTls) {
  for (const char* address : {"0.0.0.0", "::", "192.0.2.1"}) {
    auto started = Server::Start({.address = address, .port = 0}, Routes(), access_, metrics_);
    ASSERT_FALSE(started.ok()) << address;
    EXPECT_NE(started.status().message().find("needs TLS"), std::string::npos) << started.status().message();
  }
  EXPECT_FALSE(Server::Start({.address = "no such name"}, Routes(), access_, metrics_).ok());
}

TEST_F(HttpServer, ProbesAloneNeedNoTls) {
  const ServerOptions options = {.address = "0.0.0.0", .port = 0, .public_only = true};
  EXPECT_NE(
      Server::Start(options, Routes(), access_, metrics_).status().message().find("no place among public"),
      std::string::npos);
  Router probes;
  probes.Add<security::Permission::kPublic>(
      Method::kGet, "/healthz", [](const Request&) { return Response::OfText(200, "text/plain", "ok\n"); });
  EXPECT_TRUE(Server::Start(options, std::move(probes), access_, metrics_).ok());
}

TEST_F(HttpServer, TheClientSaysWhenNothingListens) {
  Start();
  std::string url = server_->url();
  server_.reset();
  Client client = Client::Create({.url = url}).value();
  Status status = client.Send({.target = "/healthz"}).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("nothing listens at " + url), std::string::npos) << status.message();
  for (const char* bad :
       {"", "localhost:1", "ftp://x", "http://", "http://x:y", "http://x:1/path", "http://[::1"}) {
    EXPECT_FALSE(Client::Create({.url = bad}).ok()) << bad;
  }
}

TEST_F(HttpServer, ConnectionsAreSpreadOverThreads) {
  ServerOptions options;
  options.threads = 2;
  Start(options);
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      Client client = MakeClient(viewer_);
      for (int i = 0; i < 50; ++i) {
        auto response = client.Send({.method = Method::kPost, .target = "/echo", .body = "x"});
        if (response.ok() && response->body == "x") ++good;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good.load(), 200);
}

}  // namespace
}  // namespace millrace::http
