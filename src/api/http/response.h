// Response: what a handler answers; a value that the server sends.
//
//   return Response::OfJson(200, text);
//   return Response::OfText(200, "text/plain; version=0.0.4", metrics.Expose());
//   return Response::OfStream("application/json", std::make_unique<WatchStream>(…));
//
// A protocol's own form of errors is set once for its prefix: Router::ErrorsBelow.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::http {

// A body that goes on: a watch, a log that is followed. It is sent chunked until
// it ends, the client leaves, or the server shuts down; then it is destroyed.
class BodyStream {
 public:
  struct Chunk {
    std::string bytes;  // may be empty: nothing new
    bool end = false;   // nothing follows these bytes
  };

  virtual ~BodyStream() = default;

  // What is new since the last call. Called on a worker thread (so it may read
  // a disk, but must not wait for news), never twice at once: first when the
  // headers are sent, then after each wake and at least every PollInterval.
  virtual Chunk Next() = 0;

  // Called once, before the first Next: `wake` may be called by any thread at
  // any time, also when the stream is gone, and brings on a Next soon.
  virtual void OnNews(std::function<void()> wake) { (void)wake; }
  virtual std::chrono::milliseconds PollInterval() const { return std::chrono::milliseconds(500); }
};

struct Header {
  std::string name;
  std::string value;
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // of static storage
  std::string body;
  std::vector<Header> headers;         // beside content-type, content-length, date, x-request-id
  std::unique_ptr<BodyStream> stream;  // in place of body
  // Runs on the I/O thread once the response is handed to the kernel (also when
  // the client is gone by then): for what must not delay an answer. Must not block.
  std::function<void()> after;

  static Response OfJson(int status, std::string body);
  static Response OfText(int status, std::string_view content_type, std::string body);
  static Response OfStream(std::string_view content_type, std::unique_ptr<BodyStream> stream);
  static Response Empty(int status);
};

// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

}  // namespace millrace::http
