// Percent-encoding of what stands in URIs (RFC 3986, section 2). Thread safe.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// The value of a hexadecimal digit of either case; -1 for any other character.
int HexDigit(char c);

// Encodes all but A-Z a-z 0-9 - . _ ~ and the characters of `also_plain`.
std::string PercentEncode(std::string_view text, std::string_view also_plain = "");

}  // namespace millrace
