// Commits on a disk that fails. fsync is this program's own: it is the kernel's
// until a test names a directory that cannot be synced.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "table/delta.h"

namespace {

std::atomic<const char*> cannot_be_synced = nullptr;  // how the directory's path ends

}  // namespace

extern "C" int fsync(int fd) {
  const char* const ending = cannot_be_synced.load();
  std::error_code error;
  if (ending != nullptr && std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error)
                               .string()
                               .ends_with(ending)) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace millrace {
namespace {

class DeltaFault : public testing::Test {
 protected:
  ~DeltaFault() override { cannot_be_synced = nullptr; }
  static Table Rows(std::vector<int64_t> ids) {
    return Table::Create(Schema({{"id", DataType::kInt64}}), {Column::Ints(std::move(ids))}).value();
  }
  DeltaTable Make() { return DeltaTable::Create(directory_.path() + "/t", Rows({}).schema()).value(); }

  TempDirectory directory_;
};

TEST_F(DeltaFault, ACommitWhoseDirectoryCannotBeSyncedKeepsItsFiles) {
  const DeltaTable table = Make();
  ASSERT_EQ(table.Append(Rows({1})).value(), 1);
  cannot_be_synced = "/_delta_log";
  const Result<int64_t> appended = table.Append(Rows({2, 3}));
  EXPECT_EQ(table.Overwrite(Rows({4, 5, 6}), {.expected_version = 2}).value_or(-1), 3);
  cannot_be_synced = nullptr;
  EXPECT_TRUE(appended.ok()) << appended.status().ToString();
  EXPECT_EQ(table.Read(table.Snapshot(2).value()).value().num_rows(), 3u);
  EXPECT_EQ(table.Read(table.Snapshot().value()).value().num_rows(), 3u);
}

TEST_F(DeltaFault, ACommitWhoseFilesCannotBeSyncedIsNotMade) {
  const DeltaTable table = Make();
  ASSERT_EQ(table.Append(Rows({1})).value(), 1);
  const size_t entries = ListDirectory(table.path()).value().size();
  cannot_be_synced = ".tmp";
  EXPECT_FALSE(table.Append(Rows({2})).ok());
  cannot_be_synced = nullptr;
  EXPECT_EQ(table.Snapshot().value().version, 1);
  EXPECT_EQ(ListDirectory(table.path()).value().size(), entries) << "nothing half written stays";
}

}  // namespace
}  // namespace millrace
