#include "base/json.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ParseJson, KeepsNumbersExactly) {
  const Result<Json> json = ParseJson(R"({"i": 9007199254740993, "u": 18446744073709551615, "d": 0.1})");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json)["i"].get<int64_t>(), 9007199254740993);
  EXPECT_EQ((*json)["u"].get<uint64_t>(), 18446744073709551615U);
  EXPECT_EQ((*json)["d"].get<double>(), 0.1);
}

TEST(ParseJson, SaysWhereAndWhatIsWrong) {
  const struct {
    const char* text;
    const char* part;
  } cases[] = {
      {"", "unexpected end of input"},
      {"{\"a\": 1,\n \"b\": }", "line 2"},
      {"{\"a\": 1, \"a\": 2}", "the key \"a\" stands twice"},
      {"[1, 2", "unexpected end of input"},
      {"{} {}", "line 1"},
      {"\"\xff\"", "UTF-8"},
      {"1e999", "number"},
  };
  for (const auto& c : cases) {
    const Result<Json> json = ParseJson(c.text);
    ASSERT_FALSE(json.ok()) << c.text;
    EXPECT_EQ(json.status().code(), Code::kInvalidArgument);
    EXPECT_NE(json.status().message().find(c.part), std::string::npos) << json.status().message();
  }
}

TEST(ParseJson, RefusesDeepNestingWithoutRecursing) {
  const std::string deep(100000, '[');
  EXPECT_NE(ParseJson(deep).status().message().find("nests deeper than 64 levels"), std::string::npos);
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).ok());
}

TEST(MergePatch, RemovesMergesAndReplaces) {
  Json target = {{"a", 1}, {"b", {{"c", 2}, {"d", 3}}}};
  MergePatch(target, Json::parse(R"({"a": null, "b": {"c": [1]}, "e": "x"})"));
  EXPECT_EQ(target, Json::parse(R"({"b": {"c": [1], "d": 3}, "e": "x"})"));
}

TEST(MergeDiff, IsWhatMakesOneOfTheOther) {
  const Json documents[] = {
      Json::object(),
      Json::parse(R"({"a": 1})"),
      Json::parse(R"({"a": {"b": 1, "c": [1, {"d": 2}]}})"),
      Json::parse(R"({"a": {"b": 1}, "e": {}})"),
      Json::parse(R"({"a": "text", "e": {"f": {"g": false}}})"),
  };
  for (const Json& from : documents) {
    for (const Json& to : documents) {
      Json made = from;
      MergePatch(made, MergeDiff(from, to));
      EXPECT_EQ(made, to) << FormatJson(from);
      EXPECT_EQ(MergeDiff(from, to).empty(), from == to);
    }
  }
  EXPECT_EQ(MergeDiff(documents[2], documents[3]), Json::parse(R"({"a": {"c": null}, "e": {}})"));
  EXPECT_TRUE(MergeDiff(documents[1], Json::parse(R"({"a": 1, "b": null})")).empty())
      << "no patch writes that";
}

}  // namespace
}  // namespace millrace
