// Operator: Millrace on a Kubernetes cluster. What `up` runs on a folder and a
// file, this runs on the cluster's resources, as long as it holds the lease.
//
//     candidate ── lease taken ─▶ platform (cli/platform.h on KubeStore) ── lease lost ─▶ ends
//         └──────────────── probes: /healthz, /readyz ───────────────────────┘
//
//   MR_ASSIGN_OR_RETURN(auto op, Operator::Start({.client = client.get(), …}));
//   while (!asked_to_stop) MR_RETURN_IF_ERROR(op->Tick());   // a few times a second
//   op->Stop();
//
// A leader that could not renew its lease writes nothing from that moment on
// (KubeStore::Options::may_write) and ends: what it had in memory may no longer be
// true, and a new process begins from the stores. The data directory has a lock
// beside the lease, so that two operators on one volume never open it together.
// Start, Tick and Stop are for one thread. The client outlives it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/platform.h"

namespace millrace::kube {
class Client;
}

namespace millrace::cli {

struct OperatorOptions {
  kube::Client* client = nullptr;
  std::vector<std::string> projects = {};  // namespaces; empty: all
  std::string lease_namespace = "default";
  std::string lease_name = "millrace-operator";
  std::string identity;                      // of this process
  std::chrono::seconds lease_duration{15};   // renewed within two thirds of it
  std::string health_address = "127.0.0.1";  // of the probes
  int64_t health_port = 7081;                // 0 lets the system choose
  PlatformOptions platform = {};             // but for where its resources are
};

class Operator {
 public:
  static Result<std::unique_ptr<Operator>> Start(OperatorOptions options);
  ~Operator();

  // Begins to lead when the lease was taken. Fails when it has led and does no
  // more, and when the platform cannot run.
  Status Tick();
  void Stop();

  bool leads() const;                // and the platform runs
  const Platform* platform() const;  // null while it does not lead
  std::string health_url() const;

 private:
  struct Parts;
  explicit Operator(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::cli
