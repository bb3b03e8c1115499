// fuzz: kube
// A watch's stream, cut anywhere: the same events, however it is cut.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kube/internal/line_decoder.h"
#include "kube/watch.h"

namespace {

std::vector<std::string> Versions(std::string_view stream, size_t piece) {
  std::vector<std::string> versions;
  millrace::kube::internal::LineDecoder decoder(4096);
  const auto on_line = [&versions](std::string_view line) {
    auto event = millrace::kube::ParseWatchLine(line);
    versions.push_back(event.ok() ? event->resource_version : "-");
    return millrace::Ok();
  };
  for (size_t at = 0; at < stream.size(); at += piece) {
    if (!decoder.Feed(stream.substr(at, piece), on_line).ok()) break;
  }
  return versions;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  MR_CHECK(Versions(stream, 1 + data[0] % 64) == Versions(stream, 1 + size),
           "events depend on where the stream is cut");
  return 0;
}
