#include "kube/internal/credentials.h"

#include <sys/eventfd.h>

#include "base/clock.h"

namespace millrace::kube::internal {
namespace {

constexpr Micros kLeeway = std::chrono::seconds(10);

std::optional<WatchedFile> Watched(const std::string& path) {
  if (path.empty()) return std::nullopt;
  return WatchedFile(path);
}

std::string Trimmed(std::string text) {
  const auto blank = [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  return text;
}

// A token goes into a header: no line ends, no blanks.
Status CheckToken(const std::string& token, std::string_view from) {
  for (const char c : token) {
    if (c <= ' ' || c > '~')
      return InvalidArgument("{} is not a bearer token: it has a character that none may have", from);
  }
  return Ok();
}

}  // namespace

Credentials::Credentials(Loop& loop, const ClientConfig& config)
    : loop_(loop),
      config_(config),
      ca_file_(Watched(config.ca_file)),
      certificate_file_(Watched(config.certificate_file)),
      key_file_(Watched(config.key_file)),
      token_file_(Watched(config.token_file)),
      ended_(loop),
      stop_(::eventfd(0, EFD_CLOEXEC)) {}

Credentials::~Credentials() {
  if (!plugin_.joinable()) return;
  (void)::eventfd_write(stop_.get(), 1);
  plugin_.join();
}

Result<ClientIdentity> Credentials::FromConfig() {
  ClientIdentity identity;
  identity.token = config_.token;
  identity.tls = {config_.ca_pem, config_.certificate_pem, config_.key_pem, config_.server_name,
                  config_.insecure};
  const auto read = [](std::optional<WatchedFile>& file, std::string& into, std::string_view what) -> Status {
    if (!file) return Ok();
    Result<std::string> text = file->Read();
    if (!text.ok()) return text.status().WithContext(what);
    into = std::move(*text);
    return Ok();
  };
  MR_RETURN_IF_ERROR(read(ca_file_, identity.tls.ca_pem, "the certificate authority"));
  MR_RETURN_IF_ERROR(read(certificate_file_, identity.tls.certificate_pem, "the client certificate"));
  MR_RETURN_IF_ERROR(read(key_file_, identity.tls.key_pem, "the client key"));
  MR_RETURN_IF_ERROR(read(token_file_, identity.token, "the token"));
  identity.token = Trimmed(std::move(identity.token));
  MR_RETURN_IF_ERROR(
      CheckToken(identity.token, token_file_ ? token_file_->path() : "the kubeconfig's token"));
  return identity;
}

bool Credentials::Fresh() const {
  return credential_ && (!credential_->expires || *credential_->expires - kLeeway > SystemClock().Now());
}

void Credentials::StartPlugin() {
  running_ = true;
  if (plugin_.joinable()) plugin_.join();  // the run before has ended
  plugin_ = std::thread([this] {
    Result<ExecCredential> got = RunExecPlugin(*config_.exec, config_, stop_.get());
    loop_.Post([this, got = std::move(got)]() mutable {
      running_ = false;
      ++runs_;
      plugin_failure_ = got.ok() ? Ok() : got.status();
      if (got.ok()) credential_ = std::move(*got);
      ended_.Notify();
    });
  });
}

Task<Result<ClientIdentity>> Credentials::Get(Cancellation& cancellation, TimePoint deadline) {
  Result<ClientIdentity> identity = FromConfig();
  if (!identity.ok() || !config_.exec) co_return identity;
  if (!Fresh()) {
    const uint64_t before = runs_;
    if (!running_) StartPlugin();
    while (runs_ == before && !cancellation.cancelled() && std::chrono::steady_clock::now() < deadline) {
      co_await ended_.Wait(cancellation, deadline);
    }
    if (cancellation.cancelled()) co_return Cancelled("called off");
    if (runs_ == before) co_return DeadlineExceeded("the credential plugin did not end in time");
    if (!plugin_failure_.ok()) co_return plugin_failure_;
    if (!credential_) co_return Unauthenticated("the credential plugin's credential was refused");
  }
  identity->token = credential_->token;
  const Status valid = CheckToken(identity->token, "what the credential plugin gave");
  if (!valid.ok()) co_return valid;
  if (!credential_->certificate_pem.empty()) {
    identity->tls.certificate_pem = credential_->certificate_pem;
    identity->tls.key_pem = credential_->key_pem;
  }
  co_return identity;
}

}  // namespace millrace::kube::internal
