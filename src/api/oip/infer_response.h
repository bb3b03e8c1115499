// The answer to an inference request: JSON, or JSON followed by binary tensors.
//
// Floating-point numbers are written with the fewest digits that read back as
// the same bits; NaN and infinities, which JSON does not have, as null.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oip/infer_request.h"
#include "base/status.h"
#include "inference/endpoint.h"

namespace millrace::oip {

struct InferResponse {
  std::string body;
  // Bytes of JSON at the front, when binary tensors follow; then the content type is
  // application/octet-stream and Inference-Header-Content-Length says this number.
  std::optional<size_t> json_length;
};

// Appends to `buffer` (empty, with whatever capacity) and gives it back in the
// response. InvalidArgument for an output that there is not.
Result<InferResponse> WriteInferResponse(std::string_view model_name, const InferRequest& request,
                                         const inference::ServingVersion& version,
                                         const inference::Scores& scores, std::string buffer);

}  // namespace millrace::oip
