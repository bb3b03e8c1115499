// Session: what one connection says and answers, without its socket.
//
//            Input ─▶ ┌───────────── Advance ─────────────┐ ─▶ output()
//                     │ parse, check, route, authorise,   │
//                     │ handle (kInline), serialise       │
//                     └───────────────────────────────────┘
//   Step tells the socket's owner what has to happen next:
//     kRead    nothing is left to do until more bytes come (write output first)
//     kBlocking call RunHandler on a worker, then FinishHandler here
//     kStream  the headers are in the output; send stream()'s chunks, then FinishStream
//     kFlush   much output is waiting: write it before going on
//     kClose   write the output, then close
//
// Pipelined requests are handled one behind the other and their responses
// written together. No I/O, so that tests and the fuzzer drive it with bytes.
// One thread at a time, but RunHandler, which may be on another.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/internal/core.h"
#include "api/http/internal/parser.h"
#include "api/http/request.h"
#include "api/http/response.h"

namespace millrace::http::internal {

using TimePoint = std::chrono::steady_clock::time_point;

class Session {
 public:
  explicit Session(const Core& core);

  // Where the next bytes are to be put, and how many were.
  std::pair<char*, size_t> InputSpace();
  void Received(size_t bytes);

  enum class Step : uint8_t { kRead, kBlocking, kStream, kFlush, kClose };
  Step Advance(TimePoint now);

  // Of the request that Advance stopped at with kBlocking.
  void RunHandler();
  // kStream, or kRead when the response is in the output.
  Step FinishHandler(TimePoint now);
  // No worker could take it: answers 503.
  void RefuseHandler(TimePoint now);

  BodyStream& stream() { return *response_.stream; }
  bool stream_is_chunked() const { return !request_http_1_0_; }
  void AppendChunk(std::string_view bytes);
  void FinishStream(TimePoint now);

  // Answers an error of ours, after which the connection closes: 408.
  void TimedOut(TimePoint now);

  std::string& output() { return output_; }
  bool has_output() const { return !output_.empty(); }
  // The output was written: runs what handlers left to do afterwards.
  void Written();

  // When the peer must have sent something by, given what it is in the middle of.
  TimePoint ReadDeadline(TimePoint now) const;
  // True between requests: nothing is lost by closing now.
  bool idle() const { return !parser_.started() && output_.empty() && input_begin_ == input_end_; }
  // Bytes of a refused request may still be on their way.
  bool unread_input() const { return unread_input_; }
  void CloseAfterResponse() { close_ = true; }

 private:
  Step AtHeaders(TimePoint now);
  Step AtRequest(TimePoint now);
  // Checks of the head, in order; an error is a status and a sentence.
  struct Refusal {
    int status = 0;
    Status reason;
  };
  Refusal CheckHead();
  Refusal CheckHost();
  Refusal CheckOrigin() const;
  Refusal FindRoute();
  Refusal CheckAccess();
  Refusal CheckBody() const;
  Refusal Identify();
  Refusal DecodeParams();
  Step Refuse(const Refusal& refusal, TimePoint now);
  void Answer(TimePoint now);
  void WriteHead(size_t content_length);
  void EndRequest();
  void LogAccess(std::chrono::nanoseconds took) const;

  const Core& core_;
  std::vector<char> input_;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  std::string output_;
  RequestParser parser_;
  bool close_ = false;
  bool unread_input_ = false;

  // The request in progress.
  Request request_;
  std::string request_id_;
  const Route* route_ = nullptr;
  uint8_t allowed_methods_ = 0;
  Router::Match match_;
  std::vector<PathParam> params_;
  std::vector<std::string> decoded_;
  Refusal refused_;  // to be answered once the body was read and forgotten
  Response response_;
  bool request_http_1_0_ = false;
  bool keep_alive_ = true;
  bool head_seen_ = false;
  TimePoint first_byte_{};
  TimePoint head_done_{};
  TimePoint request_done_{};
  std::string body_buffer_;
  std::vector<std::function<void()>> after_;

  // Who this connection's last request came from; valid while the generation is.
  std::string known_authorization_;
  uint64_t known_generation_ = 0;
  security::Identity identity_;
  std::shared_ptr<const security::Grants> grants_;
  std::string known_host_;
};

// "GET, HEAD, OPTIONS": a bit a Method, as in Router::Match.
std::string AllowedText(uint8_t methods);

}  // namespace millrace::http::internal
