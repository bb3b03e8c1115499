// Credential plugins: a program that prints an ExecCredential (cloud vendors'
// ways of logging in). The protocol is client.authentication.k8s.io/v1.
//
//   MR_ASSIGN_OR_RETURN(ExecCredential credential, RunExecPlugin(plugin, {}, stop_fd));
//
// RunExecPlugin blocks until the program ends, `stop_fd` becomes readable, or a
// minute has passed; the program is then killed with its group. Its output is
// bounded. Fails with what it wrote to standard error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"
#include "base/time.h"
#include "kube/config.h"

namespace millrace::kube::internal {

struct ExecCredential {
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::optional<EventTime> expires;
};

// `cluster` is what provideClusterInfo hands over. stop_fd: -1 for none.
Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, const ClientConfig& cluster, int stop_fd);

// What a plugin printed. Pure, bounded.
Result<ExecCredential> ParseExecCredential(std::string_view text, std::string_view api_version);

}  // namespace millrace::kube::internal
