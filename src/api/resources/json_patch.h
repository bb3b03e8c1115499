// JSON Patch (RFC 6902): a list of operations on a document.
//
// Pure; no exception leaves it. A patch of more than kMaxPatchOperations, or
// one whose copies together are larger than kMaxPatchCopies, is refused: copies
// of copies double a document with each operation.
#pragma once

#include <cstddef>

#include "base/json_fwd.h"
#include "base/status.h"

namespace millrace::api {

inline constexpr size_t kMaxPatchOperations = 1000;
inline constexpr size_t kMaxPatchCopies = 2 << 20;  // bytes of JSON

// The document after all operations. InvalidArgument, naming the operation,
// when one has no place to act on, a test fails, or it is not well formed.
Result<Json> ApplyJsonPatch(Json document, const Json& operations);

}  // namespace millrace::api
