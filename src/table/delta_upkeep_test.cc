#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/file.h"
#include "table/delta.h"
#include "table/internal/delta_checkpoint.h"
#include "table/internal/delta_log.h"

namespace millrace {
namespace {

const Schema kSchema({{"id", DataType::kInt64}});
constexpr Micros kDay = std::chrono::hours(24);
constexpr int kCheckpoint = 64;  // the version that the first checkpoint is of

Table Rows(std::vector<int64_t> ids) {
  return Table::Create(kSchema, {Column::Ints(std::move(ids))}).value();
}

class DeltaUpkeep : public testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/t"; }
  DeltaTable Make() { return DeltaTable::Create(path(), kSchema, clock_).value(); }
  // The same table by a name under which nothing is known of it yet.
  DeltaTable Cold() {
    cold_ += "/.";
    return DeltaTable::Open(directory_.path() + cold_ + "/t", clock_).value();
  }
  std::string LogFile(int64_t version) const { return internal::LogPath(path(), version); }
  // Version n appends the row n, and replaces the last file from the third on.
  static void Commit(const DeltaTable& table, int64_t last) {
    for (int64_t n = table.Snapshot().value().version + 1; n <= last; ++n) {
      const DeltaSnapshot before = table.Snapshot().value();
      const size_t kept = std::min<size_t>(before.files.size(), 2);
      std::vector<int64_t> ids;
      for (int64_t id = static_cast<int64_t>(kept) + 1; id <= n; ++id) ids.push_back(id);
      const DeltaWriteOptions options{.user_metadata = std::to_string(n)};
      ASSERT_EQ(table.ReplaceTail(before, kept, Rows(ids), options).value_or(-1), n);
    }
  }
  static std::vector<int64_t> Ids(const DeltaTable& table, std::optional<int64_t> version = std::nullopt) {
    const Table rows = table.Read(table.Snapshot(version).value()).value();
    return {rows.column(0).ints().begin(), rows.column(0).ints().end()};
  }
  static std::vector<int64_t> UpTo(int64_t last) {
    std::vector<int64_t> ids;
    for (int64_t id = 1; id <= last; ++id) ids.push_back(id);
    return ids;
  }
  void RemoveCommitsBefore(int64_t end) {
    for (int64_t version = 0; version < end; ++version) ASSERT_EQ(unlink(LogFile(version).c_str()), 0);
  }

  TempDirectory directory_;
  std::string cold_;
  FakeClock clock_{SystemClock().Now()};
};

TEST_F(DeltaUpkeep, ALookReadsOnlyTheCommitsSinceTheLookBefore) {
  const DeltaTable table = Make();
  Commit(table, 5);
  ASSERT_EQ(table.Snapshot().value().version, 5);
  std::ofstream(LogFile(0), std::ios::binary) << "no commit";
  Commit(table, 7);
  EXPECT_EQ(Ids(table), UpTo(7));
  EXPECT_EQ(table.History(5).value().size(), 2u);
  EXPECT_EQ(Cold().Snapshot().status().code(), Code::kDataLoss) << "who knows nothing reads all of them";
}

TEST_F(DeltaUpkeep, WhatAnotherProcessCommitsIsSeen) {
  const DeltaTable table = Make();
  Commit(table, 3);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(table.Append(Rows({4})).ok() && table.Append(Rows({5})).ok() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(table.Snapshot().value().version, 5);
  EXPECT_EQ(Ids(table), UpTo(5));
}

TEST_F(DeltaUpkeep, ATableThatIsMadeAnewAtTheSamePathIsAnother) {
  for (const int64_t versions : {0, 1, 4}) {
    SCOPED_TRACE(versions);
    const DeltaTable table = Make();
    Commit(table, versions);
    const DeltaSnapshot before = table.Snapshot().value();
    ASSERT_TRUE(RemoveTree(path()).ok());
    EXPECT_EQ(table.Snapshot().status().code(), Code::kNotFound);
    const Schema other({{"x", DataType::kDouble}});
    const DeltaTable again = DeltaTable::Create(path(), other, clock_).value();
    // As many commits at the same moment, which add no file and say the same.
    for (int64_t n = 1; n <= versions; ++n) {
      const Table none = Table::Create(other, {Column::Doubles(Buffer<double>{})}).value();
      ASSERT_EQ(again.Append(none, {.user_metadata = std::to_string(n)}).value(), n);
    }
    const DeltaSnapshot after = again.Snapshot().value();
    EXPECT_EQ(after.version, before.version);
    EXPECT_EQ(after.schema, other);
    EXPECT_TRUE(after.files.empty());
    ASSERT_TRUE(RemoveTree(path()).ok());
  }
}

TEST_F(DeltaUpkeep, ACheckpointIsTheWholeStateWithoutTheCommitsBeforeIt) {
  const DeltaTable table = Make();
  Commit(table, kCheckpoint + 6);
  ASSERT_TRUE(FileExists(internal::CheckpointPath(path(), kCheckpoint)));
  const DeltaSnapshot warm = table.Snapshot().value();
  RemoveCommitsBefore(kCheckpoint);
  const DeltaTable cold = Cold();
  const DeltaSnapshot read = cold.Snapshot().value();
  EXPECT_EQ(read.version, warm.version);
  EXPECT_EQ(read.time, warm.time);
  EXPECT_EQ(read.user_metadata, warm.user_metadata);
  EXPECT_EQ(read.schema, warm.schema);
  EXPECT_EQ(read.num_rows, warm.num_rows);
  ASSERT_EQ(read.files.size(), warm.files.size());
  for (size_t i = 0; i < read.files.size(); ++i) {
    EXPECT_EQ(read.files[i].path, warm.files[i].path) << "the order of the files is that of the rows";
    EXPECT_EQ(read.files[i].size, warm.files[i].size);
    EXPECT_EQ(read.files[i].rows, warm.files[i].rows);
  }
  EXPECT_EQ(Ids(cold), UpTo(kCheckpoint + 6));
  EXPECT_EQ(Ids(cold, kCheckpoint), UpTo(kCheckpoint));
  EXPECT_EQ(cold.Snapshot(kCheckpoint).value().user_metadata, std::to_string(kCheckpoint));
  EXPECT_EQ(cold.History().value().size(), 7u);
  const Status gone = cold.Snapshot(kCheckpoint - 1).status();
  EXPECT_EQ(gone.code(), Code::kNotFound);
  EXPECT_NE(gone.message().find("begins at 64"), std::string::npos) << gone.message();
  Commit(cold, kCheckpoint + 8);
  EXPECT_EQ(Ids(Cold()), UpTo(kCheckpoint + 8));
}

TEST_F(DeltaUpkeep, AFileWhoseRowsAreUnknownIsSoInACheckpoint) {
  Make();
  internal::DeltaLogEntry state = internal::ReadLogEntry(path(), 0).value();
  state.added = {{.path = "a b%/ü.parquet", .size = 5, .rows = -1}};
  state.removed = {{"gone.parquet", EventTime{1'000'000}}};
  ASSERT_TRUE(internal::WriteCheckpoint(path(), state).ok());
  const internal::DeltaLogEntry read = internal::ReadCheckpoint(path(), 0).value();
  ASSERT_EQ(read.added.size(), 1u);
  EXPECT_EQ(read.added[0].path, state.added[0].path);
  EXPECT_EQ(read.added[0].rows, -1);
  EXPECT_EQ(read.removed, state.removed);
  EXPECT_EQ(read.metadata->id, state.metadata->id);
  EXPECT_EQ(read.metadata->schema, kSchema);
  EXPECT_EQ(read.metadata->created, state.metadata->created);
}

TEST_F(DeltaUpkeep, ACheckpointThatCannotBeReadIsPassedOverWhileTheLogIsWhole) {
  const DeltaTable table = Make();
  Commit(table, kCheckpoint + 1);
  const std::string file = internal::CheckpointPath(path(), kCheckpoint);
  const std::string good = ReadFile(file).value();
  std::string flipped = good;
  flipped[good.size() / 3] = static_cast<char>(flipped[good.size() / 3] ^ 0x10);
  std::string foreign = good;
  foreign.replace(foreign.find("millrace.checkpoint"), 8, "somebody");
  for (const std::string& bad :
       {std::string(), std::string("PAR1"), good.substr(0, good.size() - 9), flipped, foreign}) {
    SCOPED_TRACE(bad.size());
    std::ofstream(file, std::ios::binary) << bad;
    EXPECT_EQ(Ids(Cold()), UpTo(kCheckpoint + 1));
  }
  RemoveCommitsBefore(1);
  const Status cut = Cold().Snapshot().status();
  EXPECT_EQ(cut.code(), Code::kDataLoss) << cut.ToString();
  EXPECT_NE(cut.message().find("another writer's checkpoint"), std::string::npos) << cut.message();
}

TEST_F(DeltaUpkeep, NoCheckpointLosesWhatAnotherWriterPutThere) {
  const DeltaTable table = Make();
  Commit(table, 2);
  std::ofstream(LogFile(3), std::ios::binary) << R"({"txn":{"appId":"stream","version":7}})";
  Commit(table, kCheckpoint + 2);
  EXPECT_FALSE(FileExists(internal::CheckpointPath(path(), kCheckpoint)));
  EXPECT_FALSE(FileExists(internal::CheckpointPath(path(), kCheckpoint + 1)));
}

TEST_F(DeltaUpkeep, ATableThatAsksWritersForMoreIsReadAndNotWritten) {
  const DeltaTable table = Make();
  Commit(table, 2);
  std::ofstream(LogFile(3), std::ios::binary)
      << R"({"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["invariants"]}})";
  EXPECT_EQ(Ids(table), UpTo(2));
  EXPECT_EQ(table.Append(Rows({3})).status().code(), Code::kUnimplemented);
}

TEST_F(DeltaUpkeep, VacuumKeepsWhatAVersionOfTheLastDaysNeeds) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({1})).ok());
  ASSERT_TRUE(table.Overwrite(Rows({2})).ok());
  EXPECT_EQ(table.Vacuum().value(), 0);
  clock_.Advance(kDay * 8);
  const DeltaSnapshot newest_until_now = table.Snapshot().value();
  ASSERT_TRUE(table.Overwrite(Rows({3})).ok());
  EXPECT_EQ(table.Vacuum().value(), 1) << "version 1 was replaced eight days ago, version 2 just now";
  EXPECT_EQ(table.Read(newest_until_now).value().column(0).ints()[0], 2);
  const Status gone = table.Read(table.Snapshot(1).value()).status();
  EXPECT_EQ(gone.code(), Code::kNotFound);
  EXPECT_NE(gone.message().find("vacuumed"), std::string::npos);
  clock_.Advance(kDay * 8);
  EXPECT_EQ(table.Vacuum().value(), 1);
  EXPECT_EQ(Ids(table), std::vector<int64_t>({3}));
}

TEST_F(DeltaUpkeep, ACheckpointRemembersWhatVacuumHasToKeep) {
  const DeltaTable table = Make();
  Commit(table, kCheckpoint - 1);
  clock_.Advance(kDay * 8);
  Commit(table, kCheckpoint);  // replaces one file today; the others were replaced eight days ago
  RemoveCommitsBefore(kCheckpoint);
  const size_t files = ListDirectory(path()).value().size();
  const DeltaTable cold = Cold();
  EXPECT_EQ(cold.Vacuum().value(), static_cast<int64_t>(files) - 1 - 3 - 1) << "all but log, table, one more";
  EXPECT_EQ(Ids(cold), UpTo(kCheckpoint));
}

TEST_F(DeltaUpkeep, TheLogIsCutAtACheckpointThatIsOldEnough) {
  const DeltaTable table = Make();
  Commit(table, kCheckpoint + 3);
  EXPECT_EQ(table.CutLog().value(), 0);
  clock_.Advance(kDay * 31);
  EXPECT_EQ(table.CutLog().value(), kCheckpoint);
  EXPECT_FALSE(FileExists(LogFile(kCheckpoint - 1)));
  EXPECT_TRUE(FileExists(LogFile(kCheckpoint)));
  EXPECT_EQ(Ids(Cold()), UpTo(kCheckpoint + 3));
  EXPECT_TRUE(DeltaTable::Open(path()).ok());
  EXPECT_EQ(DeltaTable::Create(path(), kSchema).status().code(), Code::kAlreadyExists);
  Commit(table, kCheckpoint + 4);
  EXPECT_EQ(Cold().SnapshotAt(clock_.Now() - kDay).value().version, kCheckpoint + 3);
  EXPECT_EQ(Cold().SnapshotAt(clock_.Now() - kDay * 32).status().code(), Code::kNotFound);
}

TEST_F(DeltaUpkeep, TheLogIsNotCutAtACheckpointThatCannotBeRead) {
  const DeltaTable table = Make();
  Commit(table, kCheckpoint);
  std::ofstream(internal::CheckpointPath(path(), kCheckpoint), std::ios::binary) << "PAR1 is not enough";
  clock_.Advance(kDay * 31);
  EXPECT_EQ(table.CutLog().value(), 0);
  EXPECT_EQ(Ids(Cold()), UpTo(kCheckpoint));
}

TEST_F(DeltaUpkeep, MaintenanceIsDoneOnceAnHour) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Maintain().ok());
  ASSERT_TRUE(table.Append(Rows({1})).ok());
  ASSERT_TRUE(table.Overwrite(Rows({2})).ok());
  const size_t files = ListDirectory(path()).value().size();
  clock_.Advance(kDay * 8);
  ASSERT_TRUE(table.Maintain().ok());
  EXPECT_EQ(ListDirectory(path()).value().size(), files - 1);
  ASSERT_TRUE(table.Overwrite(Rows({3})).ok());
  clock_.Advance(std::chrono::minutes(59));
  ASSERT_TRUE(table.Maintain().ok());
  EXPECT_EQ(ListDirectory(path()).value().size(), files);
}

}  // namespace
}  // namespace millrace
