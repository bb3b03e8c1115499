// InferRequest: the body of an Open Inference Protocol V2 inference request,
// decoded and checked for form: JSON, or JSON followed by binary tensors.
//
//   POST /v2/models/fraud/infer
//   {"id": "42", "inputs": [{"name": "tx_amount", "shape": [1], "datatype": "FP64", "data": [57.16]}, …]}
//
// Data may be nested or flat, and an element may be null (missing). All twelve
// datatypes are read; whole numbers keep their 64 bits. Everything is bounded:
// the body by its route, nesting, the number of tensors, and elements by the
// bytes that were sent.
//
// Text is not copied: views point into the body or into a buffer of the calling
// thread, and are valid until its next call of ParseInferRequest and as long as
// the body is. Fails with InvalidArgument, in a sentence that names the tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace millrace::oip {

enum class Datatype : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFp16,
  kFp32,
  kFp64,
  kBytes
};
// "BOOL", "INT8", … "BYTES".
std::string_view DatatypeName(Datatype datatype);
std::optional<Datatype> ParseDatatype(std::string_view name);
// Bytes of an element in binary form; 0 for BYTES.
size_t DatatypeSize(Datatype datatype);

struct Tensor {
  std::string_view name;
  Datatype datatype = Datatype::kFp64;
  std::vector<int64_t> shape;
  // BOOL and whole numbers (UINT64 as its bits), floating point, or BYTES.
  std::variant<std::vector<int64_t>, std::vector<double>, std::vector<std::string_view>> data;
  // Empty when nothing is missing; else a byte an element, 0 for missing.
  std::vector<uint8_t> valid;

  size_t size() const;  // elements
  bool IsMissing(size_t i) const { return !valid.empty() && valid[i] == 0; }
};

struct RequestedOutput {
  std::string_view name;
  std::optional<bool> binary;
};

struct InferRequest {
  std::string_view id;
  std::vector<Tensor> inputs;
  std::vector<RequestedOutput> outputs;  // empty: all
  bool binary_output = false;            // parameters.binary_data_output
  bool features = false;                 // parameters.features: answer the computed features, too
  bool learn = true;                     // parameters.learn: false keeps the event out of the state
  bool learn_asked = false;              // parameters.learn is there, and true

  const Tensor* Find(std::string_view name) const;
};

inline constexpr size_t kMaxTensors = 1024;
inline constexpr size_t kMaxRank = 8;

// `json_length`: what Inference-Header-Content-Length says; unset when the whole body is JSON.
Result<InferRequest> ParseInferRequest(std::string_view body, std::optional<size_t> json_length);

// IEEE 754 binary16 to double.
double HalfToDouble(uint16_t bits);

}  // namespace millrace::oip
