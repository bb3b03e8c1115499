#include "controller/feature_view/refresh.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace millrace::controller::feature_view {
namespace {

Table OneEvent() {
  return Table::Create(Schema({{"time", DataType::kTimestamp}}), {Column::Nulls(DataType::kTimestamp, 1)})
      .value();
}

// A table of events with `commits` versions after its first.
DeltaSnapshot Made(const std::string& path, int commits) {
  const DeltaTable table = DeltaTable::Create(path, OneEvent().schema()).value();
  for (int i = 0; i < commits; ++i) EXPECT_TRUE(table.Append(OneEvent()).ok());
  return table.Snapshot().value();
}

TEST(InputOf, ASourceThatIsMadeAnewHasAnotherInputAtTheSameVersion) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/events";
  feature::ViewPlan plan;
  plan.digest = "abc";
  const DeltaSnapshot before = Made(path, 1);
  const std::string made = InputOf(plan, before);
  EXPECT_EQ(MadeFrom(plan, before, made), before.version);
  ASSERT_TRUE(RemoveTree(path).ok());
  const DeltaSnapshot after = Made(path, 1);
  ASSERT_EQ(after.version, before.version);
  EXPECT_NE(InputOf(plan, after), made);
  EXPECT_EQ(MadeFrom(plan, after, made), std::nullopt) << "features of other events would be kept";
}

TEST(InputOf, OtherVersionsOfOneTableAreToldApart) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/events";
  feature::ViewPlan plan;
  plan.digest = "abc";
  const std::string made = InputOf(plan, Made(path, 1));
  const DeltaTable table = DeltaTable::Open(path).value();
  ASSERT_TRUE(table.Overwrite(OneEvent()).ok());
  const DeltaSnapshot newest = table.Snapshot().value();
  EXPECT_NE(InputOf(plan, newest), made);
  EXPECT_EQ(MadeFrom(plan, newest, made), 1);
  plan.digest = "other";
  EXPECT_EQ(MadeFrom(plan, newest, made), std::nullopt);
}

TEST(InputOf, NothingElseIsReadAsAVersion) {
  feature::ViewPlan plan;
  plan.digest = "abc";
  DeltaSnapshot events;
  events.id = "id";
  events.version = 7;
  for (const std::string input : {"", "abc@7", "abc@id@", "abc@id@x", "abc@id@-1", "abc@id@7 ",
                                  "abc@id@99999999999999999999", "abc@other@7"}) {
    SCOPED_TRACE(input);
    EXPECT_EQ(MadeFrom(plan, events, input), std::nullopt);
  }
  EXPECT_EQ(MadeFrom(plan, events, "abc@id@7"), 7);
}

}  // namespace
}  // namespace millrace::controller::feature_view
