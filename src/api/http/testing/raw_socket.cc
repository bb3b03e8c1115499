#include "api/http/testing/raw_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <utility>

namespace millrace::http::testing {

RawSocket::RawSocket(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int connected = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  MR_CHECK(connected == 0, "cannot connect to port {}: {}", port, std::strerror(errno));
}

bool RawSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool RawSocket::Fill(std::chrono::steady_clock::time_point until) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd poll_fd{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (closed_ || left.count() <= 0 || ::poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) return false;
  char bytes[16384];
  ssize_t n = ::recv(fd_.get(), bytes, sizeof(bytes), 0);
  if (n <= 0) {
    closed_ = true;
    return false;
  }
  buffer_.append(bytes, static_cast<size_t>(n));
  return true;
}

std::string RawSocket::ReadUntil(std::string_view text, std::chrono::milliseconds deadline) {
  auto until = std::chrono::steady_clock::now() + deadline;
  size_t at;
  while ((at = buffer_.find(text)) == std::string::npos) {
    if (!Fill(until)) return std::exchange(buffer_, {});
  }
  std::string out = buffer_.substr(0, at + text.size());
  buffer_.erase(0, out.size());
  return out;
}

std::string RawSocket::ReadToEnd(std::chrono::milliseconds deadline) {
  auto until = std::chrono::steady_clock::now() + deadline;
  while (Fill(until)) {
  }
  return std::exchange(buffer_, {});
}

std::string RawSocket::ReadResponse() {
  std::string head = ReadUntil("\r\n\r\n");
  if (head.find("transfer-encoding: chunked") != std::string::npos) {
    return head + ReadUntil("0\r\n\r\n");
  }
  constexpr std::string_view kLength = "content-length: ";
  size_t at = head.find(kLength);
  if (at == std::string::npos) return head;
  size_t length = 0;
  std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (buffer_.size() < length && Fill(until)) {
  }
  std::string body = buffer_.substr(0, length);
  buffer_.erase(0, body.size());
  return head + body;
}

}  // namespace millrace::http::testing
