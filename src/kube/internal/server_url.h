// The parts of an API server's URL.
#pragma once

#include <string>

#include "base/status.h"

namespace millrace::kube::internal {

struct ServerUrl {
  bool tls = true;
  std::string host;       // without brackets
  std::string port;       // "443" where the URL has none
  std::string prefix;     // "" or "/clusters/a", without a slash at the end
  std::string authority;  // as the Host header has it
};

Result<ServerUrl> ParseServerUrl(const std::string& url);

}  // namespace millrace::kube::internal
