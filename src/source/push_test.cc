#include "source/push.h"

#include <gtest/gtest.h>

namespace millrace::source {
namespace {

EventShape Shape() {
  return {.schema = Schema({{"id", DataType::kInt64},
                            {"at", DataType::kTimestamp},
                            {"amount", DataType::kDouble},
                            {"label", DataType::kInt64}}),
          .event_time = "at",
          .event_id = "id",
          .known_later = {"label"},
          .time_zone = {}};
}

PushedEvents Parse(std::string_view body) {
  Result<PushedEvents> pushed = ParsePushedEvents(body, Shape());
  EXPECT_TRUE(pushed.ok()) << body << pushed.status().ToString();
  return pushed.ok() ? std::move(pushed).value() : PushedEvents();
}

TEST(Push, EveryFormOfBodyGivesTheSameEvents) {
  for (const char* body :
       {R"([{"id": 7, "at": "2018-07-25T00:00:00Z", "amount": 3}])",
        R"({"id": 7, "at": "2018-07-25T00:00:00Z", "amount": 3, "label": null})",
        R"({"events": [{"id": 7, "at": "2018-07-25T02:00:00+02:00", "amount": 3.0}]})",
        R"({"push_source_name": "x", "df": {"id": [7], "at": ["2018-07-25"], "amount": [3]}})"}) {
    const PushedEvents pushed = Parse(body);
    ASSERT_EQ(pushed.events.num_rows(), 1u) << body;
    EXPECT_EQ(pushed.events.column(0).Get(0), Value(int64_t{7}));
    EXPECT_EQ(pushed.events.column(1).Get(0), Value(EventTime{1'532'476'800'000'000}));
    EXPECT_EQ(pushed.events.column(2).Get(0), Value(3.0));
    EXPECT_EQ(pushed.events.column(3).Get(0), Value(Null{}));
    EXPECT_TRUE(pushed.updates.empty());
    EXPECT_TRUE(pushed.dead_letters.empty());
  }
}

TEST(Push, ARowWithAnIdAndOnlyLaterColumnsIsAnUpdate) {
  const PushedEvents pushed =
      Parse(R"([{"id": 9007199254740993, "label": 1}, {"id": 8, "label": null, "at": null}])");
  ASSERT_EQ(pushed.updates.size(), 2u);
  EXPECT_EQ(pushed.updates[0].event_id, Value(int64_t{9007199254740993}));
  ASSERT_EQ(pushed.updates[0].columns.size(), 1u);
  EXPECT_EQ(pushed.updates[0].columns[0].first, "label");
  EXPECT_EQ(pushed.updates[0].columns[0].second, Value(int64_t{1}));
  EXPECT_EQ(pushed.updates[1].columns[0].second, Value(Null{}));
}

TEST(Push, BadRowsBecomeDeadLettersAndTheOthersAreKept) {
  const PushedEvents pushed = Parse(R"([
    {"id": 1.5, "at": "2018-07-25"}, {"id": 2, "at": "2018-07-25"}, {"id": 3}, 4, {"id": 5, "at": "2018-07-25", "amuont": 1},
    {"id": 9223372036854775808, "at": "2018-07-25"}, {"id": 6, "at": 1532476800}, {"id": 7, "at": "2018-07-25", "amount": {}}])");
  EXPECT_EQ(pushed.events.num_rows(), 1u);
  ASSERT_EQ(pushed.dead_letters.size(), 7u);
  const std::vector<std::pair<int64_t, std::string>> expected = {
      {1, "'id': '1.5' is no int64"},
      {3, "the event has no event time 'at'"},
      {4, "an event is an object"},
      {5, "did you mean 'amount'?"},
      {6, "'9223372036854775808' is no int64"},
      {7, "'at': '1532476800' is no timestamp"},
      {8, "'amount': a list or an object is no double"}};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(pushed.dead_letters[i].row, expected[i].first);
    EXPECT_NE(pushed.dead_letters[i].reason.find(expected[i].second), std::string::npos)
        << pushed.dead_letters[i].reason;
    EXPECT_EQ(pushed.dead_letters[i].file, "push");
  }
}

TEST(Push, BodiesThatCannotBeReadAreRefusedAsAWhole) {
  for (const char* body :
       {"", "7", "{", "[{}", R"({"df": {"id": [1], "at": []}})", R"({"df": 7})", R"({"events": {}})",
        R"({"id": 1, "id": 2})", R"({"df": {"id": 7}})", R"({"df": {}})"}) {
    EXPECT_EQ(ParsePushedEvents(body, Shape()).status().code(), Code::kInvalidArgument) << body;
  }
  EXPECT_EQ(ParsePushedEvents("[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", Shape()).status().code(),
            Code::kInvalidArgument);
}

TEST(Push, TooManyRowsOrBytesAreRefused) {
  EXPECT_EQ(ParsePushedEvents("[1, 2, 3]", Shape(), {.max_rows = 2}).status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(ParsePushedEvents("[1, 2, 3]", Shape(), {.max_bytes = 5}).status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(ParsePushedEvents(R"({"df": {"id": [1, 2, 3]}})", Shape(), {.max_rows = 2}).status().code(),
            Code::kResourceExhausted);
}

TEST(Push, APushOnlySourceNeedsDeclaredTypes) {
  resource::DataSourceSpec spec;
  spec.push = resource::PushSource{};
  spec.event_time = "at";
  spec.event_id = "id";
  spec.columns = {{.name = "id", .type = DataType::kInt64, .known_after = {}},
                  {.name = "at", .type = DataType::kTimestamp, .known_after = {}},
                  {.name = "label", .type = DataType::kBool, .known_after = std::chrono::hours(1)}};
  const Schema schema = DeclaredSchema(spec).value();
  EXPECT_EQ(schema.size(), 3u);
  EXPECT_EQ(ShapeOf(spec, schema).value().known_later, std::vector<std::string>{"label"});
  spec.columns[0].type.reset();
  EXPECT_NE(DeclaredSchema(spec).status().message().find("'id' needs a type"), std::string::npos);
}

}  // namespace
}  // namespace millrace::source
