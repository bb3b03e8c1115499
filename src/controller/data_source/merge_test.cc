#include "controller/data_source/merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::controller::data_source {
namespace {

// id, time, amount, fraud; fraud is known later.
struct Row {
  std::optional<int64_t> id;
  std::optional<int64_t> time;
  std::optional<double> amount;
  std::optional<int64_t> fraud;
};

template <typename T, typename Make>
Column ColumnOf(const std::vector<Row>& rows, DataType type, T Row::* member, Make make) {
  ColumnBuilder builder(type);
  for (const Row& row : rows) {
    const auto& value = row.*member;
    EXPECT_TRUE(builder.Append(value ? Value(make(*value)) : Value(Null{})).ok());
  }
  return std::move(builder).Finish();
}

Table TableOf(const std::vector<Row>& rows) {
  const auto same = [](auto value) { return value; };
  std::vector<Column> columns;
  columns.push_back(ColumnOf(rows, DataType::kInt64, &Row::id, same));
  columns.push_back(ColumnOf(rows, DataType::kTimestamp, &Row::time, [](int64_t t) { return EventTime{t}; }));
  columns.push_back(ColumnOf(rows, DataType::kDouble, &Row::amount, same));
  columns.push_back(ColumnOf(rows, DataType::kInt64, &Row::fraud, same));
  const Schema schema({{"id", DataType::kInt64},
                       {"time", DataType::kTimestamp},
                       {"amount", DataType::kDouble},
                       {"fraud", DataType::kInt64}});
  return *Table::Create(schema, std::move(columns));
}

feature::SourcePlan Plan() {
  feature::SourcePlan plan;
  plan.name = "payments";
  plan.schema = TableOf({}).schema();
  plan.event_time = 1;
  plan.event_id = 0;
  plan.known_after = {{"fraud", std::chrono::hours(1)}};
  return plan;
}

// "id@time amount fraud", a row each.
std::vector<std::string> Text(const Table& table) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < table.num_rows(); ++i) {
    lines.push_back(ToText(table.column(0).Get(i)) + "@" + std::to_string(table.column(1).ints()[i]) + " " +
                    ToText(table.column(2).Get(i)) + " " + ToText(table.column(3).Get(i)));
  }
  return lines;
}

std::vector<std::string> Merge(const std::vector<Row>& events, const std::vector<Row>& pushed) {
  return Text(*MergePushed(TableOf(events), TableOf(pushed), Plan()));
}

using Lines = std::vector<std::string>;

TEST(MergePushed, NewEventsTakeTheirPlacesByTimeAndId) {
  EXPECT_EQ(Merge({{1, 10, 1.0, 0}, {3, 30, 3.0, 0}}, {{5, 30, 5.0, {}}, {2, 20, 2.0, {}}, {4, 5, 4.0, {}}}),
            (Lines{"4@5 4 null", "1@10 1 0", "2@20 2 null", "3@30 3 0", "5@30 5 null"}));
}

TEST(MergePushed, AnEventOfTheFilesStaysAndItsLaterColumnsAreFilledIn) {
  EXPECT_EQ(Merge({{1, 10, 1.0, {}}, {2, 20, 2.0, 0}}, {{1, 10, 9.0, 1}, {2, 20, 9.0, 1}}),
            (Lines{"1@10 1 1", "2@20 2 1"}));
}

TEST(MergePushed, TheLastValueThatWasAcceptedIsAColumnsValue) {
  EXPECT_EQ(Merge({{1, 10, 1.0, 0}}, {{1, {}, {}, 1}, {1, {}, {}, {}}}), (Lines{"1@10 1 1"}))
      << "null says nothing";
  EXPECT_EQ(Merge({}, {{1, 10, 1.0, 1}, {1, {}, {}, 0}}), (Lines{"1@10 1 0"}));
  EXPECT_EQ(Merge({}, {{1, 10, 1.0, {}}, {1, {}, {}, 1}, {1, 10, 1.0, 0}, {1, {}, {}, 1}, {1, {}, {}, 2}}),
            (Lines{"1@10 1 2"}));
}

TEST(MergePushed, AnUpdateHasNoTimeAndNeedsItsEvent) {
  EXPECT_EQ(Merge({{1, 10, 1.0, {}}}, {{1, {}, {}, 1}, {7, {}, {}, 1}}), (Lines{"1@10 1 1"}));
  EXPECT_EQ(Merge({}, {{7, {}, {}, 1}, {7, 70, 7.0, {}}}), (Lines{"7@70 7 null"}))
      << "what came before its event said nothing, as it does online";
}

TEST(MergePushed, AnIdPushedTwiceCountsOnceTheFirst) {
  EXPECT_EQ(Merge({}, {{1, 10, 1.0, {}}, {1, 11, 2.0, 1}}), (Lines{"1@10 1 1"}));
}

TEST(MergePushed, EventsWithoutAnIdAreAllKeptBehindThoseWithOne) {
  EXPECT_EQ(Merge({{{}, 10, 1.0, {}}, {2, 20, 2.0, {}}}, {{{}, 20, 3.0, {}}, {{}, 20, 4.0, {}}}),
            (Lines{"null@10 1 null", "2@20 2 null", "null@20 3 null", "null@20 4 null"}));
}

TEST(MergePushed, NothingPushedChangesNothing) {
  EXPECT_EQ(Merge({{1, 10, 1.0, {}}}, {}), (Lines{"1@10 1 null"}));
}

}  // namespace
}  // namespace millrace::controller::data_source
