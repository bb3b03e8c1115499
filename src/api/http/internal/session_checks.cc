// What can be said of a request before its body is read: the checks of its head, in order.
#include <openssl/crypto.h>
#include <strings.h>

#include <algorithm>

#include "api/http/internal/session.h"

namespace millrace::http::internal {
namespace {

constexpr size_t kLongestRequestId = 64;

bool IsRequestId(std::string_view text) {
  auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kLongestRequestId && std::all_of(text.begin(), text.end(), ok);
}

bool IsRead(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions;
}

}  // namespace

std::string AllowedText(uint8_t bits) {
  std::string out;
  for (size_t i = 0; i < kMethods; ++i) {
    if ((bits & (1U << i)) == 0) continue;
    out += MethodName(static_cast<Method>(i));
    out += ", ";
  }
  return out + "OPTIONS";
}

Session::Refusal Session::CheckHead() {
  request_ = Request();
  route_ = nullptr;
  allowed_methods_ = 0;
  request_.headers = parser_.headers();
  request_.target = parser_.target();
  request_.tls = core_.tls();
  request_.buffer = &body_buffer_;
  std::string_view target = request_.target;
  size_t question = target.find('?');
  request_.path = target.substr(0, question);
  request_.query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  request_id_.clear();
  std::string_view given = request_.Header("x-request-id");
  if (IsRequestId(given)) {
    request_id_ = given;
  } else {
    core_.AppendRequestId(request_id_);
  }
  request_.id = request_id_;
  if (!request_.Header("transfer-encoding").empty() && !parser_.chunked()) {
    return {501, Unimplemented("of the transfer encodings only 'chunked' is known here")};
  }
  if (!parser_.method()) return {501, Unimplemented("this method is not known here")};
  request_.method = *parser_.method();
  bool asterisk = target == "*" && request_.method == Method::kOptions;
  if (!asterisk && !target.starts_with('/')) {
    return {400, InvalidArgument("the request's target is not a path that starts with '/'")};
  }
  for (Refusal (Session::*check)() : {&Session::CheckHost, &Session::FindRoute, &Session::CheckAccess}) {
    Refusal refusal = (this->*check)();
    if (refusal.status != 0) return refusal;
  }
  return CheckBody();
}

Session::Refusal Session::CheckHost() {
  std::string_view host;
  size_t hosts = 0;
  for (const HeaderView& header : request_.headers) {
    if (header.name.size() == 4 && ::strncasecmp(header.name.data(), "host", 4) == 0) {
      host = header.value;
      ++hosts;
    }
  }
  if (hosts == 0 && parser_.http_1_0()) return CheckOrigin();
  if (hosts != 1) return {400, InvalidArgument("a request has exactly one Host header, not {}", hosts)};
  if (host != known_host_) {
    if (!core_.IsOurHost(host)) {
      return {421,
              FailedPrecondition("the Host '{}' is not one of ours: use the address, localhost, or start "
                                 "millrace with --allowed-host NAME",
                                 host.substr(0, 255))};
    }
    known_host_ = host;
  }
  return CheckOrigin();
}

// Browsers tell with Origin (or at least Sec-Fetch-Site) which site made them
// send this; a site that is not ours may not change anything.
Session::Refusal Session::CheckOrigin() const {
  if (IsRead(request_.method)) return {};
  std::string_view origin = request_.Header("origin");
  if (!origin.empty() && !core_.IsOurOrigin(origin, request_.Header("host"))) {
    return {403, PermissionDenied("a page of the origin '{}' may not send this: start millrace with "
                                  "--allowed-origin to let it",
                                  origin.substr(0, 255))};
  }
  if (origin.empty() && request_.Header("sec-fetch-site") == "cross-site") {
    return {403, PermissionDenied("a page of another site may not send this")};
  }
  return {};
}

Session::Refusal Session::FindRoute() {
  if (request_.target == "*") {
    allowed_methods_ = 0x7F;
    return {};
  }
  match_ = core_.router().Find(request_.method, request_.path);
  route_ = match_.route;
  allowed_methods_ = match_.allowed;
  if (route_ != nullptr) return {};
  if (allowed_methods_ == 0) {
    std::string nearest = core_.router().NearestPath(request_.path);
    if (nearest.empty()) return {404, NotFound("there is nothing at {}", request_.path)};
    return {404, NotFound("there is nothing at {}: did you mean {}?", request_.path, nearest)};
  }
  if (request_.method == Method::kOptions) return {};
  return {405, Unimplemented("{} takes {}, not {}", request_.path, AllowedText(allowed_methods_),
                             MethodName(request_.method))};
}

Session::Refusal Session::Identify() {
  std::string_view authorization = request_.Header("authorization");
  uint64_t generation = core_.access().generation();
  bool known = generation == known_generation_ && authorization.size() == known_authorization_.size() &&
               CRYPTO_memcmp(authorization.data(), known_authorization_.data(), authorization.size()) == 0;
  if (!known) {
    Result<security::Identity> identity = core_.access().Authenticate(authorization);
    known_generation_ = 0;
    if (!identity.ok()) return {401, identity.status()};
    identity_ = std::move(identity).value();
    grants_ = core_.access().grants();
    known_authorization_ = authorization;
    known_generation_ = generation;
  }
  request_.identity = &identity_;
  request_.grants = grants_.get();
  return {};
}

Session::Refusal Session::DecodeParams() {
  params_.clear();
  decoded_.clear();
  decoded_.reserve(Router::kMaxParams);  // views into it stay valid
  for (size_t i = 0; i < match_.num_params; ++i) {
    auto [name, value] = match_.params[i];
    if (value.find('%') != std::string_view::npos) {
      std::optional<std::string> decoded = PercentDecode(value);
      if (!decoded) return {400, InvalidArgument("the part '{}' of the path is not well encoded", value)};
      decoded_.push_back(std::move(*decoded));
      value = decoded_.back();
    }
    params_.push_back({name, value});
  }
  request_.params = params_;
  return {};
}

Session::Refusal Session::CheckAccess() {
  static const security::Grants kNoGrants;
  static const security::Identity kNobody;
  request_.identity = &kNobody;
  request_.grants = &kNoGrants;
  if (route_ == nullptr) return {};  // OPTIONS tells methods alone
  Refusal refusal = DecodeParams();
  if (refusal.status != 0) return refusal;
  if (route_->permission == security::Permission::kPublic) return {};
  refusal = Identify();
  if (refusal.status != 0) return refusal;
  std::string_view project;
  switch (route_->options.scope) {
    case Scope::kPlatform:
      break;
    case Scope::kProject:
      project = route_->options.project;
      break;
    case Scope::kProjectParam:
      project = request_.Param("project");
      break;
    case Scope::kAnyProject:
      if (security::AllowedSomewhere(identity_, route_->permission, *grants_)) return {};
      break;
  }
  security::Decision decision = security::Authorize(identity_, route_->permission, project, *grants_);
  if (!decision.allowed) return {403, PermissionDenied("{}", decision.reason)};
  return {};
}

Session::Refusal Session::CheckBody() const {
  if (!parser_.has_body()) return {};
  uint64_t max_body = route_ != nullptr ? route_->options.max_body : 0;
  if (parser_.content_length().value_or(0) > max_body) {
    return {413, ResourceExhausted("the body has {} bytes; {} takes at most {}", *parser_.content_length(),
                                   request_.path, max_body)};
  }
  std::string_view expect = request_.Header("expect");
  if (!expect.empty() && ::strncasecmp(expect.data(), "100-continue", expect.size()) != 0) {
    return {417, InvalidArgument("the only expectation known here is '100-continue'")};
  }
  if (route_ == nullptr || route_->options.content_types.empty()) return {};
  const std::vector<std::string>& taken = route_->options.content_types;
  std::string type = request_.ContentType();
  if (std::find(taken.begin(), taken.end(), type) != taken.end()) return {};
  std::string list;
  for (const std::string& one : taken) list += (list.empty() ? "" : ", ") + one;
  return {415, InvalidArgument("{} takes a body of {}, not '{}'", request_.path, list, type)};
}

}  // namespace millrace::http::internal
