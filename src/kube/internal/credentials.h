// Credentials: who the client is, kept fresh. Files are looked at before each
// call; a plugin runs (on a thread of its own, for as long as it runs) when there
// is no credential, ten seconds before one expires, and after a 401.
//
// For the loop's thread; several coroutines may wait for one run of the plugin.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/status.h"
#include "kube/config.h"
#include "kube/internal/connection.h"
#include "kube/internal/exec_plugin.h"
#include "kube/internal/loop.h"
#include "kube/internal/watched_file.h"

namespace millrace::kube::internal {

struct ClientIdentity {
  std::string token;  // "" for none
  TlsMaterial tls;
};

class Credentials {
 public:
  Credentials(Loop& loop, const ClientConfig& config);
  ~Credentials();

  Task<Result<ClientIdentity>> Get(Cancellation& cancellation, TimePoint deadline);
  // The server did not accept the last one.
  void Invalidate() { credential_.reset(); }
  // Whether Invalidate can make a difference.
  bool refreshable() const { return config_.exec.has_value() || token_file_.has_value(); }

 private:
  Result<ClientIdentity> FromConfig();
  bool Fresh() const;
  void StartPlugin();

  Loop& loop_;
  const ClientConfig config_;
  std::optional<WatchedFile> ca_file_;
  std::optional<WatchedFile> certificate_file_;
  std::optional<WatchedFile> key_file_;
  std::optional<WatchedFile> token_file_;
  std::optional<ExecCredential> credential_;
  Status plugin_failure_;
  bool running_ = false;
  uint64_t runs_ = 0;  // of the plugin that ended
  Signal ended_;
  UniqueFd stop_;
  std::thread plugin_;
};

}  // namespace millrace::kube::internal
