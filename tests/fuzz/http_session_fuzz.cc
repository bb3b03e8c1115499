// fuzz: api
// A connection's bytes, whole and in pieces: never a crash, never output or
// memory without bound, and the same answers however the bytes were cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/internal/session.h"

namespace {

using millrace::http::Method;
using millrace::http::Request;
using millrace::http::Response;
using millrace::http::Router;
using millrace::http::internal::Core;
using millrace::http::internal::Session;
using millrace::http::internal::TimePoint;
using millrace::security::Permission;

Response Echo(const Request& request) {
  std::string body = request.TakeBuffer();
  for (const auto& param : request.params) body += param.value;
  body += request.Query("q").value_or("");
  body += request.body;
  return Response::OfText(200, "text/plain", std::move(body));
}

const Core& TheCore() {
  static millrace::telemetry::Metrics metrics;
  static const Core core = [] {
    Router router;
    router.Add<Permission::kPredict>(Method::kPost, "/v2/models/{model}/infer", Echo, {.max_body = 1000});
    router.Add<Permission::kPublic>(Method::kGet, "/files/{path...}", Echo);
    auto access = std::make_shared<millrace::security::Access>(millrace::security::Access::Options{
        .tokens = nullptr, .anonymous = millrace::security::Role::kViewer});
    return Core({}, std::move(router), std::move(access), metrics);
  }();
  return core;
}

// What the session answers to `bytes`, `piece` of them at a time; without the lines that change by
// themselves.
std::string Answers(std::string_view bytes, size_t piece) {
  Session session(TheCore());
  std::string answers;
  bool open = true;
  while (open && !bytes.empty()) {
    auto [space, size] = session.InputSpace();
    size_t n = std::min({piece, size, bytes.size()});
    std::memcpy(space, bytes.data(), n);
    session.Received(n);
    bytes.remove_prefix(n);
    while (true) {
      Session::Step step = session.Advance(TimePoint());
      answers += session.output();
      session.Written();
      open = step != Session::Step::kClose;
      if (step != Session::Step::kFlush) break;
    }
    if (size > (4 << 20) || answers.size() > (64 << 20)) __builtin_trap();
  }
  std::string stable;
  for (size_t begin = 0; begin < answers.size();) {
    size_t end = std::min(answers.find('\n', begin), answers.size() - 1);
    std::string_view line = std::string_view(answers).substr(begin, end + 1 - begin);
    if (!line.starts_with("date: ") && !line.starts_with("x-request-id: ")) stable += line;
    begin = end + 1;
  }
  return stable;
}

std::string BeforeErrors(const std::string& answers) {
  return answers.substr(0, std::min(answers.find("HTTP/1.1 4"), answers.find("HTTP/1.1 5")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 1 << 16) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string whole = Answers(bytes, bytes.size() + 1);
  std::string pieces = Answers(bytes, size_t{data[0] % 64u} + 1);
  // Of a message that is refused midway, what the sentence quotes may depend on how much had come.
  std::string good = BeforeErrors(whole);
  if (good != BeforeErrors(pieces)) __builtin_trap();
  return 0;
}
