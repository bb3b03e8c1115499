#include "kube/config.h"

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "kube/internal/base64.h"
#include "kube/internal/yaml.h"

namespace millrace::kube {
namespace {

constexpr size_t kMaxEntries = 1000;
constexpr uint64_t kMaxFile = uint64_t{4} << 20;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A named entry (cluster, user, context) and the file that it stands in.
struct Entry {
  Json value;
  std::string file;
};
using Entries = std::map<std::string, Entry>;

struct Merged {
  Entries clusters;
  Entries users;
  Entries contexts;
  std::string current_context;
};

std::string Names(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) names.push_back("'" + name + "'");
  return names.empty() ? "there is none" : "there are " + Join(names, ", ");
}

Status Collect(const Json& root, const std::string& file, const char* list, const char* inner,
               Entries& into) {
  const auto found = root.find(list);
  if (found == root.end() || found->is_null()) return Ok();
  if (!found->is_array()) return InvalidArgument("{}: {} is not a list", file, list);
  if (found->size() > kMaxEntries)
    return InvalidArgument("{}: {} has more than {} entries", file, list, kMaxEntries);
  size_t index = 0;
  for (const Json& item : *found) {
    const std::string where = fmt::format("{}: {}[{}]", file, list, index++);
    if (!item.is_object()) return InvalidArgument("{} is not an object", where);
    const auto name = item.find("name");
    if (name == item.end() || !name->is_string()) return InvalidArgument("{}.name is missing", where);
    const auto value = item.find(inner);
    const bool absent = value == item.end() || value->is_null();
    if (!absent && !value->is_object()) return InvalidArgument("{}.{} is not an object", where, inner);
    into.try_emplace(name->get<std::string>(), Entry{absent ? Json::object() : *value, file});
  }
  return Ok();
}

Status Merge(const std::string& text, const std::string& file, Merged& merged) {
  MR_ASSIGN_OR_RETURN(const Json root, internal::ParseYamlStrings(text, file));
  if (root.is_null()) return Ok();
  if (!root.is_object()) return InvalidArgument("{} is not a kubeconfig: it is no object", file);
  const auto kind = root.find("kind");
  if (kind != root.end() && *kind != "Config") {
    return InvalidArgument("{} is not a kubeconfig: its kind is not Config", file);
  }
  MR_RETURN_IF_ERROR(Collect(root, file, "clusters", "cluster", merged.clusters));
  MR_RETURN_IF_ERROR(Collect(root, file, "users", "user", merged.users));
  MR_RETURN_IF_ERROR(Collect(root, file, "contexts", "context", merged.contexts));
  const auto current = root.find("current-context");
  if (merged.current_context.empty() && current != root.end() && current->is_string()) {
    merged.current_context = current->get<std::string>();
  }
  return Ok();
}

// Reads the fields of one entry, and remembers the first that is of another form.
class Fields {
 public:
  Fields(const Entry& entry, std::string where) : entry_(entry), where_(std::move(where)) {}

  const Status& status() const { return status_; }

  std::string Text(const char* key) {
    const auto found = entry_.value.find(key);
    if (found == entry_.value.end() || found->is_null()) return "";
    if (!found->is_string()) return Fail(InvalidArgument("{}.{} is not a text", where_, key));
    return found->get<std::string>();
  }
  bool Flag(const char* key) {
    const std::string text = Text(key);
    if (text == "true") return true;
    if (!text.empty() && text != "false")
      Fail(InvalidArgument("{}.{} is '{}': write true or false", where_, key, text));
    return false;
  }
  // A path, from the folder of the file that names it.
  std::string Path(const char* key) {
    const std::string text = Text(key);
    if (text.empty() || text.front() == '/') return text;
    return (std::filesystem::path(entry_.file).parent_path() / text).lexically_normal().string();
  }
  std::string Base64(const char* key) {
    const std::string text = Text(key);
    if (text.empty()) return "";
    const std::optional<std::string> bytes = internal::DecodeBase64(text);
    if (!bytes) return Fail(InvalidArgument("{}.{} is not Base64", where_, key));
    return *bytes;
  }
  std::vector<std::string> Texts(const char* key) {
    std::vector<std::string> texts;
    const auto found = entry_.value.find(key);
    if (found == entry_.value.end() || found->is_null()) return texts;
    if (!found->is_array()) {
      Fail(InvalidArgument("{}.{} is not a list", where_, key));
      return texts;
    }
    for (const Json& item : *found) {
      if (item.is_string()) texts.push_back(item.get<std::string>());
    }
    return texts;
  }
  void Refuse(const char* key, std::string_view instead) {
    const auto found = entry_.value.find(key);
    if (found == entry_.value.end() || found->is_null() || *found == "") return;
    Fail(Unimplemented("{}.{} is not supported: {}", where_, key, instead));
  }
  std::string Fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
    return "";
  }
  const std::string& where() const { return where_; }

 private:
  const Entry& entry_;
  std::string where_;
  Status status_;
};

Status ReadCluster(const Entry& entry, const std::string& name, const KubeconfigOptions& options,
                   ClientConfig& config) {
  Fields fields(entry, fmt::format("{}: cluster '{}'", entry.file, name));
  config.server = fields.Text("server");
  config.server_name = fields.Text("tls-server-name");
  config.ca_pem = fields.Base64("certificate-authority-data");
  if (config.ca_pem.empty()) config.ca_file = fields.Path("certificate-authority");
  config.insecure = fields.Flag("insecure-skip-tls-verify");
  fields.Refuse("proxy-url", "connect to the API server directly");
  if (config.server.empty()) fields.Fail(InvalidArgument("{}.server is missing", fields.where()));
  if (config.insecure && !options.allow_insecure) {
    fields.Fail(
        FailedPrecondition("{} has insecure-skip-tls-verify, which lets anybody pose as the server: name its "
                           "certificate-authority, "
                           "or allow this explicitly",
                           fields.where()));
  }
  return fields.status();
}

Status ReadExec(const Entry& user, const std::string& where, ClientConfig& config) {
  const auto found = user.value.find("exec");
  if (found == user.value.end() || found->is_null()) return Ok();
  if (!found->is_object()) return InvalidArgument("{}.exec is not an object", where);
  const Entry entry{*found, user.file};
  Fields fields(entry, where + ".exec");
  ExecPlugin plugin;
  plugin.command = fields.Text("command");
  // A name alone is searched for in PATH; a path starts at the file, as kubectl has it.
  if (plugin.command.find('/') != std::string::npos) plugin.command = fields.Path("command");
  plugin.args = fields.Texts("args");
  plugin.api_version = fields.Text("apiVersion");
  plugin.provide_cluster_info = fields.Flag("provideClusterInfo");
  plugin.install_hint = fields.Text("installHint");
  if (entry.value.contains("env") && entry.value["env"].is_array()) {
    for (const Json& pair : entry.value["env"]) {
      const Entry inner{pair.is_object() ? pair : Json::object(), user.file};
      Fields variable(inner, fields.where() + ".env");
      plugin.env[variable.Text("name")] = variable.Text("value");
      MR_RETURN_IF_ERROR(variable.status());
    }
    plugin.env.erase("");
  }
  if (plugin.command.empty()) return InvalidArgument("{}.command is missing", fields.where());
  const bool known = plugin.api_version == "client.authentication.k8s.io/v1" ||
                     plugin.api_version == "client.authentication.k8s.io/v1beta1";
  if (!known) {
    return Unimplemented("{}.apiVersion is '{}': client.authentication.k8s.io/v1 would be right",
                         fields.where(), plugin.api_version);
  }
  if (fields.Text("interactiveMode") == "Always") {
    return Unimplemented("{}.interactiveMode is Always: nobody can answer it here", fields.where());
  }
  MR_RETURN_IF_ERROR(fields.status());
  config.exec = std::move(plugin);
  return Ok();
}

Status ReadUser(const Entry& entry, const std::string& name, ClientConfig& config) {
  Fields fields(entry, fmt::format("{}: user '{}'", entry.file, name));
  config.certificate_pem = fields.Base64("client-certificate-data");
  if (config.certificate_pem.empty()) config.certificate_file = fields.Path("client-certificate");
  config.key_pem = fields.Base64("client-key-data");
  if (config.key_pem.empty()) config.key_file = fields.Path("client-key");
  config.token = fields.Text("token");
  config.token_file = fields.Path("tokenFile");
  config.impersonate_user = fields.Text("as");
  config.impersonate_groups = fields.Texts("as-groups");
  fields.Refuse("username", "Kubernetes has no passwords any more; use a token, a certificate or exec");
  fields.Refuse("auth-provider", "it left Kubernetes in 1.26; use exec");
  const bool certificate = !config.certificate_pem.empty() || !config.certificate_file.empty();
  const bool key = !config.key_pem.empty() || !config.key_file.empty();
  if (certificate != key) {
    fields.Fail(InvalidArgument("{} has a client {} without its {}", fields.where(),
                                certificate ? "certificate" : "key", certificate ? "key" : "certificate"));
  }
  MR_RETURN_IF_ERROR(fields.status());
  return ReadExec(entry, fields.where(), config);
}

Result<const Entry*> Find(const Entries& entries, std::string_view what, const std::string& name,
                          const std::string& from) {
  const auto found = entries.find(name);
  if (found != entries.end()) return &found->second;
  return NotFound("{}the {} '{}' is not in the kubeconfig: {}", from, what, name, Names(entries));
}

}  // namespace

Result<ClientConfig> ParseKubeconfig(const std::vector<std::pair<std::string, std::string>>& files,
                                     const KubeconfigOptions& options) {
  Merged merged;
  for (const auto& [file, text] : files) MR_RETURN_IF_ERROR(Merge(text, file, merged));
  ClientConfig config;
  config.context = options.context.empty() ? merged.current_context : options.context;
  if (config.context.empty()) {
    return NotFound("the kubeconfig has no current-context: name one of its contexts; {}",
                    Names(merged.contexts));
  }
  MR_ASSIGN_OR_RETURN(const Entry* const context, Find(merged.contexts, "context", config.context, ""));
  Fields fields(*context, fmt::format("{}: context '{}'", context->file, config.context));
  const std::string cluster_name = fields.Text("cluster");
  const std::string user_name = fields.Text("user");
  config.ns = fields.Text("namespace");
  if (config.ns.empty()) config.ns = "default";
  MR_RETURN_IF_ERROR(fields.status());
  const std::string from = fields.where() + ": ";
  MR_ASSIGN_OR_RETURN(const Entry* const cluster, Find(merged.clusters, "cluster", cluster_name, from));
  MR_RETURN_IF_ERROR(ReadCluster(*cluster, cluster_name, options, config));
  if (user_name.empty()) return config;
  MR_ASSIGN_OR_RETURN(const Entry* const user, Find(merged.users, "user", user_name, from));
  MR_RETURN_IF_ERROR(ReadUser(*user, user_name, config));
  return config;
}

Result<ClientConfig> LoadKubeconfig(const KubeconfigOptions& options) {
  std::string paths = options.paths.empty() ? Environment("KUBECONFIG") : options.paths;
  if (paths.empty()) paths = Environment("HOME") + "/.kube/config";
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& path : Split(paths, ':')) {
    if (path.empty() || !FileExists(path)) continue;
    MR_ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxFile));
    const std::string absolute = std::filesystem::absolute(path).lexically_normal().string();
    files.emplace_back(absolute, std::move(text));
  }
  if (files.empty()) return NotFound("there is no kubeconfig at {}", paths);
  return ParseKubeconfig(files, options);
}

Result<ClientConfig> LoadInCluster(const InClusterOptions& options) {
  const std::string host = options.host.empty() ? Environment("KUBERNETES_SERVICE_HOST") : options.host;
  const std::string port = options.port.empty() ? Environment("KUBERNETES_SERVICE_PORT") : options.port;
  ClientConfig config;
  config.token_file = options.directory + "/token";
  if (host.empty() || port.empty() || !FileExists(config.token_file)) {
    return FailedPrecondition(
        "this is not a pod with a service account: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and {} "
        "are needed",
        config.token_file);
  }
  const bool is_v6 = host.find(':') != std::string::npos;
  config.server = fmt::format("https://{}:{}", is_v6 ? "[" + host + "]" : host, port);
  config.context = "in-cluster";
  config.ca_file = options.directory + "/ca.crt";
  config.ns = "default";
  const std::string ns_file = options.directory + "/namespace";
  if (FileExists(ns_file)) {
    MR_ASSIGN_OR_RETURN(config.ns, ReadFile(ns_file, 4096));
    while (!config.ns.empty() && config.ns.back() == '\n') config.ns.pop_back();
  }
  return config;
}

Result<ClientConfig> LoadConfig(const KubeconfigOptions& options) {
  Result<ClientConfig> config = LoadKubeconfig(options);
  if (config.ok() || config.status().code() != Code::kNotFound || !options.paths.empty()) return config;
  Result<ClientConfig> in_cluster = LoadInCluster();
  if (in_cluster.ok()) return in_cluster;
  return NotFound("no cluster is known here: {}; and {}", config.status().message(),
                  in_cluster.status().message());
}

}  // namespace millrace::kube
