// Views reconciled over real tables, when the source beneath them is another one of the same name.
#include <gtest/gtest.h>

#include "base/json.h"
#include "controller/testing/world.h"

namespace millrace::controller::feature_view {
namespace {

using testing::World;

Json SourceOf(const World& world, const std::string& file) {
  return {{"files", {{"path", world.folder() + "/" + file}}},
          {"eventTime", "time"},
          {"eventId", "id"},
          {"columns", {{{"name", "label"}, {"type", "int64"}, {"knownAfter", "1d"}}}}};
}

Json ViewOf(const std::string& source) {
  return {{"source", source},
          {"entities", {"key"}},
          {"windows", {"7d"}},
          {"features", {{{"name", "total"}, {"aggregate", "sum"}, {"of", "amount"}}}}};
}

std::string Rows(const std::string& first, const std::string& second) {
  return "id,time,key,amount,label\n1,2020-01-01T00:00:00Z,7," + first + ",\n2,2020-01-02T00:00:00Z,7," +
         second + ",\n";
}

// A view that was made from a source; then that goes while the view is over another, and one of
// the same name with other events comes.
class Recreated : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.WriteFile("rows.csv", Rows("1", "2"));
    world_.Put("DataSource", "rows", SourceOf(world_, "rows.csv"));
    world_.Put("DataSource", "other", SourceOf(world_, "nothing.csv"));
    world_.Put("FeatureView", "spending", ViewOf("rows"));
    for (const char* kind : {"DataSource", "FeatureView"})
      world_.Settle(kind, kind == std::string("DataSource") ? "rows" : "spending");
    ASSERT_EQ(Totals(), (std::vector<int64_t>{1, 3}));
    world_.Put("FeatureView", "spending", ViewOf("other"));
    world_.Look("FeatureView", "spending");
    world_.Delete("DataSource", "rows");
    world_.Settle("DataSource", "rows");
    ASSERT_FALSE(world_.Find("DataSource", "rows"));
    world_.WriteFile("rows.csv", Rows("10", "20"));
    world_.Put("DataSource", "rows", SourceOf(world_, "rows.csv"));
    world_.Put("FeatureView", "spending", ViewOf("rows"));
    world_.Settle("DataSource", "rows");
  }

  std::vector<int64_t> Totals() {
    const Table features = world_.Read(world_.Features("spending"));
    const Column total = features.Find("total_7d").value();
    return {total.ints().begin(), total.ints().end()};
  }

  World world_;
};

TEST_F(Recreated, ItsFeaturesAreThoseOfTheNewEvents) {
  world_.Settle("FeatureView", "spending");
  EXPECT_EQ(world_.Ready("FeatureView", "spending").reason, "UpToDate");
  EXPECT_EQ(Totals(), (std::vector<int64_t>{10, 30}));
}

TEST_F(Recreated, AnAppendToTheNewEventsDoesNotKeepFeaturesOfTheOld) {
  const std::vector<feature::LateColumns> known = {{Value(int64_t{1}), {{"label", Value(int64_t{1})}}}};
  ASSERT_TRUE(world_.online().Update("default/rows", known).ok());
  world_.clock().Advance(std::chrono::minutes(2));
  const int64_t before = world_.Newest(world_.Events("rows")).version;
  world_.Settle("DataSource", "rows");
  ASSERT_EQ(world_.Newest(world_.Events("rows")).version, before + 1) << "the label is appended";
  world_.Settle("FeatureView", "spending");
  EXPECT_EQ(world_.Ready("FeatureView", "spending").reason, "UpToDate");
  EXPECT_EQ(Totals(), (std::vector<int64_t>{10, 30}));
}

TEST(Upgraded, ATableThatDoesNotSayWhichEventsItIsOfIsMadeOnceMore) {
  World world;
  world.WriteFile("rows.csv", Rows("1", "2"));
  world.Put("DataSource", "rows", SourceOf(world, "rows.csv"));
  world.Put("FeatureView", "spending", ViewOf("rows"));
  world.Settle("DataSource", "rows");
  world.Settle("FeatureView", "spending");
  // As versions before this one wrote it.
  const std::string digest = world.Find("FeatureView", "spending")->status["digest"];
  const int64_t source = world.Newest(world.Events("rows")).version;
  const DeltaTable table = DeltaTable::Open(world.Features("spending")).value();
  const std::string old_input = digest + "@" + std::to_string(source);
  ASSERT_TRUE(table.Overwrite(world.Read(table.path()), {.user_metadata = old_input}).ok());
  const int64_t old_version = world.Newest(table.path()).version;
  world.Settle("FeatureView", "spending");
  EXPECT_EQ(world.Newest(table.path()).version, old_version + 1);
  EXPECT_NE(world.Newest(table.path()).user_metadata, old_input);
  world.Settle("FeatureView", "spending");
  EXPECT_EQ(world.Newest(table.path()).version, old_version + 1) << "and not again";
}

}  // namespace
}  // namespace millrace::controller::feature_view
