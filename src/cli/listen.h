// What commands that serve are told on the command line: where to listen, and
// which names and origins to answer to.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace millrace::cli {

struct Listen {
  std::string address = "127.0.0.1";
  int64_t port = 0;
};

// "127.0.0.1:7070", "[::1]:7070", ":7070" or "7070"; `option` is named where it is something else.
Result<Listen> ParseListen(const std::string& option, const std::string& text);

// What a Host header may say: a name, without scheme, port or path.
Status CheckHost(const std::string& host);

// What browsers send as Origin: a scheme, a host and perhaps a port.
Status CheckOrigin(const std::string& origin);

}  // namespace millrace::cli
