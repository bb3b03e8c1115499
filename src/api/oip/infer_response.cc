#include "api/oip/infer_response.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>
#include <type_traits>

#include "api/http/response.h"
#include "base/text.h"

namespace millrace::oip {
namespace {

using inference::Scores;
using inference::ServingVersion;

constexpr std::string_view kFeatures = "features";

template <typename T>
void AppendNumber(std::string& out, T number) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(number)) {
      out += "null";
      return;
    }
  }
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), error == std::errc() ? static_cast<size_t>(end - digits.data()) : 0);
}

struct Output {
  std::string_view name;
  bool binary = false;
};

// What is answered, in order: all outputs, or those that were asked for.
Result<std::vector<Output>> ChooseOutputs(const InferRequest& request, const ServingVersion& version,
                                          const Scores& scores) {
  const std::string_view prediction = version.model().output_name();
  std::vector<Output> chosen;
  for (const RequestedOutput& wanted : request.outputs) {
    if (wanted.name == kFeatures && wanted.name != prediction && scores.features.empty()) {
      return InvalidArgument(
          "the output 'features' is there for events alone; this request sent the features itself");
    }
    if (wanted.name != prediction && wanted.name != kFeatures) {
      const std::vector<std::string> known = {std::string(prediction), std::string(kFeatures)};
      const std::string nearest = Nearest(wanted.name, known);
      return NotFound("there is no output '{}'{}; the outputs are {}", wanted.name,
                      nearest.empty() ? "" : ", did you mean '" + nearest + "'?", Join(known, ", "));
    }
    chosen.push_back({wanted.name, wanted.binary.value_or(request.binary_output)});
  }
  if (request.outputs.empty()) chosen.push_back({prediction, request.binary_output});
  const bool has_features = std::any_of(chosen.begin(), chosen.end(),
                                        [](const Output& output) { return output.name == kFeatures; });
  if (request.features && !has_features && !scores.features.empty())
    chosen.push_back({kFeatures, request.binary_output});
  return chosen;
}

template <typename T>
void AppendTensor(std::string& out, std::string& binary, const Output& output, size_t rows,
                  std::span<const T> values) {
  out += R"({"name":)";
  out += http::JsonQuote(output.name);
  out += sizeof(T) == 4 ? R"(,"datatype":"FP32","shape":[)" : R"(,"datatype":"FP64","shape":[)";
  AppendNumber(out, rows);
  out += ',';
  AppendNumber(out, rows == 0 ? 0 : values.size() / rows);
  out += ']';
  if (output.binary) {
    out += R"(,"parameters":{"binary_data_size":)";
    AppendNumber(out, values.size_bytes());
    out += "}}";
    const size_t at = binary.size();
    binary.resize(at + values.size_bytes());
    if (!values.empty()) std::memcpy(binary.data() + at, values.data(), values.size_bytes());
    return;
  }
  out += R"(,"data":[)";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    AppendNumber(out, values[i]);
  }
  out += "]}";
}

// With the features: what they are called, and which bytes the model is.
void AppendParameters(std::string& out, const ServingVersion& version) {
  out += R"(,"parameters":{"model":)";
  out += http::JsonQuote(version.model().model_name());
  if (!version.model().digest().empty()) {
    out += R"(,"package":)";
    out += http::JsonQuote("sha256:" + version.model().digest());
  }
  out += R"(,"feature_names":)";
  // Parameters are scalars in the protocol: the names as one text.
  out += http::JsonQuote(Join(version.model().feature_names(), ","));
  out += '}';
}

}  // namespace

Result<InferResponse> WriteInferResponse(std::string_view model_name, const InferRequest& request,
                                         const ServingVersion& version, const Scores& scores,
                                         std::string buffer) {
  MR_ASSIGN_OR_RETURN(const std::vector<Output> outputs, ChooseOutputs(request, version, scores));
  std::string& out = buffer;
  std::string binary;
  out += R"({"model_name":)";
  out += http::JsonQuote(model_name);
  out += R"(,"model_version":")";
  AppendNumber(out, version.model().version());
  out += '"';
  if (!request.id.empty()) {
    out += R"(,"id":)";
    out += http::JsonQuote(request.id);
  }
  const bool with_features = std::any_of(outputs.begin(), outputs.end(), [&](const Output& output) {
    return output.name == kFeatures && output.name != version.model().output_name();
  });
  if (with_features) AppendParameters(out, version);
  out += R"(,"outputs":[)";
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (i > 0) out += ',';
    if (outputs[i].name == version.model().output_name()) {
      AppendTensor(out, binary, outputs[i], scores.rows, std::span<const float>(scores.predictions));
    } else {
      AppendTensor(out, binary, outputs[i], scores.rows, std::span<const double>(scores.features));
    }
  }
  out += "]}";
  InferResponse response;
  if (std::any_of(outputs.begin(), outputs.end(), [](const Output& output) { return output.binary; })) {
    response.json_length = out.size();
    out += binary;
  }
  response.body = std::move(buffer);
  return response;
}

}  // namespace millrace::oip
