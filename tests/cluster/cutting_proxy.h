// CuttingProxy: a TCP proxy on loopback in front of the real API server whose
// connections a test can cut, and which can be made to refuse new ones: faults of
// the network, with nothing of the API imitated. Bytes pass as they are, so TLS is
// between the client and the server. One thread; thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace millrace::cluster {

class CuttingProxy {
 public:
  // `server`: "https://127.0.0.1:6443".
  static Result<std::unique_ptr<CuttingProxy>> Start(const std::string& server);
  ~CuttingProxy();

  std::string url() const;  // "https://127.0.0.1:PORT"
  // Ends every connection; new ones are taken as `accept` says.
  void Cut(bool accept);
  void Accept();
  // Keeps connections and passes nothing: a network that swallows.
  void Hold(bool hold);
  int64_t connections() const;  // that were ever taken

 private:
  class Impl;
  explicit CuttingProxy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::cluster
