// The online files are lost while the tables that are made from them are at different positions.
#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "controller/data_source/pushed.h"
#include "controller/testing/world.h"

namespace millrace::controller::data_source {
namespace {

using testing::World;

class LostOnline : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.WriteFile("rows.csv",
                     "id,time,key,amount\n1,2020-01-01T00:00:00Z,7,1\n2,2020-01-02T00:00:00Z,7,2\n");
    world_.Put(
        "DataSource", "rows",
        {{"files", {{"path", world_.folder() + "/rows.csv"}}}, {"eventTime", "time"}, {"eventId", "id"}});
    world_.Put("FeatureView", "spending",
               {{"source", "rows"},
                {"entities", {"key"}},
                {"windows", {"7d"}},
                {"features", {{{"name", "total"}, {"aggregate", "sum"}, {"of", "amount"}}}}});
    world_.Settle("DataSource", "rows");
    world_.Settle("FeatureView", "spending");
    world_.Settle("DataSource", "rows");
  }
  // Two seconds after each other, from the third of January on.
  void Push(int64_t first, int64_t count) {
    const Schema schema = world_.online().Source("default/rows")->schema;
    std::vector<ColumnBuilder> builders;
    for (const Field& field : schema.fields()) builders.emplace_back(field.type);
    const int64_t start = ParseTime("2020-01-03T00:00:00Z").value().micros;
    for (int64_t id = first; id < first + count; ++id) {
      for (size_t c = 0; c < schema.size(); ++c) {
        const std::string& name = schema[c].name;
        const Value value = name == "time" ? Value(EventTime{start + id * 2'000'000}) : Value(id);
        ASSERT_TRUE(builders[c].Append(value).ok()) << name;
      }
    }
    std::vector<Column> columns;
    for (ColumnBuilder& builder : builders) columns.push_back(std::move(builder).Finish());
    const Result<feature::AppendResult> pushed =
        world_.online().Append("default/rows", Table::Create(schema, std::move(columns)).value());
    ASSERT_TRUE(pushed.ok()) << pushed.status().ToString();
    ASSERT_EQ(pushed->accepted, count);
  }
  std::multiset<int64_t> Ids() {
    const Table events = world_.Read(world_.Events("rows"));
    const Column ids = events.Find("id").value();
    return {ids.ints().begin(), ids.ints().end()};
  }

  World world_;
};

TEST_F(LostOnline, WhatIsPushedAfterwardsReachesTheEvents) {
  ASSERT_NO_FATAL_FAILURE(Push(11, 3));
  // A kill comes after this commit and before that of the events; then the files are lost.
  ASSERT_TRUE(
      TakeFromLog(world_.context(), World::Key("DataSource", "rows"), *world_.online().Source("default/rows"))
          .ok());
  ASSERT_TRUE(world_.online().Drop("default/rows").ok());
  world_.Settle("DataSource", "rows");
  ASSERT_NO_FATAL_FAILURE(Push(21, 2));
  world_.clock().Advance(std::chrono::minutes(2));
  world_.Settle("DataSource", "rows");
  EXPECT_EQ(Ids(), (std::multiset<int64_t>{1, 2, 11, 12, 13, 21, 22}));
}

}  // namespace
}  // namespace millrace::controller::data_source
