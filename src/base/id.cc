#include "base/id.h"

#include <sys/random.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

std::string RandomHex(size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = getrandom(raw.data() + done, bytes - done, 0);
    MR_CHECK(got > 0 || errno == EINTR, "the operating system gave no random bytes");
    if (got > 0) done += static_cast<size_t>(got);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes * 2);
  for (const unsigned char byte : raw) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string RandomUuid() {
  std::string hex = RandomHex(16);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] & 3];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

}  // namespace millrace
