#include "api/oip/infer_request.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace millrace::oip {
namespace {

std::string Body(const std::string& tensor) { return R"({"inputs":[)" + tensor + "]}"; }

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST(InferRequest, ReadsEveryDatatypeFromJson) {
  struct {
    std::string datatype;
    std::string data;
    std::vector<double> numbers;
  } const cases[] = {
      {"BOOL", "[true,false,1]", {1, 0, 1}},
      {"INT8", "[-128,127,0]", {-128, 127, 0}},
      {"INT16", "[-32768,32767,0]", {-32768, 32767, 0}},
      {"INT32", "[-2147483648,2147483647,0]", {-2147483648.0, 2147483647.0, 0}},
      {"UINT8", "[0,255,7]", {0, 255, 7}},
      {"UINT16", "[0,65535,7]", {0, 65535, 7}},
      {"UINT32", "[0,4294967295,7]", {0, 4294967295.0, 7}},
      {"FP16", "[1.5,-2,0]", {1.5, -2, 0}},
      {"FP32", "[0.1,-2,1e3]", {static_cast<double>(0.1F), -2, 1000}},
      {"FP64", "[0.1,-2,1e300]", {0.1, -2, 1e300}},
  };
  for (const auto& [datatype, data, numbers] : cases) {
    const std::string body =
        Body(R"({"name":"x","datatype":")" + datatype + R"(","shape":[3],"data":)" + data + "}");
    const auto request = ParseInferRequest(body, std::nullopt);
    ASSERT_TRUE(request.ok()) << datatype << ": " << request.status().ToString();
    const Tensor& tensor = request->inputs[0];
    for (size_t i = 0; i < 3; ++i) {
      const double number = tensor.data.index() == 1 ? std::get<1>(tensor.data)[i]
                                                     : static_cast<double>(std::get<0>(tensor.data)[i]);
      EXPECT_EQ(number, numbers[i]) << datatype;
    }
  }
}

TEST(InferRequest, Keeps64BitsOfWholeNumbers) {
  const auto request = ParseInferRequest(
      Body(R"({"name":"a","datatype":"INT64","shape":[2],"data":[9007199254740993,-9223372036854775808]},)"
           R"({"name":"b","datatype":"UINT64","shape":[1],"data":[18446744073709551615]})"),
      std::nullopt);
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_EQ(std::get<0>(request->inputs[0].data),
            (std::vector<int64_t>{9007199254740993, std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(std::get<0>(request->inputs[1].data), std::vector<int64_t>{-1});
}

TEST(InferRequest, ReadsNestedDataAndMissingValuesInOrder) {
  const auto request = ParseInferRequest(
      R"({"id":"7","inputs":[{"name":"x","datatype":"FP64","shape":[2,2],"data":[[1,null],[3,4]]}],)"
      R"("parameters":{"features":true,"learn":false,"binary_data_output":true},)"
      R"("outputs":[{"name":"prediction","parameters":{"binary_data":false}}]})",
      std::nullopt);
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_EQ(request->id, "7");
  EXPECT_TRUE(request->features);
  EXPECT_FALSE(request->learn);
  EXPECT_TRUE(request->binary_output);
  ASSERT_EQ(request->outputs.size(), 1U);
  EXPECT_EQ(request->outputs[0].binary, std::optional<bool>(false));
  const Tensor& tensor = request->inputs[0];
  EXPECT_EQ(std::get<1>(tensor.data), (std::vector<double>{1, 0, 3, 4}));
  EXPECT_FALSE(tensor.IsMissing(0));
  EXPECT_TRUE(tensor.IsMissing(1));
  EXPECT_FALSE(tensor.IsMissing(3));
}

TEST(InferRequest, ReadsBinaryTensorsInOrder) {
  const std::string json =
      R"({"inputs":[{"name":"a","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}},)"
      R"({"name":"b","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":11}},)"
      R"({"name":"c","datatype":"FP16","shape":[2],"parameters":{"binary_data_size":4}},)"
      R"({"name":"d","datatype":"INT16","shape":[1],"data":[-3]}]})";
  const std::string body = json + Bytes<float>({1.5F, -0.0F}) + Bytes<uint32_t>({3}) + "EUR" +
                           Bytes<uint32_t>({0}) + Bytes<uint16_t>({0x3C00, 0xFC00});
  const auto request = ParseInferRequest(body, json.size());
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_EQ(std::get<1>(request->Find("a")->data), (std::vector<double>{1.5, 0}));
  EXPECT_EQ(std::get<2>(request->Find("b")->data), (std::vector<std::string_view>{"EUR", ""}));
  EXPECT_EQ(std::get<1>(request->Find("c")->data),
            (std::vector<double>{1, -std::numeric_limits<double>::infinity()}));
  EXPECT_EQ(std::get<0>(request->Find("d")->data), std::vector<int64_t>{-3});
}

TEST(InferRequest, RefusesWhatIsWrongWithASentence) {
  struct {
    std::string body;
    std::string says;
  } const cases[] = {
      {"", "not well-formed JSON"},
      {"[]", "should be a JSON object"},
      {"{}", "has no 'inputs'"},
      {R"({"inputs":7})", "'inputs' should be an array"},
      {R"({"inputs":[7]})", "each of 'inputs' should be an object"},
      {Body(R"({"datatype":"FP32","shape":[1],"data":[1]})"), "the text field 'name'"},
      {Body(R"({"name":"x","datatype":"FLOAT","shape":[1],"data":[1]})"), "known are BOOL, INT8"},
      {Body(R"({"name":"x","datatype":"FP32","data":[1]})"), "should have a 'shape'"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[-1],"data":[1]})"), "whole numbers from 0"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[4294967296,4294967296,4294967296],"data":[1]})"),
       "too many elements"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[2],"data":[1]})"),
       "data has 1 values, its shape says 2"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[1],"data":[1,2]})"), "more than the 1 values"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[1]})"), "should have 'data'"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[1],"data":["1"]})"), "value 0 should be a number"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[1],"data":[[[[[[[[[[1]]]]]]]]]]})"),
       "nested too deeply"},
      {Body(R"({"name":"x","datatype":"INT8","shape":[1],"data":[128]})"), "a whole number in its range"},
      {Body(R"({"name":"x","datatype":"INT64","shape":[1],"data":[1.5]})"), "a whole number in its range"},
      {Body(R"({"name":"x","datatype":"BYTES","shape":[1],"data":[1]})"), "should be text"},
      {Body(
           R"({"name":"x","datatype":"FP32","shape":[1],"data":[1]},{"name":"x","datatype":"FP32","shape":[1],"data":[1]})"),
       "'x' is there twice"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}})"),
       "at most 0"},
      {R"({"id":7,"inputs":[]})", "'id' should be text"},
      {R"({"parameters":{"learn":1},"inputs":[]})", "'learn' should be true or false"},
      {Body(R"({"name":"x","datatype":"FP32","shape":[1],"data":[NaN]})"), "not well-formed JSON"},
  };
  for (const auto& [body, says] : cases) {
    const auto request = ParseInferRequest(body, std::nullopt);
    ASSERT_FALSE(request.ok()) << body;
    EXPECT_NE(request.status().message().find(says), std::string::npos) << request.status().message();
  }
}

TEST(InferRequest, RefusesBinaryDataOfTheWrongSize) {
  const std::string head = R"({"inputs":[{"name":"x","datatype":")";
  const auto make = [&](const std::string& datatype, const std::string& bytes) {
    return head + datatype + R"(","shape":[2],"parameters":{"binary_data_size":)" +
           std::to_string(bytes.size()) + "}}]}";
  };
  struct {
    std::string datatype;
    std::string bytes;
  } const cases[] = {
      {"FP32", "1234567"},
      {"FP64", "12345678"},
      {"BYTES", Bytes<uint32_t>({0})},
      {"BYTES", Bytes<uint32_t>({0xFFFFFFFF, 0})},
      {"BYTES", Bytes<uint32_t>({0, 0, 0})},
      {"BOOL", "1"},
  };
  for (const auto& [datatype, bytes] : cases) {
    const std::string json = make(datatype, bytes);
    EXPECT_FALSE(ParseInferRequest(json + bytes, json.size()).ok()) << datatype;
  }
  const std::string json = make("FP32", "12345678");
  EXPECT_FALSE(ParseInferRequest(json + "12345678" + "left over", json.size()).ok());
  EXPECT_FALSE(ParseInferRequest(json, json.size() + 1).ok());
}

TEST(InferRequest, ReadsHalfPrecision) {
  struct {
    uint16_t bits;
    double value;
  } const cases[] = {{0x0000, 0},       {0x3C00, 1},           {0xC000, -2},      {0x7BFF, 65504},
                     {0x0001, 0x1p-24}, {0x03FF, 0x1.FF8p-15}, {0x0400, 0x1p-14}, {0x3555, 0.333251953125}};
  for (const auto& [bits, value] : cases) EXPECT_EQ(HalfToDouble(bits), value) << bits;
  EXPECT_TRUE(std::isnan(HalfToDouble(0x7E00)));
}

}  // namespace
}  // namespace millrace::oip
