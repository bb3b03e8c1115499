#include "cli/connection.h"

#include <cstdlib>

#include "base/file.h"
#include "base/json.h"
#include "base/percent.h"
#include "base/text.h"
#include "cli/data_dir.h"
#include "security/token.h"

namespace millrace::cli {
namespace {

const std::string kRoot = fmt::format("/apis/{}", resource::kApiVersion);

Result<Json> BodyOf(const http::ClientResponse& response) {
  MR_RETURN_IF_ERROR(http::Failed(response));
  return ParseJson(response.body);
}

}  // namespace

std::vector<Option> WithServer(std::vector<Option> own, ServerOptions& options) {
  own.push_back(FromEnv(Text("--server", "The address of Millrace.", &options.server), "MILLRACE_SERVER"));
  own.push_back(Text("-p,--project", "The Project that names are looked for in.", &options.project));
  own.push_back(FromEnv(Text("--data-dir", "The data directory to find the token in.", &options.data_dir),
                        "MILLRACE_DATA_DIR"));
  own.push_back(Text("--ca-file", "PEM file of who may sign the server's certificate.", &options.ca_file));
  return own;
}

std::string DataDirOf(const ServerOptions& options) {
  if (!options.data_dir.empty()) return options.data_dir;
  const std::string noted = ReadNote(options.server);
  return noted.empty() ? ".millrace" : noted;
}

Result<std::string> FindToken(const ServerOptions& options) {
  const char* token = std::getenv("MILLRACE_TOKEN");
  if (token != nullptr && *token != '\0') return std::string(token);
  if (!options.data_dir.empty()) return security::ReadAdminToken(options.data_dir);
  for (const std::string& place : {ReadNote(options.server), std::string(".millrace")}) {
    if (place.empty() || !FileExists(place + "/token")) continue;
    return security::ReadAdminToken(place);
  }
  return std::string();
}

Result<http::Client> Connect(const ServerOptions& options, std::chrono::milliseconds timeout) {
  http::ClientOptions client;
  client.url = options.server;
  while (client.url.ends_with('/')) client.url.pop_back();
  MR_ASSIGN_OR_RETURN(client.token, FindToken(options));
  client.ca_file = options.ca_file;
  client.timeout = timeout;
  return http::Client::Create(std::move(client));
}

Result<Json> GetJson(http::Client& client, const std::string& target) {
  http::ClientRequest request;
  request.target = target;
  MR_ASSIGN_OR_RETURN(const http::ClientResponse response, client.Send(request));
  return BodyOf(response);
}

Result<Json> SendJson(http::Client& client, http::Method method, const std::string& target,
                      const Json& body) {
  http::ClientRequest request;
  request.method = method;
  request.target = target;
  if (!body.is_null()) request.body = FormatJson(body);
  if (method == http::Method::kPatch) request.content_type = "application/merge-patch+json";
  MR_ASSIGN_OR_RETURN(const http::ClientResponse response, client.Send(request));
  return BodyOf(response);
}

std::string ProjectPath(const std::string& project) {
  return kRoot + "/namespaces/" + PercentEncode(project);
}

std::string ResourcePath(const resource::Kind& kind, const std::string& project, const std::string& name) {
  std::string path = kind.namespaced && !project.empty() ? ProjectPath(project) : kRoot;
  path += "/" + kind.plural;
  if (!name.empty()) path += "/" + PercentEncode(name);
  return path;
}

Result<const resource::Kind*> KindNamed(const std::string& name) {
  const resource::Kind* kind = resource::FindKind(name);
  if (kind != nullptr) return kind;
  const std::string near = resource::NearestKind(name);
  if (!near.empty()) return InvalidArgument("'{}' is no kind; did you mean {}?", name, near);
  std::vector<std::string> names;
  for (const resource::Kind& known : resource::Kinds()) names.push_back(known.singular);
  return InvalidArgument("'{}' is no kind; there are {}.", name, Join(names, ", "));
}

Result<std::vector<NamedResource>> ParseNames(const std::vector<std::string>& arguments) {
  if (arguments.empty())
    return InvalidArgument("name a kind, such as 'models', or a resource, such as 'model/fraud'");
  std::vector<NamedResource> named;
  if (arguments.front().find('/') != std::string::npos) {
    for (const std::string& argument : arguments) {
      const size_t slash = argument.find('/');
      if (slash == std::string::npos || slash + 1 == argument.size()) {
        return InvalidArgument("'{}' should be KIND/NAME, such as model/fraud", argument);
      }
      MR_ASSIGN_OR_RETURN(const resource::Kind* kind, KindNamed(argument.substr(0, slash)));
      named.push_back({.kind = kind, .name = argument.substr(slash + 1)});
    }
    return named;
  }
  for (const std::string& word : Split(arguments.front(), ',')) {
    MR_ASSIGN_OR_RETURN(const resource::Kind* kind, KindNamed(word));
    if (arguments.size() == 1) named.push_back({.kind = kind, .name = ""});
    for (size_t i = 1; i < arguments.size(); ++i) named.push_back({.kind = kind, .name = arguments[i]});
  }
  return named;
}

}  // namespace millrace::cli
