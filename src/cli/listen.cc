#include "cli/listen.h"

namespace millrace::cli {

Result<Listen> ParseListen(const std::string& option, const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string address = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (address.size() > 1 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  const bool digits =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) return InvalidArgument("{} {} should be ADDRESS:PORT, such as 127.0.0.1:7070.", option, text);
  Listen listen;
  listen.port = std::stoll(port);
  if (!address.empty()) listen.address = address;
  return listen;
}

Status CheckHost(const std::string& host) {
  if (!host.empty() && host.find_first_of(":/ ") == std::string::npos) return Ok();
  return InvalidArgument("--allowed-host {} should be a name such as millrace.example: no scheme, no port.",
                         host);
}

Status CheckOrigin(const std::string& origin) {
  const size_t scheme = origin.find("://");
  const bool known = origin.starts_with("https://") || origin.starts_with("http://");
  if (known && origin.size() > scheme + 3 && origin.find_first_of("/ ", scheme + 3) == std::string::npos)
    return Ok();
  return InvalidArgument(
      "--allowed-origin {} should be as browsers send it: https://console.example, with "
      "no slash at the end.",
      origin);
}

}  // namespace millrace::cli
