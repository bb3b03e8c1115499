// Who listens on a TCP port of this machine, for the message "port in use".
#pragma once

#include <cstdint>
#include <string>

namespace millrace::http::internal {

// "python3 (process 4711)"; "" when the system does not tell (another user's process).
std::string WhoListensOn(uint16_t port);

}  // namespace millrace::http::internal
