#include "cli/terminal.h"

#include <gtest/gtest.h>

#include "cli/data_dir.h"
#include "cli/progress.h"
#include "cli/replay_run.h"
#include "cli/resource_text.h"
#include "table/table.h"

namespace millrace::cli {
namespace {

TEST(AlignedTable, PadsByCharactersAndLeavesNoTrailingSpace) {
  EXPECT_EQ(AlignedTable({"NAME", "N"}, {{"a", "1"}, {"größer", "22"}}),
            "NAME    N\na       1\ngrößer  22\n");
  EXPECT_EQ(AlignedTable({"NAME", "N"}, {{"a", "1"}, {"b", "22"}}, {"N"}), "NAME   N\na      1\nb     22\n");
  EXPECT_EQ(AlignedTable({"", ""}, {{"a", ""}, {"bb", "x"}}), "a\nbb  x\n");
}

TEST(DisplayWidth, CountsNeitherColoursNorContinuationBytes) {
  EXPECT_EQ(DisplayWidth("\x1b[31mred\x1b[0m"), 3U);
  EXPECT_EQ(DisplayWidth("größer"), 6U);
  EXPECT_EQ(DisplayWidth("\x1b["), 0U);
}

TEST(CellText, SaysValuesShortly) {
  EXPECT_EQ(CellText(Json()), "-");
  EXPECT_EQ(CellText(1754155), "1,754,155");
  EXPECT_EQ(CellText(0.637313), "0.6373");
  EXPECT_EQ(CellText(Json::array({"a", "b"})), "a,b");
  EXPECT_EQ(CellText("text"), "text");
}

TEST(AgeText, GrowsInUnits) {
  EXPECT_EQ(AgeText(std::chrono::seconds(-5)), "0s");
  EXPECT_EQ(AgeText(std::chrono::seconds(119)), "119s");
  EXPECT_EQ(AgeText(std::chrono::minutes(119)), "119m");
  EXPECT_EQ(AgeText(std::chrono::hours(47)), "47h");
  EXPECT_EQ(AgeText(std::chrono::hours(48)), "2d");
}

resource::Resource WithReady(const std::string& name, resource::ConditionStatus status,
                             const std::string& reason, int64_t observed = 1) {
  resource::Resource resource;
  resource.kind = "Model";
  resource.metadata.name = name;
  resource.metadata.generation = 1;
  resource::SetCondition(resource.status,
                         {.type = "Ready",
                          .status = status,
                          .reason = reason,
                          .message = "message",
                          .observed_generation = observed,
                          .last_transition_time = {}},
                         EventTime{0});
  return resource;
}

TEST(Summarise, CountsWhatIsReadyAndNamesWhatFailedForGood) {
  using resource::ConditionStatus;
  const std::vector<resource::Resource> waiting = {
      WithReady("a", ConditionStatus::kTrue, "Promoted"),
      WithReady("b", ConditionStatus::kFalse, "WaitingForInputs"),
      WithReady("c", ConditionStatus::kTrue, "Promoted", 0),
      WithReady("d", ConditionStatus::kTrue, "Training"),
      WithReady("e", ConditionStatus::kUnknown, "Starting")};
  EXPECT_EQ(Summarise(waiting).ready, 1U);
  EXPECT_EQ(Summarise(waiting).total, 5U);
  EXPECT_EQ(Summarise(waiting).failure, "");
  EXPECT_NE(Summarise({WithReady("f", ConditionStatus::kFalse, "TrainingFailed")}).failure, "");
  EXPECT_NE(Summarise({WithReady("g", ConditionStatus::kFalse, "NotPromoted")}).failure, "");
}

TEST(Quantile, IsTheNearestRankAbove) {
  std::vector<int64_t> values = {5, 1, 4, 2, 3};
  EXPECT_EQ(Quantile(values, 0.5), 3);
  EXPECT_EQ(Quantile(values, 0.99), 5);
  EXPECT_EQ(Quantile(values, 0.0), 1);
  values.clear();
  EXPECT_EQ(Quantile(values, 0.5), 0);
}

TEST(InferBody, KeepsTypesAndSaysMissingAsNull) {
  const Schema schema({{"id", DataType::kInt64}, {"name", DataType::kString}, {"x", DataType::kDouble}});
  const Table rows = *Table::Create(schema, {Column::Ints({9007199254740993}), Column::Strings({0, 2}, "a\""),
                                             Column::Doubles({0.1}, {0})});
  EXPECT_EQ(InferBody(rows, {0, 1, 2}, 0, "9"),
            R"({"id":"9","inputs":[{"name":"id","shape":[1],"datatype":"INT64","data":[9007199254740993]},)"
            R"({"name":"name","shape":[1],"datatype":"BYTES","data":["a\""]},)"
            R"({"name":"x","shape":[1],"datatype":"FP64","data":[null]}],"parameters":{"features":true}})");
}

TEST(DataDir, IsLockedAndRefusesANewerLayout) {
  const TempDirectory temp;
  const std::string path = temp.path() + "/data";
  {
    const Result<FileLock> first = OpenDataDir(path);
    ASSERT_TRUE(first.ok()) << first.status().ToString();
    EXPECT_EQ(OpenDataDir(path).status().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(OpenDataDir(path).ok());
  for (const auto& [text, code] :
       std::vector<std::pair<std::string, Code>>{{"2\n", Code::kFailedPrecondition},
                                                 {"one\n", Code::kDataLoss},
                                                 {"0\n", Code::kDataLoss},
                                                 {"1\n", Code::kOk}}) {
    ASSERT_TRUE(WriteFileAtomically(path + "/FORMAT", text).ok());
    EXPECT_EQ(OpenDataDir(path).status().code(), code) << text;
  }
}

TEST(DataDir, LiesBelowTheFolder) {
  EXPECT_EQ(DefaultDataDir("examples/fraud"), "examples/fraud/.millrace");
  EXPECT_EQ(DefaultDataDir(""), ".millrace");
}

}  // namespace
}  // namespace millrace::cli
