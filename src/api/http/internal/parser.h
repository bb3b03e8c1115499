// RequestParser: HTTP/1.1 requests out of a stream of bytes; Beast's parser
// behind a narrow interface, with its results in buffers that are reused.
//
// One request at a time: Put until kDone, look, Reset, go on with the bytes
// that were not used. It stops once behind the headers (kHeaders), so that the
// caller can refuse a body before it is read. Views are valid until Reset.
// One thread at a time. Bad input is an Error with the HTTP status to answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/request.h"

namespace millrace::http::internal {

class RequestParser {
 public:
  struct Limits {
    size_t max_header_bytes;
    size_t max_target_bytes;
    size_t max_headers;
  };
  explicit RequestParser(Limits limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class State : uint8_t {
    kNeedMore,  // all bytes were used or more are needed
    kHeaders,   // the headers are there; call Put again for the body
    kDone,      // the request is whole
    kError,     // see error_status and error_text
  };
  struct Progress {
    State state;
    size_t used;  // bytes taken from the front of the input
  };
  Progress Put(std::string_view input);
  void Reset();

  // True from the first byte of a request to its Reset.
  bool started() const { return started_; }

  // From kHeaders on.
  std::optional<Method> method() const { return method_; }  // nullopt: another than we know
  std::string_view target() const;
  std::span<const HeaderView> headers() const { return headers_; }
  std::optional<uint64_t> content_length() const;
  bool chunked() const;
  bool has_body() const { return chunked() || content_length().value_or(0) > 0; }
  bool keep_alive() const;
  bool http_1_0() const { return version_ == 10; }

  // More of the body than this is an error 413; set at kHeaders.
  void set_max_body(uint64_t bytes) { max_body_ = bytes; }
  // The body is read and forgotten, up to max_body.
  void set_discard_body() { discard_ = true; }
  const std::string& body() const { return body_; }
  uint64_t body_received() const { return body_received_; }

  int error_status() const { return error_status_; }
  const std::string& error_text() const { return error_text_; }

 private:
  class Adapter;  // calls back into this
  struct Span {
    uint32_t begin;
    uint32_t size;
  };
  Progress Fail(int status, std::string text);
  Progress FailParse(std::string_view input, int beast_error, const std::string& what);
  std::string_view View(Span span) const { return std::string_view(text_).substr(span.begin, span.size); }
  Span Keep(std::string_view text);
  void PublishHeaders();

  Limits limits_;
  std::unique_ptr<Adapter> adapter_;
  bool started_ = false;
  bool headers_done_ = false;
  bool discard_ = false;
  unsigned version_ = 11;
  std::optional<Method> method_;
  std::string text_;  // the target, names and values, one behind the other
  Span target_{0, 0};
  std::vector<std::pair<Span, Span>> fields_;
  std::vector<HeaderView> headers_;
  std::string body_;
  uint64_t body_received_ = 0;
  uint64_t max_body_ = 0;
  int error_status_ = 0;
  std::string error_text_;
};

}  // namespace millrace::http::internal
