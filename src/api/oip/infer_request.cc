#include "api/oip/infer_request.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "base/text.h"

namespace millrace::oip {
namespace {

namespace dom = simdjson::dom;

struct DatatypeRow {
  std::string_view name;
  size_t size;
  int64_t lowest;
  int64_t highest;
};
constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();
constexpr std::array<DatatypeRow, 13> kDatatypes = {{
    {"BOOL", 1, 0, 1},
    {"INT8", 1, -128, 127},
    {"INT16", 2, -32768, 32767},
    {"INT32", 4, -2147483648LL, 2147483647LL},
    {"INT64", 8, kMin64, kMax64},
    {"UINT8", 1, 0, 255},
    {"UINT16", 2, 0, 65535},
    {"UINT32", 4, 0, 4294967295LL},
    {"UINT64", 8, 0, kMax64},
    {"FP16", 2, 0, 0},
    {"FP32", 4, 0, 0},
    {"FP64", 8, 0, 0},
    {"BYTES", 0, 0, 0},
}};

const DatatypeRow& Row(Datatype datatype) { return kDatatypes[static_cast<size_t>(datatype)]; }

bool IsReal(Datatype datatype) { return datatype >= Datatype::kFp16 && datatype <= Datatype::kFp64; }

// A field of an object; an element that is not there is null.
dom::element Field(const dom::object& object, std::string_view key, bool& found) {
  dom::element element;
  found = object.at_key(key).get(element) == simdjson::SUCCESS;
  return element;
}

Result<std::string_view> TextField(const dom::object& object, std::string_view key, std::string_view where) {
  bool found = false;
  const dom::element element = Field(object, key, found);
  std::string_view text;
  if (!found || element.get(text) != simdjson::SUCCESS) {
    return InvalidArgument("{} should have the text field '{}'", where, key);
  }
  return text;
}

Result<std::optional<bool>> FlagParameter(const dom::object& owner, std::string_view key) {
  bool found = false;
  const dom::element parameters = Field(owner, "parameters", found);
  if (!found || parameters.is_null()) return std::optional<bool>();
  dom::object object;
  if (parameters.get(object) != simdjson::SUCCESS) return InvalidArgument("'parameters' should be an object");
  const dom::element value = Field(object, key, found);
  if (!found) return std::optional<bool>();
  bool flag = false;
  if (value.get(flag) != simdjson::SUCCESS) {
    return InvalidArgument("the parameter '{}' should be true or false", key);
  }
  return std::optional<bool>(flag);
}

// Reads one tensor's `data`, nested or flat, into its vector.
class DataReader {
 public:
  DataReader(Tensor& tensor, size_t expected) : tensor_(tensor), expected_(expected) {}

  Status Read(const dom::element& element, size_t depth) {
    dom::array array;
    if (element.get(array) != simdjson::SUCCESS) return Add(element);
    if (depth > kMaxRank) return InvalidArgument("input '{}': data is nested too deeply", tensor_.name);
    for (const dom::element child : array) MR_RETURN_IF_ERROR(Read(child, depth + 1));
    return Ok();
  }

 private:
  Status Add(const dom::element& element) {
    const size_t at = tensor_.size();
    if (at == expected_) {
      return InvalidArgument("input '{}': data has more than the {} values that its shape says", tensor_.name,
                             expected_);
    }
    if (!tensor_.valid.empty()) tensor_.valid.push_back(1);
    if (element.is_null()) {
      if (tensor_.valid.empty()) tensor_.valid.assign(at + 1, 1);
      tensor_.valid.back() = 0;
      std::visit([](auto& values) { values.emplace_back(); }, tensor_.data);
      return Ok();
    }
    if (tensor_.datatype == Datatype::kBytes) return AddText(element);
    if (IsReal(tensor_.datatype)) return AddReal(element);
    return AddWhole(element);
  }

  Status AddText(const dom::element& element) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) return Wrong("text");
    std::get<2>(tensor_.data).push_back(text);
    return Ok();
  }

  Status AddReal(const dom::element& element) {
    double number = 0;
    if (element.is_bool() || element.get(number) != simdjson::SUCCESS) return Wrong("a number");
    // As if the client had sent the bytes of that type.
    if (tensor_.datatype == Datatype::kFp32) number = static_cast<double>(static_cast<float>(number));
    std::get<1>(tensor_.data).push_back(number);
    return Ok();
  }

  Status AddWhole(const dom::element& element) {
    bool flag = false;
    int64_t number = 0;
    if (element.get(flag) == simdjson::SUCCESS) {
      if (tensor_.datatype != Datatype::kBool) return Wrong("a whole number");
      number = flag ? 1 : 0;
    } else if (uint64_t large = 0; element.get(number) != simdjson::SUCCESS) {
      if (tensor_.datatype != Datatype::kUint64 || element.get(large) != simdjson::SUCCESS) {
        return Wrong(tensor_.datatype == Datatype::kBool ? "true or false" : "a whole number in its range");
      }
      std::get<0>(tensor_.data).push_back(std::bit_cast<int64_t>(large));
      return Ok();
    }
    const DatatypeRow& row = Row(tensor_.datatype);
    if (number < row.lowest || number > row.highest) return Wrong("a whole number in its range");
    std::get<0>(tensor_.data).push_back(number);
    return Ok();
  }

  Status Wrong(std::string_view expected) const {
    return InvalidArgument("input '{}' is {}: value {} should be {}", tensor_.name,
                           DatatypeName(tensor_.datatype), tensor_.size(), expected);
  }

  Tensor& tensor_;
  size_t expected_;
};

template <typename T>
T LoadLittleEndian(const char* data) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

double LoadReal(Datatype datatype, const char* data) {
  if (datatype == Datatype::kFp16) return HalfToDouble(LoadLittleEndian<uint16_t>(data));
  if (datatype == Datatype::kFp32) return static_cast<double>(LoadLittleEndian<float>(data));
  return LoadLittleEndian<double>(data);
}

int64_t LoadWhole(Datatype datatype, const char* data) {
  switch (datatype) {
    case Datatype::kBool:
      return LoadLittleEndian<uint8_t>(data) != 0 ? 1 : 0;
    case Datatype::kInt8:
      return LoadLittleEndian<int8_t>(data);
    case Datatype::kInt16:
      return LoadLittleEndian<int16_t>(data);
    case Datatype::kInt32:
      return LoadLittleEndian<int32_t>(data);
    case Datatype::kUint8:
      return LoadLittleEndian<uint8_t>(data);
    case Datatype::kUint16:
      return LoadLittleEndian<uint16_t>(data);
    case Datatype::kUint32:
      return LoadLittleEndian<uint32_t>(data);
    default:
      return LoadLittleEndian<int64_t>(data);
  }
}

Status ReadBinary(Tensor& tensor, size_t expected, std::string_view bytes) {
  const size_t size = DatatypeSize(tensor.datatype);
  if (tensor.datatype != Datatype::kBytes && (bytes.size() / size != expected || bytes.size() % size != 0)) {
    return InvalidArgument("input '{}': {} values of {} have {} bytes each, but binary_data_size is {}",
                           tensor.name, expected, DatatypeName(tensor.datatype), size, bytes.size());
  }
  if (IsReal(tensor.datatype)) {
    auto& values = std::get<1>(tensor.data);
    values.resize(expected);
    for (size_t i = 0; i < expected; ++i) values[i] = LoadReal(tensor.datatype, bytes.data() + i * size);
    return Ok();
  }
  if (tensor.datatype != Datatype::kBytes) {
    auto& values = std::get<0>(tensor.data);
    values.resize(expected);
    for (size_t i = 0; i < expected; ++i) values[i] = LoadWhole(tensor.datatype, bytes.data() + i * size);
    return Ok();
  }
  auto& texts = std::get<2>(tensor.data);
  for (size_t i = 0; i < expected; ++i) {
    if (bytes.size() < 4)
      return InvalidArgument("input '{}': its binary data ends in element {}", tensor.name, i);
    const auto length = LoadLittleEndian<uint32_t>(bytes.data());
    bytes.remove_prefix(4);
    if (length > bytes.size()) {
      return InvalidArgument("input '{}': element {} has {} bytes, of {} that are left", tensor.name, i,
                             length, bytes.size());
    }
    texts.push_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) return InvalidArgument("input '{}': {} bytes are left over", tensor.name, bytes.size());
  return Ok();
}

Result<size_t> ReadShape(const dom::object& object, Tensor& tensor) {
  bool found = false;
  const dom::element element = Field(object, "shape", found);
  dom::array array;
  if (!found || element.get(array) != simdjson::SUCCESS) {
    return InvalidArgument("input '{}' should have a 'shape', an array such as [1, 15]", tensor.name);
  }
  size_t elements = 1;
  for (const dom::element child : array) {
    int64_t extent = 0;
    if (child.get(extent) != simdjson::SUCCESS || extent < 0) {
      return InvalidArgument("input '{}': the extents of its shape should be whole numbers from 0",
                             tensor.name);
    }
    if (tensor.shape.size() == kMaxRank) {
      return InvalidArgument("input '{}' has more than {} dimensions", tensor.name, kMaxRank);
    }
    tensor.shape.push_back(extent);
    const auto factor = static_cast<size_t>(extent);
    if (factor != 0 && elements > (size_t{1} << 32) / factor) {
      return ResourceExhausted("input '{}' has too many elements", tensor.name);
    }
    elements *= factor;
  }
  return elements;
}

// The bytes that `binary_data_size` takes from the front of what is left.
Result<std::optional<std::string_view>> TakeBinary(const dom::object& object, std::string_view name,
                                                   std::string_view& binary) {
  bool found = false;
  const dom::element parameters = Field(object, "parameters", found);
  dom::object values;
  if (!found || parameters.get(values) != simdjson::SUCCESS) return std::optional<std::string_view>();
  const dom::element size = Field(values, "binary_data_size", found);
  if (!found) return std::optional<std::string_view>();
  uint64_t bytes = 0;
  if (size.get(bytes) != simdjson::SUCCESS || bytes > binary.size()) {
    return InvalidArgument(
        "input '{}': binary_data_size should be at most {}, the bytes that follow the JSON", name,
        binary.size());
  }
  const std::string_view taken = binary.substr(0, bytes);
  binary.remove_prefix(bytes);
  return std::optional<std::string_view>(taken);
}

Result<Tensor> ReadInput(const dom::element& element, std::string_view& binary) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS)
    return InvalidArgument("each of 'inputs' should be an object");
  Tensor tensor;
  MR_ASSIGN_OR_RETURN(tensor.name, TextField(object, "name", "each of 'inputs'"));
  MR_ASSIGN_OR_RETURN(const std::string_view type,
                      TextField(object, "datatype", fmt::format("input '{}'", tensor.name)));
  const std::optional<Datatype> datatype = ParseDatatype(type);
  if (!datatype.has_value()) {
    std::vector<std::string> known;
    for (const DatatypeRow& row : kDatatypes) known.emplace_back(row.name);
    return InvalidArgument("input '{}' has the datatype '{}'; known are {}", tensor.name, type,
                           Join(known, ", "));
  }
  tensor.datatype = *datatype;
  if (tensor.datatype == Datatype::kBytes) {
    tensor.data.emplace<2>();
  } else if (IsReal(tensor.datatype)) {
    tensor.data.emplace<1>();
  }
  MR_ASSIGN_OR_RETURN(const size_t elements, ReadShape(object, tensor));
  MR_ASSIGN_OR_RETURN(const std::optional<std::string_view> bytes, TakeBinary(object, tensor.name, binary));
  bool found = false;
  const dom::element data = Field(object, "data", found);
  if (bytes.has_value()) {
    if (found)
      return InvalidArgument("input '{}' has both 'data' and binary data; one is right", tensor.name);
    MR_RETURN_IF_ERROR(ReadBinary(tensor, elements, *bytes));
    return tensor;
  }
  if (!found || !data.is_array())
    return InvalidArgument("input '{}' should have 'data', an array", tensor.name);
  MR_RETURN_IF_ERROR(DataReader(tensor, elements).Read(data, 1));
  if (tensor.size() != elements) {
    return InvalidArgument("input '{}': data has {} values, its shape says {}", tensor.name, tensor.size(),
                           elements);
  }
  return tensor;
}

Result<RequestedOutput> ReadOutput(const dom::element& element) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS)
    return InvalidArgument("each of 'outputs' should be an object");
  RequestedOutput output;
  MR_ASSIGN_OR_RETURN(output.name, TextField(object, "name", "each of 'outputs'"));
  MR_ASSIGN_OR_RETURN(output.binary, FlagParameter(object, "binary_data"));
  return output;
}

// An optional array of the request; empty when it is not there.
Result<std::vector<dom::element>> ArrayField(const dom::object& root, std::string_view key) {
  std::vector<dom::element> elements;
  bool found = false;
  const dom::element element = Field(root, key, found);
  if (!found || element.is_null()) return elements;
  dom::array array;
  if (element.get(array) != simdjson::SUCCESS) return InvalidArgument("'{}' should be an array", key);
  for (const dom::element child : array) {
    if (elements.size() == kMaxTensors)
      return ResourceExhausted("'{}' has more than {} tensors", key, kMaxTensors);
    elements.push_back(child);
  }
  return elements;
}

Result<InferRequest> ReadRequest(const dom::object& root, std::string_view binary) {
  InferRequest request;
  bool found = false;
  const dom::element id = Field(root, "id", found);
  if (found && !id.is_null() && id.get(request.id) != simdjson::SUCCESS)
    return InvalidArgument("'id' should be text");
  MR_ASSIGN_OR_RETURN(const std::optional<bool> binary_output, FlagParameter(root, "binary_data_output"));
  MR_ASSIGN_OR_RETURN(const std::optional<bool> features, FlagParameter(root, "features"));
  MR_ASSIGN_OR_RETURN(const std::optional<bool> learn, FlagParameter(root, "learn"));
  request.binary_output = binary_output.value_or(false);
  request.features = features.value_or(false);
  request.learn = learn.value_or(true);
  request.learn_asked = learn.value_or(false);

  MR_ASSIGN_OR_RETURN(const std::vector<dom::element> inputs, ArrayField(root, "inputs"));
  if (inputs.empty()) return InvalidArgument("the request has no 'inputs'");
  request.inputs.reserve(inputs.size());
  for (const dom::element& element : inputs) {
    MR_ASSIGN_OR_RETURN(Tensor tensor, ReadInput(element, binary));
    if (request.Find(tensor.name) != nullptr)
      return InvalidArgument("input '{}' is there twice", tensor.name);
    request.inputs.push_back(std::move(tensor));
  }
  if (!binary.empty()) {
    return InvalidArgument("{} bytes of binary data belong to no input (binary_data_size)", binary.size());
  }
  MR_ASSIGN_OR_RETURN(const std::vector<dom::element> outputs, ArrayField(root, "outputs"));
  for (const dom::element& element : outputs) {
    MR_ASSIGN_OR_RETURN(RequestedOutput output, ReadOutput(element));
    request.outputs.push_back(output);
  }
  return request;
}

}  // namespace

std::string_view DatatypeName(Datatype datatype) { return Row(datatype).name; }

std::optional<Datatype> ParseDatatype(std::string_view name) {
  for (size_t i = 0; i < kDatatypes.size(); ++i) {
    if (kDatatypes[i].name == name) return static_cast<Datatype>(i);
  }
  return std::nullopt;
}

size_t DatatypeSize(Datatype datatype) { return Row(datatype).size; }

size_t Tensor::size() const {
  return std::visit([](const auto& values) { return values.size(); }, data);
}

const Tensor* InferRequest::Find(std::string_view name) const {
  for (const Tensor& tensor : inputs) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

double HalfToDouble(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int mantissa = bits & 0x3FF;
  double magnitude = 0;
  if (exponent == 0x1F) {
    magnitude =
        mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else {
    magnitude = std::ldexp(mantissa + 0x400, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

Result<InferRequest> ParseInferRequest(std::string_view body, std::optional<size_t> json_length) {
  if (json_length.has_value() && *json_length > body.size()) {
    return InvalidArgument("Inference-Header-Content-Length is {}, the body has {} bytes", *json_length,
                           body.size());
  }
  const std::string_view text = body.substr(0, json_length.value_or(body.size()));
  // Views in the result point into the parser; both keep their memory for the thread's next request.
  thread_local dom::parser parser;
  thread_local std::string padded;
  constexpr size_t kKeptBytes = size_t{4} << 20;
  if (padded.capacity() > kKeptBytes) {
    padded = std::string();
    parser = dom::parser();
  }
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded.assign(text);
  dom::element root;
  if (const auto error = parser.parse(padded.data(), padded.size(), false).get(root)) {
    return InvalidArgument("the body is not well-formed JSON: {}", simdjson::error_message(error));
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS)
    return InvalidArgument("the body should be a JSON object with 'inputs'");
  return ReadRequest(object, body.substr(text.size()));
}

}  // namespace millrace::oip
