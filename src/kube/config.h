// ClientConfig: where an API server is, how it proves itself, and who we are.
//
//   MR_ASSIGN_OR_RETURN(ClientConfig config, LoadConfig());         // $KUBECONFIG, ~/.kube/config, or the
//   pod's own MR_ASSIGN_OR_RETURN(ClientConfig config, LoadKubeconfig({.context = "staging"}));
//
// Files are merged as kubectl does: of two entries with one name the first
// counts, whole; the first current-context counts; relative paths start at the
// file that names them. What a file holds by reference (token, certificates) is
// read again when it changes, by the client, so only its path is kept here.
//
// Fails with a sentence that names file, context and field: NotFound (a file, a
// context), InvalidArgument (not a kubeconfig), Unimplemented (proxy-url,
// auth-provider, user and password). Verification of the server is switched
// off by insecure-skip-tls-verify only where the caller allows that.
// Bounded: 4 MiB and 1,000 entries a file; aliases are refused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace::kube {

// A program that prints credentials (client.authentication.k8s.io/v1 or v1beta1).
struct ExecPlugin {
  std::string command;  // a path, or a name searched for in PATH
  std::vector<std::string> args;
  std::map<std::string, std::string> env;  // beside our own environment
  std::string api_version;
  bool provide_cluster_info = false;
  std::string install_hint;  // shown when it cannot be started
};

struct ClientConfig {
  std::string server;       // "https://10.0.0.1:6443", with a path before /api where a proxy has one
  std::string context;      // that it came from; "in-cluster"
  std::string ns;           // of the context; "default" where it has none
  std::string server_name;  // that the certificate must have, and SNI; "" is the host of `server`
  bool insecure = false;    // the certificate is not verified

  // PEM text or a file with it. Without both the system's authorities count.
  std::string ca_pem;
  std::string ca_file;

  // Who we are: any of these. A file goes before its text.
  std::string certificate_pem;
  std::string certificate_file;
  std::string key_pem;
  std::string key_file;
  std::string token;
  std::string token_file;
  std::optional<ExecPlugin> exec;

  std::string impersonate_user;
  std::vector<std::string> impersonate_groups;
};

struct KubeconfigOptions {
  std::string paths = {};    // as in $KUBECONFIG, separated by colons; "": $KUBECONFIG, else ~/.kube/config
  std::string context = {};  // "": current-context
  bool allow_insecure = false;
};

// Files that a list of paths names but that are not there are passed over, as
// kubectl does; NotFound when none is.
Result<ClientConfig> LoadKubeconfig(const KubeconfigOptions& options = {});

// The same of texts: (path, text) in order of precedence. Reads no file.
Result<ClientConfig> ParseKubeconfig(const std::vector<std::pair<std::string, std::string>>& files,
                                     const KubeconfigOptions& options = {});

struct InClusterOptions {
  std::string directory = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::string host = {};  // "": $KUBERNETES_SERVICE_HOST
  std::string port = {};  // "": $KUBERNETES_SERVICE_PORT
};
// The pod's service account. FailedPrecondition outside a pod.
Result<ClientConfig> LoadInCluster(const InClusterOptions& options = {});

// A kubeconfig when $KUBECONFIG or ~/.kube/config is there, else the pod's own.
Result<ClientConfig> LoadConfig(const KubeconfigOptions& options = {});

}  // namespace millrace::kube
