#include "inference/tree_model.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "inference/internal/document.h"

namespace millrace::inference {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// One tree: x0 < 0.5 ? (x1 < 2 ? 1 : 2) : 4, missing x0 goes left, missing x1 right.
Json SmallModel() {
  return ParseJson(R"({"version": [3, 2, 0], "learner": {
    "feature_names": [], "feature_types": [],
    "learner_model_param": {"base_score": "[2.5E-1]", "num_class": "0", "num_feature": "2", "num_target": "1"},
    "objective": {"name": "reg:squarederror"},
    "gradient_booster": {"name": "gbtree", "model": {
      "gbtree_model_param": {"num_trees": "1", "num_parallel_tree": "1"}, "tree_info": [0],
      "trees": [{"id": 0, "tree_param": {"num_nodes": "5", "size_leaf_vector": "1"},
        "left_children": [1, 3, -1, -1, -1], "right_children": [2, 4, -1, -1, -1],
        "split_indices": [0, 1, 0, 0, 0], "split_conditions": [0.5, 2, 4, 1, 2],
        "default_left": [1, 0, 0, 0, 0]}]}}}})")
      .value();
}

Json& TreeOf(Json& model) { return model["learner"]["gradient_booster"]["model"]["trees"][0]; }
Json& Parameters(Json& model) { return model["learner"]["learner_model_param"]; }

float Predict(const TreeModel& model, std::vector<float> row) {
  std::vector<float> margins(model.num_outputs());
  model.PredictMargin(row, margins);
  return margins[0];
}

TEST(TreeModel, FollowsThresholdsAndMissingValues) {
  const auto model = TreeModel::Parse(FormatJson(SmallModel()));
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(model->num_features(), 2U);
  EXPECT_EQ(model->num_nodes(), 5U);
  struct {
    std::vector<float> row;
    float margin;
  } const cases[] = {
      {{0, 0}, 1.25F},     {{0, 2}, 2.25F},
      {{0.5F, 0}, 4.25F},  // equal is not below
      {{kNaN, 0}, 1.25F},  {{kNaN, kNaN}, 2.25F},
      {{9, kNaN}, 4.25F},  {{-std::numeric_limits<float>::infinity(), 1}, 1.25F},
      {{-0.0F, 1}, 1.25F}, {{std::numeric_limits<float>::infinity(), 1}, 4.25F},
  };
  for (const auto& [row, margin] : cases) EXPECT_EQ(Predict(*model, row), margin) << row[0] << " " << row[1];
}

TEST(TreeModel, RefusesWhatIsNotWellFormedWithASentence) {
  struct {
    std::string what;
    std::function<void(Json&)> change;
    std::string says;
  } const cases[] = {
      {"cycle", [](Json& m) { TreeOf(m)["left_children"][1] = 0; }, "node 1 has the child 0"},
      {"two parents", [](Json& m) { TreeOf(m)["left_children"][1] = 2; }, "node 2 is the child of two nodes"},
      {"child out of range", [](Json& m) { TreeOf(m)["right_children"][0] = 5; }, "between 1 and 4"},
      {"negative child", [](Json& m) { TreeOf(m)["right_children"][0] = -7; }, "has the child -7"},
      {"feature out of range", [](Json& m) { TreeOf(m)["split_indices"][0] = 2; },
       "splits on feature 2, of 2"},
      {"huge threshold", [](Json& m) { TreeOf(m)["split_conditions"][0] = 1e300; }, "not a finite float32"},
      {"lengths differ", [](Json& m) { TreeOf(m)["split_conditions"].erase(4); }, "different lengths"},
      {"no nodes", [](Json& m) { TreeOf(m)["left_children"] = Json::array(); }, "has no nodes"},
      {"text for numbers", [](Json& m) { TreeOf(m)["left_children"] = "abc"; },
       "tree 0.left_children is text"},
      {"vector leaves", [](Json& m) { TreeOf(m)["tree_param"]["size_leaf_vector"] = "3"; }, "vector leaves"},
      {"tree id", [](Json& m) { TreeOf(m)["id"] = 3; }, "has the id 3"},
      {"group", [](Json& m) { m["learner"]["gradient_booster"]["model"]["tree_info"][0] = 1; },
       "adds to output 1"},
      {"trees missing", [](Json& m) { m["learner"]["gradient_booster"]["model"].erase("trees"); },
       "no field 'trees'"},
      {"objective", [](Json& m) { m["learner"]["objective"]["name"] = "reg:squarederorr"; },
       "did you mean 'reg:squarederror'?"},
      {"booster", [](Json& m) { m["learner"]["gradient_booster"]["name"] = "gblinear"; },
       "gbtree and dart are"},
      {"features", [](Json& m) { Parameters(m)["num_feature"] = "99999999999"; }, "between 0 and 1000000"},
      {"base score", [](Json& m) { Parameters(m)["base_score"] = "much"; }, "'much' is not a number"},
      {"base scores", [](Json& m) { Parameters(m)["base_score"] = "[1,2,3]"; }, "3 values for 1 outputs"},
      {"names", [](Json& m) { m["learner"]["feature_names"] = {"a", "b", "c"}; }, "3 names for 2 features"},
      {"categories", [](Json& m) { TreeOf(m)["split_type"] = {1, 0, 0, 0, 0}; }, "splits on no categories"},
      {"learner", [](Json& m) { m = {{"a", 1}}; }, "the model has no field 'learner'"},
  };
  for (const auto& [what, change, says] : cases) {
    Json model = SmallModel();
    change(model);
    const auto loaded = TreeModel::Parse(FormatJson(model));
    ASSERT_FALSE(loaded.ok()) << what;
    EXPECT_NE(loaded.status().message().find(says), std::string::npos)
        << what << ": " << loaded.status().message();
  }
}

TEST(TreeModel, RefusesBytesThatAreNoModel) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += R"({"a":)";
  const std::string cases[] = {"",
                               " ",
                               "{",
                               "[]",
                               "binf\x01\x02",
                               R"({"learner": {}} trailing)",
                               "{L",
                               "{}",
                               "{i\x01z",
                               "nonsense",
                               deep,
                               R"({"learner": {"learner_model_param": 7}})",
                               R"({"learner":{"a":1},"learner":{"b":2}})",
                               R"({"learner":nodes})",
                               R"({"learner":trve})"};
  for (const std::string& bytes : cases) EXPECT_FALSE(TreeModel::Parse(bytes).ok()) << bytes;
}

TEST(TreeModel, RefusesEveryTruncationOfAModel) {
  const std::string directory = std::string(MILLRACE_SOURCE_DIR) + "/src/inference/testdata/";
  for (const std::string name : {"001-binary-logitraw.ubj", "000-binary-logistic.json"}) {
    const std::string whole = ReadFile(directory + name).value();
    ASSERT_TRUE(TreeModel::Parse(whole).ok());
    for (size_t length = 0; length + 1 < whole.size(); length += 7) {
      EXPECT_FALSE(TreeModel::Parse(std::string_view(whole).substr(0, length)).ok())
          << name << " at " << length;
    }
  }
}

TEST(TreeModel, BoundsLengthsInUbjsonByTheBytesThatAreThere) {
  const std::string huge =
      std::string("{i\x01") + "a[$l#L" + std::string("\x00\x00\x00\x7f\xff\xff\xff\xff", 8) + "}";
  const auto parsed = internal::ParseUbjDocument(huge);
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.status().message().find("larger than the rest"), std::string::npos)
      << parsed.status().message();
}

TEST(TreeModel, ReadsDecimalTextAsTheNearestFloat) {
  struct {
    std::string text;
    uint32_t bits;
  } const cases[] = {
      {"1E0", 0x3f800000},
      {"-5E-1", 0xbf000000},
      {"1.4E-45", 0x00000001},       // the smallest denormal
      {"1E-60", 0x00000000},         // too small is 0
      {"3.4028235E38", 0x7f7fffff},  // the largest
      {"1.00000017881393432617187499",
       0x3f800001},  // just below the middle: a double in between would round up
      {"1.00000017881393432617187500", 0x3f800002},  // the middle: to even
  };
  for (const auto& [text, bits] : cases) {
    const auto number = internal::ParseFloat(text);
    ASSERT_TRUE(number.ok()) << text;
    EXPECT_EQ(std::bit_cast<uint32_t>(*number), bits) << text;
  }
  for (const std::string text : {"", "1e", "nan", "inf", "-inf", "1e39", "0x1p3", "1 "}) {
    EXPECT_FALSE(internal::ParseFloat(text).ok()) << text;
  }
}

TEST(TreeModel, PredictsFromManyThreadsAtOnce) {
  const auto model = TreeModel::Parse(FormatJson(SmallModel()));
  ASSERT_TRUE(model.ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) EXPECT_EQ(Predict(*model, {0.5F, static_cast<float>(i)}), 4.25F);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TreeModel, GivesTheBaseScoreWithoutTrees) {
  Json model = SmallModel();
  model["learner"]["gradient_booster"]["model"]["trees"] = Json::array();
  model["learner"]["gradient_booster"]["model"]["tree_info"] = Json::array();
  const auto loaded = TreeModel::Parse(FormatJson(model));
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_EQ(Predict(*loaded, {kNaN, 1}), 0.25F);
}

}  // namespace
}  // namespace millrace::inference
