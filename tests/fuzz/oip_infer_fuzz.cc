// fuzz: api
// The body of an inference request, and its binary tensors: the first byte says
// how long the JSON is, in 256ths of the rest (0: all of it).
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/oip/infer_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  std::optional<size_t> json_length;
  if (data[0] != 0) json_length = body.size() * data[0] / 255;
  const auto request = millrace::oip::ParseInferRequest(body, json_length);
  if (!request.ok()) return 0;
  // Every view must be readable.
  size_t total = 0;
  for (const auto& tensor : request->inputs) {
    total += tensor.name.size();
    if (const auto* texts = std::get_if<std::vector<std::string_view>>(&tensor.data)) {
      for (const std::string_view text : *texts) {
        for (const char c : text) total += static_cast<unsigned char>(c);
      }
    }
  }
  return total == 0 ? 0 : 0;
}
