// fuzz: inference
// A model file in JSON: whatever the bytes, a model or a sentence; and what is
// accepted predicts without fault.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "inference/internal/document.h"
#include "inference/tree_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::inference;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)internal::ParseJsonDocument(bytes).ok();
  const auto model = TreeModel::Parse(bytes);
  if (!model.ok() || model->num_features() > 10'000) return 0;
  std::vector<float> row(model->num_features(), 0.0F);
  for (size_t i = 0; i < row.size(); i += 2) row[i] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> out(model->num_outputs());
  model->Predict(row, out);
  return 0;
}
