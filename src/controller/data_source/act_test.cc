// Sources reconciled over real files, tables and a real online log.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/json.h"
#include "controller/data_source/observe.h"
#include "controller/testing/world.h"

namespace millrace::controller::data_source {
namespace {

using testing::World;

constexpr char kRows[] = "id,time,key,note\n1,2020-01-01T00:00:00Z,7,a\n2,2020-01-02T00:00:00Z,7,b\n";
constexpr char kMoreRows[] =
    "id,time,key,note\n1,2020-01-01T00:00:00Z,7,a\n2,2020-01-02T00:00:00Z,7,b\n3,2020-01-02T01:00:00Z,7,c\n";
constexpr char kOnline[] = "default/rows";

class ADataSource : public ::testing::Test {
 protected:
  void Make(World& world, bool with_id = true) {
    world.WriteFile("rows.csv", kRows);
    Json spec = {{"files", {{"path", world.folder() + "/rows.csv"}}}, {"eventTime", "time"}};
    if (with_id) spec["eventId"] = "id";
    world.Put("DataSource", "rows", spec);
    world.Settle("DataSource", "rows");
    ASSERT_EQ(Ids(world), (std::vector<int64_t>{1, 2}));
  }

  // An event that comes by push, on a day of January 2020.
  void Push(World& world, int64_t id, int day) {
    const Schema schema = world.online().Source(kOnline).value().schema;
    std::vector<Column> columns;
    for (const Field& field : schema.fields()) {
      ColumnBuilder builder(field.type);
      Value value = Null{};
      if (field.name == "id") value = id;
      if (field.name == "time") value = ParseTime(fmt::format("2020-01-{:02}T00:00:00Z", day)).value();
      if (field.name == "key") value = int64_t{7};
      if (field.name == "note") value = std::string("pushed");
      ASSERT_TRUE(builder.Append(value).ok()) << field.name;
      columns.push_back(std::move(builder).Finish());
    }
    const auto pushed = world.online().Append(kOnline, Table::Create(schema, std::move(columns)).value());
    ASSERT_TRUE(pushed.ok()) << pushed.status().ToString();
    ASSERT_EQ(pushed->accepted, 1);
  }

  // Time passes, and another process takes over: it knows nothing of appends.
  void LetAppendBeDue(World& world) {
    world.clock().Advance(std::chrono::minutes(2));
    world.context().tasks.Forget(AppendTaskKey(World::Key("DataSource", "rows")));
  }

  static std::vector<int64_t> Ids(World& world) {
    const Column ids = world.Read(world.Events("rows")).Find("id").value();
    return {ids.ints().begin(), ids.ints().end()};
  }

  static feature::SourceStats Stats(World& world) { return world.online().Stats().at(0); }
};

TEST_F(ADataSource, TakesInPushedEventsWhileItsFilesAreGone) {
  World world;
  Make(world);
  Push(world, 9, 5);
  ASSERT_EQ(::unlink((world.folder() + "/rows.csv").c_str()), 0);
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  EXPECT_EQ(world.Ready("DataSource", "rows").reason, "NotFound");
  EXPECT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 9}));
  EXPECT_EQ(Stats(world).confirmed, Stats(world).log_position) << "the log may let go of them";
}

TEST_F(ADataSource, TakesInPushedEventsWhileAFileCannotBeParsed) {
  World world;
  Make(world);
  Push(world, 9, 5);
  world.WriteFile("rows.csv", "nonsense\n1\n");
  world.Settle("DataSource", "rows");
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  EXPECT_EQ(world.Ready("DataSource", "rows").status, resource::ConditionStatus::kFalse);
  EXPECT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 9}));
}

TEST_F(ADataSource, TakesInPushedEventsWithEveryReadOfFilesThatChangeOftenerThanItAppends) {
  World world;
  Make(world);
  Push(world, 9, 5);
  world.WriteFile("rows.csv", kMoreRows);
  world.Settle("DataSource", "rows");
  EXPECT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 3, 9}));
  EXPECT_EQ(Stats(world).confirmed, Stats(world).log_position);
}

TEST_F(ADataSource, TakesNothingInWhileItReplays) {
  World world(ParseTime("2020-01-04T00:00:00Z").value());
  Make(world);
  Push(world, 9, 5);
  world.WriteFile("rows.csv", kMoreRows);
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  EXPECT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_FALSE(DeltaTable::Open(world.Pushed("rows")).ok());
}

TEST_F(ADataSource, TakesInPushedEventsAfterTheClockWasAhead) {
  World world;
  Make(world);
  Push(world, 9, 5);
  world.clock().Advance(-std::chrono::hours(5));
  world.Settle("DataSource", "rows");
  EXPECT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 9}));
}

TEST_F(ADataSource, KeepsWhatWasPushedInAColumnThatFilesOfAMomentHaveNot) {
  World world;
  Make(world);
  Push(world, 9, 5);
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  Push(world, 10, 6);
  world.WriteFile("rows.csv", "id,time,key\n1,2020-01-01T00:00:00Z,7\n");
  world.Settle("DataSource", "rows");
  ASSERT_EQ(Ids(world), (std::vector<int64_t>{1, 9, 10}));
  Push(world, 11, 7);
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  ASSERT_EQ(Ids(world), (std::vector<int64_t>{1, 9, 10, 11}));
  world.WriteFile("rows.csv", kRows);
  world.Settle("DataSource", "rows");
  ASSERT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 9, 10, 11}));
  const Column notes = world.Read(world.Events("rows")).Find("note").value();
  EXPECT_EQ(ToText(notes.Get(2)), ToText(Value(std::string("pushed"))));
  EXPECT_EQ(ToText(notes.Get(3)), ToText(Value(std::string("pushed"))));
  EXPECT_TRUE(notes.IsNull(4)) << "pushed when there was no such column";
}

TEST_F(ADataSource, WithoutIdsCountsPushedEventsOnceWhenItIsNotKnownWhichTheTableHolds) {
  World world;
  Make(world, false);
  Push(world, 9, 5);
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  ASSERT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 9}));
  // As versions before this one wrote it.
  const DeltaTable table = DeltaTable::Open(world.Events("rows")).value();
  EventsCommit commit = ParseEventsCommit(world.Newest(table.path()).user_metadata).value();
  commit.pushed_rows = -1;
  ASSERT_TRUE(table.Overwrite(world.Read(table.path()), {.user_metadata = ToMetadata(commit)}).ok());
  Push(world, 10, 6);
  LetAppendBeDue(world);
  world.Settle("DataSource", "rows");
  EXPECT_EQ(Ids(world), (std::vector<int64_t>{1, 2, 9, 10}));
}

}  // namespace
}  // namespace millrace::controller::data_source
