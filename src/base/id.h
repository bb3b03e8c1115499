// Random identifiers, from the operating system's generator. Thread safe.
#pragma once

#include <cstddef>
#include <string>

namespace millrace {

// `bytes` random bytes as lower-case hex: RandomHex(16) has 128 bits, 32 digits.
std::string RandomHex(size_t bytes);

// A version 4 UUID: "6f1c2f0e-6f64-4b5c-9d0a-0c6a7b0f3f5e".
std::string RandomUuid();

}  // namespace millrace
