// Platform: everything that `millrace up` runs in one process, wired together.
//
//   data directory (locked) ─▶ tokens, audit log ─▶ resources, registry, online state
//                                                    ─▶ controllers ─▶ HTTP server
//
//   MR_ASSIGN_OR_RETURN(auto platform, Platform::Start({.data_dir = ".millrace", .port = 7070}));
//   MR_ASSIGN_OR_RETURN(auto plan, platform->Apply(documents));
//   …
//   platform->Stop();
//
// Start takes it all apart again when a part fails, and says which: the data
// directory is in use (Unavailable) or of a newer Millrace (FailedPrecondition),
// the port is taken, a store is damaged (DataLoss). One thread starts and stops
// it; the rest is thread safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "controller/task_set.h"
#include "resource/admit.h"
#include "resource/store.h"

namespace millrace::cli {

struct PlatformOptions {
  std::string data_dir;               // made when it is missing
  std::string address = "127.0.0.1";  // to listen on
  int64_t port = 7070;                // 0 lets the system choose
  std::string tls_certificate = {};   // PEM files; both or none
  std::string tls_key = {};
  std::vector<std::string> allowed_hosts = {};  // see http::ServerOptions
  std::vector<std::string> allowed_origins = {};
  std::string anonymous = {};  // the role of callers without a token: "", viewer, editor, admin
  std::optional<EventTime> as_of =
      {};             // the online state holds only events before it, apart from the kept one
  int64_t cores = 0;  // for work of the controllers; 0: the machine's
  // Where resources are kept: null for a file in the data directory. On a cluster
  // others write there, too, so each resource is checked before it is worked on.
  std::function<Result<std::unique_ptr<resource::ResourceStore>>(resource::Auditor)> open_resources = {};
};

class Platform {
 public:
  static Result<std::unique_ptr<Platform>> Start(PlatformOptions options);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // Validates the documents and writes them, all or none, as `millrace apply` does.
  Result<resource::Plan> Apply(std::span<const resource::Document> documents);

  resource::ResourceStore& resources();
  // What the controllers do now, by "Kind/project/name".
  std::map<std::string, controller::TaskView> Running() const;
  std::string url() const;
  const std::string& token() const;

  // Stops taking requests, finishes those in flight, ends all work, closes the stores.
  void Stop();

 private:
  struct Parts;
  explicit Platform(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::cli
