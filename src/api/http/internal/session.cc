#include "api/http/internal/session.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <exception>

#include "api/http/status_http.h"
#include "base/log.h"

namespace millrace::http::internal {
namespace {

constexpr size_t kInputBytes = 16 << 10;
constexpr size_t kBodyInputBytes = 64 << 10;
constexpr size_t kOutputKept = 256 << 10;
// A refused request's body is read and forgotten up to this, to keep the connection.
constexpr uint64_t kForgottenBody = 64 << 10;

void AppendNumber(std::string& out, uint64_t n, int base = 10) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof(digits), n, base).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

// "Sun, 06 Nov 1994 08:49:37 GMT", made once a second and thread.
const std::string& HttpDate() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char buffer[40];
    size_t n = std::strftime(buffer, sizeof(buffer), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text.assign(buffer, n);
    made = now;
  }
  return text;
}

// The reason that a refusal is counted under.
std::string_view ReasonOf(int status) {
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "denied";
    case 404:
      return "not_found";
    case 405:
      return "method";
    case 408:
      return "timeout";
    case 413:
      return "body_too_large";
    case 414:
      return "target_too_long";
    case 415:
      return "media_type";
    case 421:
      return "host";
    case 429:
      return "too_many";
    case 431:
      return "headers_too_large";
    case 503:
      return "busy";
    default:
      return "malformed";
  }
}

}  // namespace

Session::Session(const Core& core)
    : core_(core),
      input_(kInputBytes),
      parser_({.max_header_bytes = core.limits().max_header_bytes,
               .max_target_bytes = core.limits().max_target_bytes,
               .max_headers = core.limits().max_headers}) {}

std::pair<char*, size_t> Session::InputSpace() {
  if (input_begin_ == input_end_) {
    input_begin_ = input_end_ = 0;
    // A large body comes in larger pieces; a connection at rest holds little.
    bool in_body = parser_.started() && parser_.body_received() > kInputBytes;
    size_t wanted = in_body ? kBodyInputBytes : kInputBytes;
    if (input_.size() < wanted || (input_.size() > wanted && !parser_.started())) {
      input_.resize(wanted);
      input_.shrink_to_fit();
    }
  }
  if (input_end_ == input_.size()) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= input_begin_;
    input_begin_ = 0;
    // The parser refuses to leave more than the limit of headers unused, so this stays bounded.
    if (input_end_ == input_.size()) input_.resize(input_.size() * 2);
  }
  return {input_.data() + input_end_, input_.size() - input_end_};
}

void Session::Received(size_t bytes) { input_end_ += bytes; }

Session::Step Session::Advance(TimePoint now) {
  while (true) {
    if (close_) return Step::kClose;
    if (output_.size() > core_.limits().max_pipelined_bytes) return Step::kFlush;
    bool begins = !parser_.started();
    std::string_view input(input_.data() + input_begin_, input_end_ - input_begin_);
    RequestParser::Progress progress = parser_.Put(input);
    input_begin_ += progress.used;
    if (begins && parser_.started()) first_byte_ = now;
    Step step = Step::kRead;
    switch (progress.state) {
      case RequestParser::State::kNeedMore:
        return Step::kRead;
      case RequestParser::State::kError:
        unread_input_ = true;
        close_ = true;
        step = Refuse({parser_.error_status(), InvalidArgument("{}", parser_.error_text())}, now);
        break;
      case RequestParser::State::kHeaders:
        step = AtHeaders(now);
        break;
      case RequestParser::State::kDone:
        step = AtRequest(now);
        break;
    }
    if (step != Step::kRead) return step;
  }
}

// The head is there: everything that can be said before the body is read.
Session::Step Session::AtHeaders(TimePoint now) {
  head_done_ = now;
  head_seen_ = true;
  request_http_1_0_ = parser_.http_1_0();
  keep_alive_ = parser_.keep_alive();
  refused_ = CheckHead();
  uint64_t max_body = route_ != nullptr ? route_->options.max_body : 0;
  bool expects = !request_.Header("expect").empty();
  if (refused_.status != 0) {
    // A small body is swallowed, so that the connection stays of use. Where a body in
    // an unknown coding ends cannot be told: read on, it would pass for the next
    // request (RFC 9112, section 6.3).
    bool coded = !request_.Header("transfer-encoding").empty();
    bool small = !expects && !coded && parser_.content_length().value_or(0) <= kForgottenBody;
    if (!small || refused_.status == 413) {
      unread_input_ = true;
      close_ = true;
      return Refuse(std::exchange(refused_, {}), now);
    }
    parser_.set_discard_body();
    max_body = kForgottenBody;
  } else if (expects && parser_.has_body()) {
    output_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  parser_.set_max_body(max_body);
  return Step::kRead;
}

Session::Step Session::AtRequest(TimePoint now) {
  request_done_ = now;
  request_.body = parser_.body();
  if (refused_.status != 0) return Refuse(std::exchange(refused_, {}), now);
  if (route_ == nullptr) {
    response_ = Response::Empty(204);
    response_.headers.push_back({"allow", AllowedText(allowed_methods_)});
    Answer(now);
    return Step::kRead;
  }
  if (route_->options.run == Run::kBlocking) return Step::kBlocking;
  RunHandler();
  return FinishHandler(now);
}

void Session::RunHandler() {
  // Our own code throws nothing; what a library or the allocator throws ends the request, not the server.
  try {
    response_ = route_->handler(request_);
  } catch (const std::exception& e) {
    LogError("a handler failed", {{"route", route_->pattern}, {"request", request_id_}, {"error", e.what()}});
    response_ = core_.router().Error(request_.path, 500, Internal("this request met a defect of millrace"));
  }
}

Session::Step Session::FinishHandler(TimePoint now) {
  if (response_.stream && request_.method == Method::kHead) response_.stream.reset();
  if (!response_.stream) {
    Answer(now);
    return Step::kRead;
  }
  if (core_.streams().fetch_add(1) >= static_cast<int64_t>(core_.limits().max_streams)) {
    core_.streams().fetch_sub(1);
    response_ = core_.router().Error(request_.path, 429, ResourceExhausted("too many watches are open here"));
    Answer(now);
    return Step::kRead;
  }
  if (request_http_1_0_) keep_alive_ = false;  // its end is the connection's
  WriteHead(std::string::npos);
  return Step::kStream;
}

void Session::RefuseHandler(TimePoint now) {
  Refuse({503, Unavailable("all workers are busy and their queue is full: try again")}, now);
}

Session::Step Session::Refuse(const Refusal& refusal, TimePoint now) {
  core_.CountRejected(ReasonOf(refusal.status));
  response_ = core_.router().Error(request_.path, refusal.status, refusal.reason);
  if (refusal.status == 401) response_.headers.push_back({"www-authenticate", "Bearer realm=\"millrace\""});
  if (refusal.status == 405) response_.headers.push_back({"allow", AllowedText(allowed_methods_)});
  if (refusal.status == 429 || refusal.status == 503) response_.headers.push_back({"retry-after", "1"});
  if (request_id_.empty()) core_.AppendRequestId(request_id_);
  Answer(now);
  return close_ ? Step::kClose : Step::kRead;
}

void Session::TimedOut(TimePoint now) {
  if (!parser_.started()) {
    close_ = true;
    return;
  }
  close_ = true;
  unread_input_ = true;
  Refuse({408, DeadlineExceeded("the request did not arrive in time")}, now);
}

void Session::WriteHead(size_t content_length) {
  bool sized = content_length != std::string::npos;
  bool close = close_ || !keep_alive_ || core_.draining().load(std::memory_order_relaxed);
  if (close) close_ = close_ || !response_.stream;  // a stream closes at its end
  output_ += "HTTP/1.1 ";
  AppendNumber(output_, static_cast<uint64_t>(response_.status));
  output_ += ' ';
  output_ += ReasonPhrase(response_.status);
  if (!response_.content_type.empty()) {
    output_ += "\r\ncontent-type: ";
    output_ += response_.content_type;
  }
  if (sized && response_.status != 204) {
    output_ += "\r\ncontent-length: ";
    AppendNumber(output_, content_length);
  } else if (!sized && !request_http_1_0_) {
    output_ += "\r\ntransfer-encoding: chunked";
  }
  output_ += "\r\ndate: ";
  output_ += HttpDate();
  output_ += "\r\nx-request-id: ";
  output_ += request_id_;
  output_ += "\r\nx-content-type-options: nosniff";
  if (close) output_ += "\r\nconnection: close";
  for (const Header& header : response_.headers) {
    output_ += "\r\n";
    output_ += header.name;
    output_ += ": ";
    output_ += header.value;
  }
  output_ += "\r\n\r\n";
}

void Session::Answer(TimePoint now) {
  WriteHead(response_.body.size());
  if (request_.method != Method::kHead && response_.status != 204) output_ += response_.body;
  if (response_.after) after_.push_back(std::move(response_.after));
  auto took = now - (request_done_ == TimePoint() ? now : request_done_);
  core_.CountRequest(route_, response_.status, took);
  if (core_.options().access_log) LogAccess(took);
  body_buffer_ = std::move(response_.body);
  if (body_buffer_.capacity() > kOutputKept) body_buffer_ = std::string();
  response_ = Response();
  EndRequest();
}

void Session::EndRequest() {
  parser_.Reset();
  request_ = Request();
  request_id_.clear();
  route_ = nullptr;
  keep_alive_ = true;
  head_seen_ = false;
  request_done_ = TimePoint();
}

void Session::AppendChunk(std::string_view bytes) {
  if (bytes.empty()) return;
  if (request_http_1_0_) {
    output_ += bytes;
    return;
  }
  AppendNumber(output_, bytes.size(), 16);
  output_ += "\r\n";
  output_ += bytes;
  output_ += "\r\n";
}

void Session::FinishStream(TimePoint now) {
  core_.streams().fetch_sub(1);
  if (!request_http_1_0_) output_ += "0\r\n\r\n";
  if (!keep_alive_ || core_.draining().load(std::memory_order_relaxed)) close_ = true;
  response_.stream.reset();
  core_.CountRequest(route_, response_.status, now - request_done_);
  if (core_.options().access_log) LogAccess(now - request_done_);
  response_ = Response();
  EndRequest();
}

void Session::Written() {
  output_.clear();
  if (output_.capacity() > kOutputKept) output_.shrink_to_fit();
  if (after_.empty()) return;
  std::vector<std::function<void()>> after = std::exchange(after_, {});
  for (const std::function<void()>& run : after) run();
}

TimePoint Session::ReadDeadline(TimePoint now) const {
  const Limits& limits = core_.limits();
  if (!parser_.started()) return now + limits.idle_timeout;
  if (!head_seen_) return first_byte_ + limits.header_timeout;
  auto earned =
      std::chrono::milliseconds(1000 * parser_.body_received() / std::max<size_t>(1, limits.min_body_rate));
  return head_done_ + limits.body_timeout + earned;
}

void Session::LogAccess(std::chrono::nanoseconds took) const {
  LogInfo("request",
          {{"request", request_id_},
           {"method", std::string(MethodName(request_.method))},
           {"path", std::string(request_.path)},
           {"status", std::to_string(response_.status)},
           {"who", request_.identity != nullptr ? request_.identity->name : ""},
           {"micros", std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(took).count())}});
}

}  // namespace millrace::http::internal
