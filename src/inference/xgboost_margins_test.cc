// Judges the tree engine by XGBoost's own predictions, which are data here:
// testdata/ holds small models and what XGBoost 3.2 said, made by
// tests/peers/xgboost_margins.py; with MILLRACE_XGBOOST_CASES=DIR, as
// tests/peers/xgboost_margins.sh sets it, hundreds of random ones as well.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "inference/internal/compiled_forest.h"
#include "inference/tree_model.h"

namespace millrace::inference {
namespace {

struct Case {
  std::string name;
  std::string model;
  std::vector<float> rows;
  size_t num_rows = 0;
  std::vector<uint32_t> margins;
  std::vector<uint32_t> predictions;
};

std::vector<uint32_t> Flatten(const Json& matrix) {
  std::vector<uint32_t> flat;
  for (const Json& row : matrix) {
    for (const Json& bits : row) flat.push_back(bits.get<uint32_t>());
  }
  return flat;
}

std::vector<Case> LoadCases(const std::string& directory) {
  std::vector<Case> cases;
  const auto names = ListDirectory(directory);
  if (!names.ok()) return cases;
  for (const std::string& file : *names) {
    const std::string suffix = ".expected.json";
    if (!file.ends_with(suffix)) continue;
    Case made;
    made.name = file.substr(0, file.size() - suffix.size());
    const std::string stem = directory + "/" + made.name;
    made.model = stem + (FileExists(stem + ".ubj") ? ".ubj" : ".json");
    const Json expected = ParseJson(ReadFile(directory + "/" + file).value()).value();
    for (const Json& row : expected["rows"]) {
      for (const Json& value : row) {
        made.rows.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN() : value.get<float>());
      }
    }
    made.num_rows = expected["rows"].size();
    made.margins = Flatten(expected["margins"]);
    made.predictions = Flatten(expected["predictions"]);
    cases.push_back(std::move(made));
  }
  return cases;
}

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

void ExpectXgboostsBits(const Case& made) {
  SCOPED_TRACE(made.name);
  const auto model = TreeModel::Load(made.model);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  const size_t features = model->num_features();
  const size_t outputs = model->num_outputs();
  ASSERT_EQ(made.rows.size(), made.num_rows * features);

  std::vector<float> one_by_one(made.num_rows * outputs);
  std::vector<float> together(made.num_rows * outputs);
  const std::span<float> all(one_by_one);
  for (size_t r = 0; r < made.num_rows; ++r) {
    model->PredictMargin(std::span(made.rows).subspan(r * features, features),
                         all.subspan(r * outputs, outputs));
  }
  model->PredictMargins(made.rows, together);
  EXPECT_EQ(Bits(one_by_one), made.margins);
  EXPECT_EQ(Bits(together), made.margins);
  model->Transform(together);
  together.resize(made.num_rows * model->num_predictions());
  EXPECT_EQ(Bits(together), made.predictions);
}

TEST(XgboostMargins, EqualXgboostsBitsOnStoredModels) {
  const std::vector<Case> cases = LoadCases(std::string(MILLRACE_SOURCE_DIR) + "/src/inference/testdata");
  ASSERT_FALSE(cases.empty());
  for (const Case& made : cases) ExpectXgboostsBits(made);
}

TEST(XgboostMargins, EqualXgboostsBitsOnRandomModels) {
  const char* directory = std::getenv("MILLRACE_XGBOOST_CASES");
  if (directory == nullptr) {
    GTEST_SKIP()
        << "MILLRACE_XGBOOST_CASES is not set; tests/peers/xgboost_margins.sh makes the models and sets it";
  }
  const std::vector<Case> cases = LoadCases(directory);
  ASSERT_FALSE(cases.empty());
  for (const Case& made : cases) ExpectXgboostsBits(made);
}

// Every kernel that this processor can run, also those that it would not choose.
TEST(XgboostMargins, AreTheSameBitsWithEveryInstructionSet) {
  using internal::Isa;
  for (const Case& made : LoadCases(std::string(MILLRACE_SOURCE_DIR) + "/src/inference/testdata")) {
    SCOPED_TRACE(made.name);
    const auto ensemble = internal::ReadXgboostModel(ReadFile(made.model).value());
    ASSERT_TRUE(ensemble.ok());
    // Blocks need more rows than a stored case has.
    std::vector<float> rows;
    std::vector<uint32_t> expected;
    size_t n = 0;
    while (n < 2 * internal::kBlockRows + 3) {
      rows.insert(rows.end(), made.rows.begin(), made.rows.end());
      expected.insert(expected.end(), made.margins.begin(), made.margins.end());
      n += made.num_rows;
    }
    for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
      if (isa > internal::DetectIsa()) continue;
      const auto forest = internal::CompileForest(*ensemble, isa);
      ASSERT_TRUE(forest.ok());
      std::vector<float> margins(expected.size());
      internal::PredictRows(*forest, rows.data(), n, margins.data());
      EXPECT_EQ(Bits(margins), expected) << "instruction set " << static_cast<int>(isa);
    }
  }
}

}  // namespace
}  // namespace millrace::inference
