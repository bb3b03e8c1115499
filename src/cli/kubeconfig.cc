#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/terminal.h"
#include "security/certificate.h"

namespace millrace::cli {
namespace {

// YAML's flow style is JSON's, so a quoted string is one in both.
std::string Quoted(const std::string& text) { return FormatJson(Json(text)); }

std::string Absolute(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path absolute = std::filesystem::absolute(path, ignored);
  return absolute.empty() ? path : absolute.lexically_normal().string();
}

// kubectl sends a token over TLS only, also where --server says http.
std::string HttpsOf(const std::string& url) {
  constexpr std::string_view kPlain = "http://";
  return url.starts_with(kPlain) ? "https://" + url.substr(kPlain.size()) : url;
}

// The token and the certificate are named, not written out: the text is no secret.
Status PrintKubeconfig(const ServerOptions& options) {
  const std::string directory = DataDirOf(options);
  const std::string token = directory + "/token";
  if (!FileExists(token)) {
    return NotFound("there is no token at {}: start with 'millrace up', or give --data-dir.", token);
  }
  std::string authority = options.ca_file;
  if (authority.empty() && options.server.starts_with("http://")) {
    authority = security::LoopbackCertificateFiles(directory).certificate;
    if (!FileExists(authority)) {
      return NotFound("there is no certificate at {}: 'millrace up' makes it on a loopback address.",
                      authority);
    }
  }
  std::string cluster = "server: " + Quoted(HttpsOf(options.server));
  if (!authority.empty()) cluster += ", certificate-authority: " + Quoted(Absolute(authority));
  Print(
      fmt::format("apiVersion: v1\n"
                  "kind: Config\n"
                  "clusters:\n"
                  "- {{name: millrace, cluster: {{{}}}}}\n"
                  "users:\n"
                  "- {{name: millrace, user: {{tokenFile: {}}}}}\n"
                  "contexts:\n"
                  "- {{name: millrace, context: {{cluster: millrace, user: millrace, namespace: {}}}}}\n"
                  "current-context: millrace\n",
                  cluster, Quoted(Absolute(token)), Quoted(options.project)));
  return Ok();
}

}  // namespace

Command KubeconfigCommand() {
  auto options = std::make_shared<ServerOptions>();
  return {
      .name = "kubeconfig",
      .help = "Prints a kubeconfig, with which kubectl talks to a running Millrace.",
      .options = WithServer({}, *options),
      .run = [options] { return PrintKubeconfig(*options); },
      .footer =
          "millrace kubeconfig > millrace.kubeconfig; kubectl --kubeconfig millrace.kubeconfig get millrace"};
}

}  // namespace millrace::cli
