// RawSocket: bytes to and from a server on loopback, for tests of what no
// decent client would send. Every wait has a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"

namespace millrace::http::testing {

class RawSocket {
 public:
  // Connects to 127.0.0.1; ends the test process when that fails.
  explicit RawSocket(uint16_t port);

  // False when the other side has closed.
  bool Send(std::string_view bytes);
  // Reads until `text` has come, the other side closes, or the deadline; returns all that came since the last
  // call.
  std::string ReadUntil(std::string_view text, std::chrono::milliseconds deadline = std::chrono::seconds(20));
  // Reads to the end of the connection; closed() tells whether it came.
  std::string ReadToEnd(std::chrono::milliseconds deadline = std::chrono::seconds(20));
  // One response with a content-length or chunked body.
  std::string ReadResponse();
  bool closed() const { return closed_; }
  void Close() { fd_.Close(); }

 private:
  bool Fill(std::chrono::steady_clock::time_point until);

  UniqueFd fd_;
  std::string buffer_;
  bool closed_ = false;
};

}  // namespace millrace::http::testing
