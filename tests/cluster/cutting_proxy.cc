#include "cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file.h"
#include "kube/internal/server_url.h"

namespace millrace::cluster {
namespace {

struct Pair {
  UniqueFd client;
  UniqueFd server;
};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port = ::htons(port);
  return address;
}

const sockaddr* Cast(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

// One piece from one side to the other; false at the end.
bool Pass(int from, int to) {
  std::array<char, 16384> piece{};
  const ssize_t got = ::recv(from, piece.data(), piece.size(), 0);
  if (got <= 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t n = ::send(to, piece.data() + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += n;
  }
  return true;
}

}  // namespace

class CuttingProxy::Impl {
 public:
  Impl(UniqueFd listener, uint16_t port, uint16_t server_port)
      : port_(port),
        server_port_(server_port),
        listener_(std::move(listener)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this] { Run(); }) {}

  ~Impl() {
    stop_ = true;
    Wake();
    thread_.join();
  }

  void Cut(bool accept) {
    const std::lock_guard lock(mutex_);
    accept_ = accept;
    pairs_.clear();
    Wake();
  }
  void Accept() { accept_ = true; }
  void Hold(bool hold) {
    hold_ = hold;
    Wake();
  }
  uint16_t port() const { return port_; }
  int64_t connections() const { return connections_; }

 private:
  void Wake() { (void)::eventfd_write(wake_.get(), 1); }

  void Take() {
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client || !accept_) return;
    UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(server_port_);
    if (::connect(server.get(), Cast(address), sizeof(address)) != 0) return;
    ++connections_;
    pairs_.push_back({std::move(client), std::move(server)});
  }

  void Run() {
    while (!stop_) {
      std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      {
        const std::lock_guard lock(mutex_);
        for (const Pair& pair : pairs_) {
          if (hold_) break;
          fds.push_back({pair.client.get(), POLLIN, 0});
          fds.push_back({pair.server.get(), POLLIN, 0});
        }
      }
      if (::poll(fds.data(), fds.size(), 100) < 0) continue;
      eventfd_t ignored = 0;
      (void)::eventfd_read(wake_.get(), &ignored);
      const std::lock_guard lock(mutex_);
      if (fds[1].revents != 0) Take();
      if (hold_) continue;
      // Pairs may have been cut while we waited: a pair is served only if it is still the same.
      for (auto pair = pairs_.begin(); pair != pairs_.end();) {
        bool alive = true;
        for (size_t i = 2; i + 1 < fds.size(); i += 2) {
          if (fds[i].fd != pair->client.get() || fds[i + 1].fd != pair->server.get()) continue;
          if (fds[i].revents != 0) alive = Pass(pair->client.get(), pair->server.get());
          if (alive && fds[i + 1].revents != 0) alive = Pass(pair->server.get(), pair->client.get());
        }
        pair = alive ? std::next(pair) : pairs_.erase(pair);
      }
    }
  }

  const uint16_t port_;
  const uint16_t server_port_;
  UniqueFd listener_;
  UniqueFd wake_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> accept_{true};
  std::atomic<bool> hold_{false};
  std::atomic<int64_t> connections_{0};
  std::mutex mutex_;
  std::list<Pair> pairs_;
  std::thread thread_;
};

CuttingProxy::CuttingProxy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CuttingProxy::~CuttingProxy() = default;

Result<std::unique_ptr<CuttingProxy>> CuttingProxy::Start(const std::string& server) {
  MR_ASSIGN_OR_RETURN(const kube::internal::ServerUrl url, kube::internal::ParseServerUrl(server));
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(listener.get(), Cast(address), size) != 0 || ::listen(listener.get(), 64) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Unavailable("the proxy cannot listen: {}", std::strerror(errno));
  }
  const uint16_t port = ::ntohs(address.sin_port);
  auto impl = std::make_unique<Impl>(std::move(listener), port, static_cast<uint16_t>(std::stoi(url.port)));
  return std::unique_ptr<CuttingProxy>(new CuttingProxy(std::move(impl)));
}

std::string CuttingProxy::url() const { return fmt::format("https://127.0.0.1:{}", impl_->port()); }
void CuttingProxy::Cut(bool accept) { impl_->Cut(accept); }
void CuttingProxy::Accept() { impl_->Accept(); }
void CuttingProxy::Hold(bool hold) { impl_->Hold(hold); }
int64_t CuttingProxy::connections() const { return impl_->connections(); }

}  // namespace millrace::cluster
