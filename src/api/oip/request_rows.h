// From the tensors of a request to what a version predicts from. A request
// gives, in one of three ways,
//
//  - one tensor [rows, features] (or [features]) of numbers, whatever its name;
//  - one tensor a feature, [rows] or [rows, 1], named as the features are;
//  - one tensor a request field, [rows] or [rows, 1]: then each row is an event,
//    and the endpoint finds its features by key. It is this way when the tensor of
//    the event time is there.
//
// Missing values are null (JSON) or NaN. A whole number is not taken from a
// floating-point tensor, nor a number from text: types are kept exactly. A
// timestamp is INT64 (microseconds since 1970, UTC) or BYTES (RFC 3339).
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "api/oip/infer_request.h"
#include "base/status.h"
#include "feature/cell.h"
#include "inference/endpoint.h"

namespace millrace::oip {

struct FeatureRows {
  size_t rows = 0;
  std::vector<float> values;  // rows × features
};

struct EventRows {
  size_t rows = 0;
  std::vector<feature::Cell> cells;  // rows × fields; text borrows from the request
};

using RequestRows = std::variant<FeatureRows, EventRows>;

inline constexpr size_t kMaxRows = 100'000;
inline constexpr size_t kMaxEvents = 10'000;

// InvalidArgument names the tensor, what it should be, and the nearest known name.
Result<RequestRows> ReadRows(const InferRequest& request, const inference::ServingVersion& version);

// The datatype in which metadata describes a field.
Datatype DatatypeOf(DataType type);

}  // namespace millrace::oip
