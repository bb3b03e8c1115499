// SHA-256 of bytes and files, as 64 lower-case hex digits.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // Call once.
  std::string Hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string Sha256Hex(std::string_view bytes);
Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace millrace
