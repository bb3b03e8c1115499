#include "table/delta.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/json.h"

namespace millrace {
namespace {

const Schema kSchema({{"id", DataType::kInt64}, {"name", DataType::kString}});

Table Rows(const std::vector<int64_t>& ids) {
  ColumnBuilder id(DataType::kInt64);
  ColumnBuilder name(DataType::kString);
  for (const int64_t value : ids) {
    EXPECT_TRUE(id.Append(value).ok());
    EXPECT_TRUE(value % 2 == 0 ? (name.AppendNull(), true) : name.Append(std::to_string(value)).ok());
  }
  return Table::Create(kSchema, {std::move(id).Finish(), std::move(name).Finish()}).value();
}

class Delta : public testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/t"; }
  DeltaTable Make() { return DeltaTable::Create(path(), kSchema, clock_).value(); }
  static std::vector<int64_t> Ids(const DeltaTable& table, std::optional<int64_t> version = std::nullopt) {
    const Table rows = table.Read(table.Snapshot(version).value(), {"id"}).value();
    return {rows.column(0).ints().begin(), rows.column(0).ints().end()};
  }
  std::string LogFile(int64_t version) const {
    return fmt::format("{}/_delta_log/{:020}.json", path(), version);
  }

  TempDirectory directory_;
  FakeClock clock_{EventTime{1'532'476'800'123'456}};
};

using List = std::vector<int64_t>;

TEST_F(Delta, EveryVersionStaysReadableAfterAppendsAndOverwrites) {
  const DeltaTable table = Make();
  EXPECT_EQ(table.Append(Rows({1, 2})).value(), 1);
  EXPECT_EQ(table.Append(Rows({3})).value(), 2);
  EXPECT_EQ(table.Overwrite(Rows({9, 8})).value(), 3);
  EXPECT_EQ(Ids(table), List({9, 8}));
  EXPECT_EQ(Ids(table, 2), List({1, 2, 3}));
  EXPECT_EQ(Ids(table, 1), List({1, 2}));
  EXPECT_EQ(Ids(table, 0), List());
  EXPECT_EQ(table.Snapshot(2).value().num_rows, 3);
  EXPECT_EQ(table.Snapshot(2).value().files.size(), 2u);
  EXPECT_EQ(table.Snapshot(4).status().code(), Code::kNotFound);
  EXPECT_TRUE(table.Read(table.Snapshot().value()).value().column(1).IsNull(1));
}

TEST_F(Delta, ATailIsReplacedAndTheFilesBeforeItStay) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({1, 2, 3, 4, 5}), {.rows_a_file = 2}).ok());
  const DeltaSnapshot before = table.Snapshot().value();
  ASSERT_EQ(before.files.size(), 3u);
  EXPECT_EQ(table.ReplaceTail(before, 2, Rows({9, 6, 7}), {.user_metadata = "m", .rows_a_file = 2}).value(),
            2);
  const DeltaSnapshot after = table.Snapshot().value();
  EXPECT_EQ(Ids(table), List({1, 2, 3, 4, 9, 6, 7}));
  EXPECT_EQ(after.user_metadata, "m");
  ASSERT_EQ(after.files.size(), 4u);
  EXPECT_EQ(after.files[1].path, before.files[1].path);
  EXPECT_EQ(Ids(table, 1), List({1, 2, 3, 4, 5}));
  EXPECT_EQ(table.ReplaceTail(before, 2, Rows({8})).status().code(), Code::kConflict);
  EXPECT_EQ(table.ReplaceTail(after, 4, Rows({}), {.user_metadata = "n"}).value(), 3) << "a note alone";
  EXPECT_EQ(Ids(table), List({1, 2, 3, 4, 9, 6, 7}));
}

TEST_F(Delta, ASnapshotByTimeIsTheNewestNotAfterIt) {
  const DeltaTable table = Make();
  const EventTime created = table.Snapshot().value().time;
  EXPECT_EQ(created.micros, 1'532'476'800'123'000);
  clock_.Advance(std::chrono::seconds(10));
  ASSERT_TRUE(table.Append(Rows({1})).ok());
  clock_.Advance(-std::chrono::seconds(20));  // the wall clock was set back
  ASSERT_TRUE(table.Append(Rows({2})).ok());
  EXPECT_EQ(table.SnapshotAt(created + std::chrono::seconds(9)).value().version, 0);
  EXPECT_EQ(table.SnapshotAt(created + std::chrono::seconds(10)).value().version, 2);
  EXPECT_EQ(table.SnapshotAt(created - Micros(1)).status().code(), Code::kNotFound);
}

TEST_F(Delta, HistoryTellsWhatWasDoneNewestFirst) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({1, 2}), {.user_metadata = "digest-1"}).ok());
  ASSERT_TRUE(table.Overwrite(Rows({3})).ok());
  const std::vector<DeltaCommit> history = table.History().value();
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0].mode, "Overwrite");
  EXPECT_EQ(history[1].mode, "Append");
  EXPECT_EQ(history[1].user_metadata, "digest-1");
  EXPECT_EQ(history[1].rows_added, 2);
  EXPECT_EQ(history[2].operation, "CREATE TABLE");
  EXPECT_EQ(table.Snapshot(1).value().user_metadata, "digest-1");
  EXPECT_EQ(table.Snapshot(2).value().user_metadata, "");
}

TEST_F(Delta, AnOverwriteMayChangeTheSchemaAndAnAppendMayNot) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({1})).ok());
  const Table other = Table::Create(Schema({{"x", DataType::kDouble}}), {Column::Doubles({0.5})}).value();
  const Status refused = table.Append(other).status();
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.message().find("id int64, name string"), std::string::npos) << refused.message();
  ASSERT_EQ(table.Overwrite(other).value(), 2);
  EXPECT_EQ(table.Read(table.Snapshot().value()).value().schema(), other.schema());
  EXPECT_EQ(Ids(table, 1), List({1}));
}

TEST_F(Delta, AWriterThatSawAnOlderVersionConflictsAndLeavesNoFile) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({1})).ok());
  const size_t files = ListDirectory(path()).value().size();
  EXPECT_EQ(table.Overwrite(Rows({2}), {.expected_version = 0}).status().code(), Code::kConflict);
  EXPECT_EQ(ListDirectory(path()).value().size(), files);
  EXPECT_EQ(table.Overwrite(Rows({2}), {.expected_version = 1}).value(), 2);
}

TEST_F(Delta, ConcurrentAppendsAllHaveTheirOwnVersion) {
  const DeltaTable table = Make();
  {
    std::vector<std::jthread> writers;
    for (int64_t w = 0; w < 4; ++w) {
      writers.emplace_back([&table, w] {
        for (int64_t i = 0; i < 5; ++i) EXPECT_TRUE(table.Append(Rows({w * 5 + i})).ok());
      });
    }
  }
  List ids = Ids(table);
  std::sort(ids.begin(), ids.end());
  ASSERT_EQ(ids.size(), 20u);
  for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(ids[static_cast<size_t>(i)], i);
  EXPECT_EQ(table.Snapshot().value().version, 20);
}

TEST_F(Delta, AWriterKilledAtAnyMomentLeavesAWholeVersion) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({0})).ok());
  int64_t last = 1;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (;;) {
        if (!table.Append(Rows({1, 2, 3})).ok()) _exit(1);
      }
    }
    // Killed after a different amount of work each time, wherever it is then.
    for (int spin = 0; spin <= round * 40 && !FileExists(LogFile(last + 1 + round / 4)); ++spin) usleep(200);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const DeltaSnapshot snapshot = table.Snapshot().value();
    last = snapshot.version;
    EXPECT_EQ(snapshot.num_rows, 1 + 3 * (last - 1));
    EXPECT_EQ(static_cast<int64_t>(Ids(table).size()), snapshot.num_rows);
  }
  clock_.Advance(std::chrono::hours(24 * 365 * 100));
  ASSERT_TRUE(table.Vacuum().ok());
  EXPECT_EQ(ListDirectory(path()).value().size(), table.Snapshot().value().files.size() + 1);  // and the log
}

TEST_F(Delta, DamagedLogsAndFilesAreNamed) {
  const DeltaTable table = Make();
  ASSERT_TRUE(table.Append(Rows({1, 3})).ok());
  const DeltaFile file = table.Snapshot().value().files.front();
  const std::string bytes = ReadFile(path() + "/" + file.path).value();
  std::ofstream(path() + "/" + file.path, std::ios::binary) << bytes.substr(0, bytes.size() - 1);
  EXPECT_EQ(table.Read(table.Snapshot().value()).status().code(), Code::kDataLoss);

  const std::string log = ReadFile(LogFile(1)).value();
  for (const std::string& bad :
       {log.substr(0, log.size() / 2), std::string("[]"), std::string("{\"add\":{}}"),
        std::string("{\"add\":7}"), std::string(R"({"add":{"path":"a"}})"),
        std::string(R"({"add":{"path":"%2","size":1}})"),
        std::string(R"({"metaData":{"schemaString":"{}"}})"),
        std::string(R"({"commitInfo":{"timestamp":9223372036854775807}})")}) {
    std::ofstream(LogFile(1), std::ios::binary) << bad;
    const Status status = table.Snapshot().status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << bad << status.ToString();
    EXPECT_NE(status.message().find("00000000000000000001.json: line"), std::string::npos)
        << status.message();
  }
  std::ofstream(LogFile(1), std::ios::binary) << R"({"add":{"path":"../../etc/passwd","size":1}})";
  EXPECT_EQ(table.Snapshot().status().code(), Code::kUnimplemented);
  std::ofstream(LogFile(1), std::ios::binary)
      << R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7}})";
  EXPECT_EQ(table.Snapshot().status().code(), Code::kUnimplemented);
  ASSERT_EQ(unlink(LogFile(0).c_str()), 0);
  EXPECT_EQ(table.Snapshot().status().code(), Code::kDataLoss);
}

TEST_F(Delta, TablesAreMadeOnceAndOpenedWhenTheyAreThere) {
  EXPECT_EQ(DeltaTable::Open(path()).status().code(), Code::kNotFound);
  Make();
  EXPECT_EQ(DeltaTable::Create(path(), kSchema).status().code(), Code::kAlreadyExists);
  EXPECT_TRUE(DeltaTable::OpenOrCreate(path(), kSchema).ok());
  EXPECT_TRUE(DeltaTable::Open(path()).ok());
  EXPECT_FALSE(DeltaTable::Create(directory_.path() + "/none", Schema()).ok());
}

TEST_F(Delta, RowsInSeveralFilesKeepTheirOrder) {
  const DeltaTable table = Make();
  const int64_t rows = (1 << 19) + 1000;
  std::vector<int64_t> ids(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i) ids[static_cast<size_t>(i)] = i;
  std::vector<int64_t> offsets(static_cast<size_t>(rows) + 1);
  ASSERT_TRUE(
      table.Append(Table::Create(kSchema, {Column::Ints(ids), Column::Strings(offsets, "")}).value()).ok());
  EXPECT_EQ(table.Snapshot().value().files.size(), 2u);
  EXPECT_EQ(Ids(table), ids);
}

// For tests/peers/delta_read.sh: writes the table that other readers judge.
TEST_F(Delta, WritesTheTableForOtherReadersWhereAsked) {
  const char* target = std::getenv("MILLRACE_PEER_TABLE");
  if (target == nullptr) GTEST_SKIP() << "MILLRACE_PEER_TABLE names no directory";
  const Schema schema({{"id", DataType::kInt64},
                       {"amount", DataType::kDouble},
                       {"name", DataType::kString},
                       {"flag", DataType::kBool},
                       {"at", DataType::kTimestamp}});
  const auto rows = [&](int64_t first, const std::string& name) {
    const auto length = static_cast<int64_t>(name.size());
    return Table::Create(schema,
                         {Column::Ints({first, 0}, {1, 0}), Column::Doubles({0.1, 0}, {1, 0}),
                          Column::Strings({0, length, length}, name, {1, 0}), Column::Bools({1, 0}, {1, 0}),
                          Column::Timestamps({1'532'476'800'000'001, 0}, {1, 0})})
        .value();
  };
  const DeltaTable table = DeltaTable::Create(target, schema).value();
  ASSERT_EQ(table.Append(rows((int64_t{1} << 53) + 1, "Zürich")).value(), 1);
  ASSERT_EQ(table.Append(rows(-7, "")).value(), 2);
  ASSERT_EQ(table.Overwrite(rows(42, "after")).value(), 3);

  // Many commits, of which those before the checkpoint are no longer there.
  FakeClock clock{SystemClock().Now()};
  const DeltaTable cut = DeltaTable::Create(std::string(target) + "-cut", schema, clock).value();
  for (int64_t n = 1; n <= 70; ++n) {
    const DeltaSnapshot before = cut.Snapshot().value();
    ASSERT_EQ(cut.ReplaceTail(before, std::min<size_t>(before.files.size(), 3), rows(n, "")).value(), n);
  }
  clock.Advance(std::chrono::hours(24 * 31));
  ASSERT_EQ(cut.CutLog().value(), 64);
}

}  // namespace
}  // namespace millrace
