#include "kube/internal/server_url.h"

#include <algorithm>
#include <string_view>

namespace millrace::kube::internal {

Result<ServerUrl> ParseServerUrl(const std::string& url) {
  ServerUrl result;
  std::string_view rest = url;
  const auto wrong = [&url] {
    return InvalidArgument("the server '{}' is not of the form https://HOST:PORT", url);
  };
  if (url.size() > 2048 || std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return wrong();
  }
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    result.tls = false;
  } else if (rest.find("://") != std::string_view::npos) {
    return wrong();
  }
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    result.prefix = rest.substr(slash);
    while (result.prefix.ends_with('/')) result.prefix.pop_back();
    rest = rest.substr(0, slash);
  }
  if (rest.find_first_of("@?#") != std::string_view::npos) return wrong();
  size_t colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return wrong();
    result.host = rest.substr(1, end - 1);
    colon = rest.find(':', end);
  } else {
    result.host = rest.substr(0, colon);
    if (result.host.find(':') != std::string::npos) return wrong();
  }
  const std::string default_port = result.tls ? "443" : "80";
  result.port = colon == std::string_view::npos ? default_port : std::string(rest.substr(colon + 1));
  const bool digits =
      !result.port.empty() && result.port.size() <= 5 &&
      std::all_of(result.port.begin(), result.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (result.host.empty() || !digits || std::stoi(result.port) > 65535) return wrong();
  const std::string host = result.host.find(':') == std::string::npos ? result.host : "[" + result.host + "]";
  result.authority = result.port == default_port ? host : host + ":" + result.port;
  return result;
}

}  // namespace millrace::kube::internal
