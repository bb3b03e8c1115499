#include "controller/maintain.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/file.h"
#include "table/delta.h"

namespace millrace::controller {
namespace {

// Older than every retention.
void MakeOld(const std::string& path) {
  const timeval times[2] = {{.tv_sec = 1'532'476'800, .tv_usec = 0}, {.tv_sec = 1'532'476'800, .tv_usec = 0}};
  ASSERT_EQ(utimes(path.c_str(), times), 0);
}

TEST(MaintainTables, OldFilesOfOldVersionsGoAndTheNewestVersionStays) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/t";
  const Schema schema({{"id", DataType::kInt64}});
  const FakeClock clock(EventTime{1'532'476'800'000'000});  // eight years before today
  const DeltaTable table = DeltaTable::Create(path, schema, clock).value();
  for (const int64_t id : {1, 2, 3})
    ASSERT_TRUE(table.Overwrite(Table::Create(schema, {Column::Ints({id})}).value()).ok());
  const std::vector<std::string> names = ListDirectory(path).value();
  for (const std::string& name : names) MakeOld(path + "/" + name);
  ASSERT_EQ(ListDirectory(path).value().size(), 4u) << "three files and the log";
  MaintainTables({directory.path() + "/none", path});
  EXPECT_EQ(ListDirectory(path).value().size(), 2u);
  EXPECT_EQ(table.Read(table.Snapshot().value()).value().column(0).ints()[0], 3);
}

}  // namespace
}  // namespace millrace::controller
