// fuzz: security
// An Authorization header: refused, or a token without spaces that is a part of it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "security/authorizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view header(reinterpret_cast<const char*>(data), size);
  auto token = millrace::security::ParseBearer(header);
  if (!token.ok()) return 0;
  MR_CHECK(!token->empty() && token->find(' ') == std::string_view::npos, "'{}' is no token", *token);
  MR_CHECK(header.find(*token) != std::string_view::npos, "the token is not of the header");
  return 0;
}
