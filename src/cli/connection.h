// How the CLI's commands reach a running Millrace: the options that they share,
// the token that they find by themselves, and the paths of resources.
#pragma once

#include <string>
#include <vector>

#include "api/http/client.h"
#include "base/json.h"
#include "base/status.h"
#include "cli/command.h"
#include "resource/kind.h"

namespace millrace::cli {

struct ServerOptions {
  std::string server = "http://127.0.0.1:7070";
  std::string data_dir;  // to find the token in; "" looks around
  std::string project = "default";
  std::string ca_file;
};

// --server, --project, --data-dir, --ca-file, to be put behind a command's own.
std::vector<Option> WithServer(std::vector<Option> own, ServerOptions& options);

// --data-dir, else the data directory that a platform of this user at this address has noted, else
// ./.millrace.
std::string DataDirOf(const ServerOptions& options);

// The token: MILLRACE_TOKEN, else of --data-dir, else of the data directory that a
// platform of this user at this address has noted, else of ./.millrace. "" when there
// is none: the server says what it thinks of that.
Result<std::string> FindToken(const ServerOptions& options);

Result<http::Client> Connect(const ServerOptions& options,
                             std::chrono::milliseconds timeout = std::chrono::minutes(1));

// GET, and the like, of JSON. Fails as http::Failed does.
Result<Json> GetJson(http::Client& client, const std::string& target);
Result<Json> SendJson(http::Client& client, http::Method method, const std::string& target, const Json& body);

// "/apis/millrace.dev/v1alpha1/namespaces/default/models/fraud"; "" as name for the list.
// An empty project is all projects.
std::string ResourcePath(const resource::Kind& kind, const std::string& project, const std::string& name);
// "/apis/millrace.dev/v1alpha1/namespaces/PROJECT".
std::string ProjectPath(const std::string& project);

// A kind by any of its names; InvalidArgument with the nearest one.
Result<const resource::Kind*> KindNamed(const std::string& name);

struct NamedResource {
  const resource::Kind* kind = nullptr;
  std::string name;  // "" for all of the kind
};
// "model", "model/fraud", or "model fraud" in two arguments.
Result<std::vector<NamedResource>> ParseNames(const std::vector<std::string>& arguments);

}  // namespace millrace::cli
