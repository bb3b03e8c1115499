// Core: what the client, watches, informers and leases share: the loop, the
// connections, credentials and limits. A call is
//
//   wait for a turn ▶ credentials ▶ connection (kept, or new) ▶ exchange ▶ judge
//        ▲                                                                  │
//        └──────────────── back-off, while the deadline allows ◀────────────┘
//
// Coroutines and what they call are for the loop's thread. The destructor calls
// everything off and waits.
#pragma once

#include <deque>
#include <memory>
#include <random>
#include <string>

#include "base/status.h"
#include "kube/config.h"
#include "kube/internal/admission.h"
#include "kube/internal/connection.h"
#include "kube/internal/credentials.h"
#include "kube/internal/loop.h"
#include "kube/internal/retry.h"
#include "kube/request.h"

namespace millrace::kube::internal {

class Core;

// An answer that goes on. Closing it (the destructor) ends its connection.
class Stream {
 public:
  Stream(Core& core, std::unique_ptr<Connection> connection);
  ~Stream();
  // The next bytes; empty at the end.
  Task<Result<std::string>> Read(Cancellation& cancellation, TimePoint deadline);

 private:
  Core& core_;
  std::unique_ptr<Connection> connection_;
};

class Core {
 public:
  struct Options {
    ClientConfig config;
    CallQueue::Options queue;
    int max_streams = 256;
    size_t max_idle = 8;
    size_t max_response = size_t{64} << 20;
    std::string user_agent;
  };

  static Result<std::unique_ptr<Core>> Create(Options options);
  ~Core();

  Loop& loop() { return loop_; }
  const Options& options() const { return options_; }

  // The body of a 2xx answer.
  Task<Result<std::string>> Call(const Request& request, Cancellation& cancellation);
  // The same, parsed.
  Task<Result<Json>> CallJson(const Request& request, Cancellation& cancellation);
  // One attempt; the deadline counts until the answer begins.
  Task<Result<std::unique_ptr<Stream>>> Open(const Request& request, Cancellation& cancellation);

  // In [0, 1).
  double Random() { return std::uniform_real_distribution<double>(0, 1)(random_); }

 private:
  friend class Stream;
  struct Try {
    Status status;                           // of the attempt, the server's refusal included
    std::unique_ptr<Connection> connection;  // with an answer of 2xx whose body is to be read
    Attempt facts;
  };
  struct Idle {
    std::unique_ptr<Connection> connection;
    TimePoint since;
  };

  Core(Options options, ServerUrl server);

  HttpRequest Render(const Request& request, const ClientIdentity& identity) const;
  Status UseTls(const TlsMaterial& material);
  std::unique_ptr<Connection> TakeIdle();
  void Keep(std::unique_ptr<Connection> connection);
  Task<Result<std::string>> ReadBody(Connection& connection, Cancellation& cancellation, TimePoint deadline);
  Task<Try> TryOnce(const Request& request, Cancellation& cancellation, TimePoint deadline, bool streaming);
  Task<Result<std::string>> CallOnce(const Request& request, Cancellation& cancellation, TimePoint deadline,
                                     std::shared_ptr<Attempt> facts);

  const Options options_;
  const ServerUrl server_;
  Loop loop_;
  Credentials credentials_;
  Admission admission_;
  std::mt19937_64 random_;
  std::unique_ptr<ConnectionFactory> factory_;
  std::optional<TlsMaterial> tls_;  // that the factory was made with
  std::deque<Idle> idle_;           // the longest at rest first
  int streams_ = 0;
};

}  // namespace millrace::kube::internal
