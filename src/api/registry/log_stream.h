// LogStream: a file as a response's body, in pieces; followed as it grows, if
// that was asked for, until its writer has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "api/http/response.h"
#include "base/file.h"
#include "base/status.h"

namespace millrace::api {

class LogStream : public http::BodyStream {
 public:
  struct Options {
    bool follow = false;
    // The file's path; "" as long as there is none. Asked until the file is there.
    std::function<Result<std::string>()> find;
    // True when nothing will be written any more.
    std::function<bool()> ended;
  };
  explicit LogStream(Options options) : options_(std::move(options)) {}

  Chunk Next() override;
  void OnNews(std::function<void()> wake) override { wake_ = std::move(wake); }
  std::chrono::milliseconds PollInterval() const override { return std::chrono::milliseconds(200); }

 private:
  // False when there is no file (yet).
  bool Open();
  // What is there after offset_, at most one piece.
  std::string ReadPiece();

  Options options_;
  std::function<void()> wake_;
  UniqueFd file_;
  uint64_t offset_ = 0;
};

}  // namespace millrace::api
