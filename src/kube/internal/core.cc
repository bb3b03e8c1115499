#include "kube/internal/core.h"

#include "base/json.h"
#include "kube/api_error.h"

namespace millrace::kube::internal {
namespace {

using std::chrono::steady_clock;

// The API server closes a connection at rest after 90 seconds.
constexpr auto kMaxRest = std::chrono::seconds(60);
// A server that is gone without a word must not take the time of every attempt.
constexpr auto kConnectTimeout = std::chrono::seconds(10);

}  // namespace

Stream::Stream(Core& core, std::unique_ptr<Connection> connection)
    : core_(core), connection_(std::move(connection)) {
  ++core_.streams_;
}

Stream::~Stream() { --core_.streams_; }

Task<Result<std::string>> Stream::Read(Cancellation& cancellation, TimePoint deadline) {
  co_return co_await connection_->Read(cancellation, deadline);
}

Result<std::unique_ptr<Core>> Core::Create(Options options) {
  MR_ASSIGN_OR_RETURN(ServerUrl server, ParseServerUrl(options.config.server));
  const bool sensible = options.queue.rate > 0 && options.queue.burst > 0 && options.queue.slots > 0;
  if (!sensible) return InvalidArgument("a client's rate, burst and connections are above 0");
  return std::unique_ptr<Core>(new Core(std::move(options), std::move(server)));
}

Core::Core(Options options, ServerUrl server)
    : options_(std::move(options)),
      server_(std::move(server)),
      credentials_(loop_, options_.config),
      admission_(loop_, options_.queue),
      random_(std::random_device()()) {}

Core::~Core() { loop_.Shutdown(); }

HttpRequest Core::Render(const Request& request, const ClientIdentity& identity) const {
  HttpRequest http;
  http.method = request.method;
  http.target = server_.prefix + request.Target();
  http.body = request.body;
  http.headers.emplace_back("Accept", request.accept);
  http.headers.emplace_back("User-Agent", options_.user_agent);
  if (!request.body.empty()) http.headers.emplace_back("Content-Type", request.content_type);
  if (!identity.token.empty()) http.headers.emplace_back("Authorization", "Bearer " + identity.token);
  if (!options_.config.impersonate_user.empty()) {
    http.headers.emplace_back("Impersonate-User", options_.config.impersonate_user);
  }
  for (const std::string& group : options_.config.impersonate_groups) {
    http.headers.emplace_back("Impersonate-Group", group);
  }
  return http;
}

// A new factory when a certificate was renewed; connections that know the old one are let go.
Status Core::UseTls(const TlsMaterial& material) {
  if (factory_ && tls_ == material) return Ok();
  if (server_.tls) {
    MR_ASSIGN_OR_RETURN(factory_, TlsConnections(loop_, server_, material));
  } else {
    factory_ = PlainConnections(loop_, server_);
  }
  tls_ = material;
  idle_.clear();
  return Ok();
}

std::unique_ptr<Connection> Core::TakeIdle() {
  const TimePoint oldest = steady_clock::now() - kMaxRest;
  while (!idle_.empty() && idle_.front().since < oldest) idle_.pop_front();
  while (!idle_.empty()) {
    std::unique_ptr<Connection> connection = std::move(idle_.back().connection);
    idle_.pop_back();
    if (!connection->Stale()) return connection;
  }
  return nullptr;
}

void Core::Keep(std::unique_ptr<Connection> connection) {
  if (!connection->reusable() || loop_.stopping()) return;
  idle_.push_back({std::move(connection), steady_clock::now()});
  if (idle_.size() > options_.max_idle) idle_.pop_front();
}

Task<Result<std::string>> Core::ReadBody(Connection& connection, Cancellation& cancellation,
                                         TimePoint deadline) {
  std::string body;
  for (;;) {
    Result<std::string> piece = co_await connection.Read(cancellation, deadline);
    if (!piece.ok()) co_return piece.status();
    if (piece->empty()) co_return body;
    body += *piece;
    if (body.size() > options_.max_response) {
      co_return ResourceExhausted("the answer has more than {} bytes", options_.max_response);
    }
  }
}

Task<Core::Try> Core::TryOnce(const Request& request, Cancellation& cancellation, TimePoint deadline,
                              bool streaming) {
  Try result;
  result.facts.idempotent = request.idempotent;
  Result<ClientIdentity> identity = co_await credentials_.Get(cancellation, deadline);
  result.status = identity.ok() ? UseTls(identity->tls) : identity.status();
  if (!result.status.ok()) {
    result.facts.reached = true;  // another attempt would fail as this one
    result.facts.idempotent = false;
    co_return result;
  }
  std::unique_ptr<Connection> connection = streaming ? nullptr : TakeIdle();
  const bool reused = connection != nullptr;
  if (!reused) {
    connection = factory_->Make();
    const TimePoint connect_by = std::min<TimePoint>(deadline, steady_clock::now() + kConnectTimeout);
    result.status = co_await connection->Open(cancellation, connect_by);
    if (!result.status.ok()) co_return result;
  }
  const HttpRequest http = Render(request, *identity);
  Result<HttpHead> head = co_await connection->Exchange(http, cancellation, deadline);
  if (!head.ok()) {
    result.status = head.status();
    result.facts.reached = connection->reached();
    // The server ends connections at rest together: none of the others is of use.
    if (reused && !connection->answered()) idle_.clear();
    co_return result;
  }
  result.facts.reached = true;
  result.facts.http_status = head->status;
  result.facts.retry_after = head->retry_after;
  if (!head->ok()) {
    Result<std::string> body = co_await ReadBody(*connection, cancellation, deadline);
    result.status = ErrorFromResponse(head->status, body.ok() ? *body : "", request.verb, request.what);
    Keep(std::move(connection));
    co_return result;
  }
  result.connection = std::move(connection);
  co_return result;
}

// `facts` is shared with the caller: what it needs to know to judge a failure.
Task<Result<std::string>> Core::CallOnce(const Request& request, Cancellation& cancellation,
                                         TimePoint deadline, std::shared_ptr<Attempt> facts) {
  Try attempt = co_await TryOnce(request, cancellation, deadline, false);
  const int number = facts->number;
  *facts = attempt.facts;
  facts->number = number;
  if (!attempt.status.ok()) co_return attempt.status;
  Result<std::string> body = co_await ReadBody(*attempt.connection, cancellation, deadline);
  if (body.ok()) {
    Keep(std::move(attempt.connection));
  } else if (body.status().code() != Code::kResourceExhausted) {
    facts->http_status = 0;  // an answer that was cut is none
  }
  co_return body;
}

Task<Result<std::string>> Core::Call(const Request& request, Cancellation& cancellation) {
  if (!request.problem.ok()) co_return request.problem;
  const TimePoint deadline = steady_clock::now() + request.call.timeout;
  const std::string context = request.verb + " " + request.what;
  auto facts = std::make_shared<Attempt>();
  bool refreshed = false;
  for (;; ++facts->number) {
    Status turn = co_await admission_.Enter(request.call.priority, true, cancellation, deadline);
    if (!turn.ok()) co_return turn.WithContext(context);
    Result<std::string> body = co_await CallOnce(request, cancellation, deadline, facts);
    admission_.Finish(request.call.priority);
    if (body.ok()) co_return body;
    // Refusals of the server have their context, and "expired: " must come first.
    const bool server_said = facts->http_status != 0;
    const Status failure = server_said ? body.status() : body.status().WithContext(context);
    if (cancellation.cancelled()) co_return Cancelled("{}: called off", context);
    if (facts->http_status == 401 && !refreshed && credentials_.refreshable()) {
      refreshed = true;
      credentials_.Invalidate();
      continue;
    }
    const auto delay = RetryDelay(*facts, Random());
    const bool final = body.status().code() == Code::kFailedPrecondition;  // a certificate not to trust
    if (!delay || final || steady_clock::now() + *delay >= deadline) co_return failure;
    const bool slept = co_await loop_.Sleep(cancellation, *delay);
    if (!slept) co_return Cancelled("{}: called off", context);
  }
}

Task<Result<Json>> Core::CallJson(const Request& request, Cancellation& cancellation) {
  Result<std::string> body = co_await Call(request, cancellation);
  if (!body.ok()) co_return body.status();
  Result<Json> json = ParseJson(*body, 128);
  if (!json.ok()) co_return json.status().WithContext("the answer to " + request.verb + " " + request.what);
  co_return json;
}

Task<Result<std::unique_ptr<Stream>>> Core::Open(const Request& request, Cancellation& cancellation) {
  if (!request.problem.ok()) co_return request.problem;
  const TimePoint deadline = steady_clock::now() + request.call.timeout;
  const std::string context = request.verb + " " + request.what;
  if (streams_ >= options_.max_streams) {
    co_return ResourceExhausted("{}: {} streams are open, and no more may be", context, streams_);
  }
  Status turn = co_await admission_.Enter(request.call.priority, false, cancellation, deadline);
  if (!turn.ok()) co_return turn.WithContext(context);
  Try attempt = co_await TryOnce(request, cancellation, deadline, true);
  if (attempt.facts.http_status == 401) credentials_.Invalidate();
  if (!attempt.status.ok()) {
    co_return attempt.facts.http_status != 0 ? attempt.status : attempt.status.WithContext(context);
  }
  auto stream = std::make_unique<Stream>(*this, std::move(attempt.connection));
  co_return stream;
}

}  // namespace millrace::kube::internal
