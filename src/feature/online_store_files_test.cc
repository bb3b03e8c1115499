// The online store on disk: what a restart, a full disk, damage and a new definition leave.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "feature/testing/online_world.h"

namespace millrace::feature {
namespace {

namespace fs = std::filesystem;
using testing::kKey;
using testing::MustOpen;
using testing::OracleEvent;
using testing::Plans;
using testing::Row;
using testing::WorldService;
using testing::WorldView;
using OnlineStoreFiles = testing::OnlineStoreFixture;

TEST_F(OnlineStoreFiles, TheSameEventTwiceCountsOnceAlsoAfterARestart) {
  Start();
  EXPECT_EQ(Accepted(0, 20), 20);
  EXPECT_EQ(Accepted(0, 20), 0);
  store_.reset();
  store_ = MustOpen(directory_.path());
  EXPECT_EQ(Accepted(10, 20), 10);
  const SourceStats stats = store_->Stats().front();
  EXPECT_EQ(stats.events, 30);
  EXPECT_GE(stats.duplicates, 30);
}

TEST_F(OnlineStoreFiles, ALateEventIsRefusedWithTheReasonAndCounted) {
  Start();
  EXPECT_EQ(Accepted(40, 20), 20);
  OracleEvent late = world_[0];
  const Result<AppendResult> result = store_->Append(kKey, testing::ToTable({late}));
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->refused.size(), 1U);
  EXPECT_NE(result->refused[0].reason.find("late"), std::string::npos);
  EXPECT_EQ(store_->Stats().front().late, 1);
}

TEST_F(OnlineStoreFiles, ATornEndIsDroppedAndTheRestKept) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  EXPECT_EQ(Accepted(10, 1), 1);
  const TempDirectory copy;
  fs::copy(directory_.path(), copy.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string segment = copy.path() + NewestSegment().substr(directory_.path().size());
  fs::resize_file(segment, fs::file_size(segment) - 3);
  std::unique_ptr<OnlineStore> recovered = MustOpen(copy.path());
  EXPECT_EQ(recovered->Stats().front().events, 10);
  const Result<AppendResult> again = recovered->Append(kKey, testing::ToTable({world_[10], world_[11]}));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->accepted, 2);
  recovered.reset();
  EXPECT_EQ(MustOpen(copy.path())->Stats().front().events, 12);
}

TEST_F(OnlineStoreFiles, DamageBeforeTheEndIsDataLossNamingTheFile) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  EXPECT_EQ(Accepted(10, 10), 10);
  const TempDirectory copy;
  fs::copy(directory_.path(), copy.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string segment = copy.path() + NewestSegment().substr(directory_.path().size());
  std::string bytes = ReadFile(segment).value();
  bytes[bytes.size() / 4] = static_cast<char>(bytes[bytes.size() / 4] ^ 1);
  ASSERT_TRUE(WriteFileAtomically(segment, bytes).ok());
  const auto opened = OnlineStore::Open({.directory = copy.path()});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kDataLoss) << opened.status().ToString();
}

TEST_F(OnlineStoreFiles, ALogThatBeginsBehindTheSnapshotIsDataLoss) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  store_.reset();
  store_ = MustOpen(directory_.path());
  EXPECT_EQ(Accepted(10, 10), 10);
  const TempDirectory copy;
  fs::copy(directory_.path(), copy.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string segment = copy.path() + NewestSegment().substr(directory_.path().size());
  fs::rename(segment, fs::path(segment).parent_path() / "log-00000000000000000012.wal");
  for (const auto& entry : fs::recursive_directory_iterator(copy.path())) {
    if (entry.path().extension() == ".wal" && entry.path().filename() != "log-00000000000000000012.wal")
      fs::remove(entry.path());
  }
  const auto opened = OnlineStore::Open({.directory = copy.path()});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kDataLoss) << opened.status().ToString();
}

TEST_F(OnlineStoreFiles, ADamagedSnapshotAndANewerOneAreRefused) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  store_.reset();
  const std::string snapshot = directory_.path() + "/p%2Fworld/snapshot";
  const std::string bytes = ReadFile(snapshot).value();
  std::string damaged = bytes;
  damaged[damaged.size() - 9] = static_cast<char>(damaged[damaged.size() - 9] ^ 4);
  ASSERT_TRUE(WriteFileAtomically(snapshot, damaged).ok());
  EXPECT_EQ(OnlineStore::Open({.directory = directory_.path()}).status().code(), Code::kDataLoss);
  std::string newer = bytes;
  newer[4] = 9;
  ASSERT_TRUE(WriteFileAtomically(snapshot, newer).ok());
  EXPECT_EQ(OnlineStore::Open({.directory = directory_.path()}).status().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(WriteFileAtomically(snapshot, bytes).ok());
  EXPECT_EQ(MustOpen(directory_.path())->Stats().front().events, 10);
}

TEST_F(OnlineStoreFiles, TwoProcessesCannotOpenOneDirectory) {
  Start();
  EXPECT_EQ(OnlineStore::Open({.directory = directory_.path()}).status().code(), Code::kUnavailable);
}

// A limit on file sizes stands in for a full disk: write() fails in the same way.
TEST_F(OnlineStoreFiles, AFullDiskAcknowledgesNothingAndGoesOnWhenThereIsRoom) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = fs::file_size(NewestSegment()) + 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  EXPECT_EQ(Accepted(10, 5), -1);
  EXPECT_EQ(Accepted(15, 5), -1) << "still full: refused before it enters the state";
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(Accepted(15, 5), 5);
  EXPECT_EQ(Accepted(10, 5), 0) << "they were kept in memory and are on disk now";
  const TempDirectory copy;
  fs::copy(directory_.path(), copy.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  EXPECT_EQ(MustOpen(copy.path())->Stats().front().events, 20);
}

TEST_F(OnlineStoreFiles, ANewDefinitionIsLoadedBesideAndSwappedWithWhatWasPushed) {
  Start();
  EXPECT_EQ(Accepted(0, 30), 30);
  const std::vector<WorldView> wanted = {testing::WorldViews()[2]};
  const std::vector<OracleEvent> first(world_.begin(), world_.begin() + 20);
  ASSERT_TRUE(
      store_->Load(kKey, testing::WorldSource(), Plans(wanted), testing::ToTable(first), {.marker = "v2"})
          .ok());
  const std::vector<OracleEvent> all(world_.begin(), world_.begin() + 30);
  const std::vector<OracleEvent> keyed = testing::WithKeys(all, wanted[0]);
  const EventTime now{all.back().time};
  for (int restart = 0; restart < 2; ++restart) {
    const FeatureRow row = store_->Lookup(kKey, "fresh", keyed.back().key, now).value();
    const std::vector<Value> expected =
        testing::OracleFeatures(wanted[0].oracle, keyed, {keyed.back().key, now.micros, nullptr});
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(testing::SameValue(row.values[i], expected[i]));
    EXPECT_EQ(store_->Marker(kKey), "v2");
    store_.reset();
    store_ = MustOpen(directory_.path());
  }
  EXPECT_FALSE(store_->Bind("p", WorldService(views_)).ok()) << "the old view is gone";
}

TEST_F(OnlineStoreFiles, TheLogGivesBackWhatWasPushedAndJoined) {
  Start();
  EXPECT_EQ(Accepted(0, 5), 5);
  ASSERT_TRUE(store_->Update(kKey, std::vector<LateColumns>{{*world_[2].id, {{"late", int64_t{1}}}}}).ok());
  const LogRange all = store_->ReadLog(kKey, 0).value();
  EXPECT_EQ(all.events.num_rows(), 5U);
  ASSERT_EQ(all.updates.size(), 1U);
  EXPECT_EQ(all.updates[0].event_id, Value(*world_[2].id));
  EXPECT_EQ(all.events.column(testing::kText).Get(3), world_[3].columns[testing::kText]);
  EXPECT_EQ(store_->ReadLog(kKey, all.through)->events.num_rows(), 0U);
}

// The offline tables outlive a dropped source, and with them the position that they reach.
TEST_F(OnlineStoreFiles, PositionsGoOnWhereTheOfflineTablesAre) {
  Start();
  EXPECT_EQ(Accepted(0, 5), 5);
  const LogRange before = store_->ReadLog(kKey, 0).value();
  ASSERT_TRUE(store_->Drop(kKey).ok());
  const LoadOptions options{.marker = "v0", .through = before.through, .progress = nullptr};
  ASSERT_TRUE(store_->Load(kKey, testing::WorldSource(), Plans(views_), testing::ToTable({}), options).ok());
  EXPECT_EQ(Accepted(10, 3), 3);
  const LogRange after = store_->ReadLog(kKey, before.through).value();
  EXPECT_EQ(after.events.num_rows(), 3U);
  EXPECT_EQ(after.through, before.through + 3);
  store_.reset();
  store_ = MustOpen(directory_.path());
  EXPECT_EQ(store_->ReadLog(kKey, before.through)->events.num_rows(), 3U);
}

// A kill between their commits leaves them at different positions, and the online files may be lost then.
TEST_F(OnlineStoreFiles, PositionsGoOnBehindTheOfflineTableThatIsFurthest) {
  Start();
  EXPECT_EQ(Accepted(0, 9), 9);
  ASSERT_TRUE(store_->Drop(kKey).ok());
  const LoadOptions options{.marker = "v0", .through = 5, .reached = 9, .progress = nullptr};
  for (int restart = 0; restart < 2; ++restart) {
    ASSERT_TRUE(
        store_->Load(kKey, testing::WorldSource(), Plans(views_), testing::ToTable({}), options).ok());
    EXPECT_EQ(restart == 0 ? Accepted(9, 3) : 3, 3);
    const LogRange range = store_->ReadLog(kKey, 9).value();
    EXPECT_EQ(range.events.num_rows(), 3U);
    EXPECT_EQ(range.missing, 0U);
    EXPECT_EQ(range.through, 12U);
    EXPECT_EQ(store_->Stats().front().confirmed, 5U) << "no more than what the events have";
    store_.reset();
    store_ = MustOpen(directory_.path());
  }
}

// Nanoseconds in place of microseconds must not make everything after them late.
TEST_F(OnlineStoreFiles, AnEventFarInTheFutureIsRefusedAndChangesNothing) {
  Start();
  EXPECT_EQ(Accepted(0, 5), 5);
  const Schema schema = testing::WorldSchema();
  std::vector<Cell> row = Row(world_[5], schema);
  row[store_->Source(kKey)->event_time] = Cell::Timestamp(SystemClock().Now() + std::chrono::hours(25));
  ASSERT_TRUE(store_->Learn(kKey, row).ok());
  EXPECT_EQ(store_->Stats().front().events, 5);
  EXPECT_EQ(store_->Stats().front().late, 1);
  EXPECT_EQ(Accepted(5, 5), 5);
}

TEST_F(OnlineStoreFiles, AnEventMadeForOtherColumnsIsNotLearned) {
  Start();
  const Scorer scorer = store_->Bind("p", WorldService(views_)).value();
  const Schema schema = testing::WorldSchema();
  ASSERT_TRUE(store_->Learn(kKey, Row(world_[0], schema), &schema).ok());
  std::vector<Field> fields = schema.fields();
  std::swap(fields[testing::kText], fields[testing::kLate]);
  const Schema before(fields);
  EXPECT_EQ(store_->Learn(kKey, Row(world_[1], before), &before).code(), Code::kFailedPrecondition);
  EXPECT_EQ(store_->Stats().front().events, 1);
  EXPECT_TRUE(scorer.IsBound());
  ASSERT_TRUE(store_->Drop(kKey).ok());
  EXPECT_FALSE(scorer.IsBound());
}

TEST_F(OnlineStoreFiles, StatusesSayWhatAValueIs) {
  views_ = {testing::WorldViews()[2]};
  Start();
  OracleEvent event = world_[0];
  event.columns[testing::kName] = std::string("a");
  event.columns[testing::kWhole] = int64_t{1};
  event.columns[testing::kAmount] = Null{};
  ASSERT_TRUE(store_->Append(kKey, testing::ToTable({event})).ok());
  const auto lookup = [&](const char* name, int64_t after) {
    return store_->Lookup(kKey, "fresh", std::vector<Value>{std::string(name)}, EventTime{event.time + after})
        .value();
  };
  EXPECT_EQ(lookup("a", 0).statuses[0], FeatureStatus::kPresent);
  EXPECT_EQ(lookup("a", 0).statuses[6], FeatureStatus::kNullValue) << "a sum of no values";
  EXPECT_EQ(lookup("nobody", 0).statuses[0], FeatureStatus::kNotFound);
  EXPECT_EQ(lookup("a", 6 * testing::kWorldSecond).statuses[0], FeatureStatus::kOutsideMaxAge);
  EXPECT_EQ(lookup("a", 0).newest, EventTime{event.time});
  EXPECT_EQ(store_->Lookup(kKey, "frehs", {}).status().code(), Code::kNotFound);
}

// Scores, learns and takes snapshots at once: for ThreadSanitizer, and all must be there at the end.
TEST_F(OnlineStoreFiles, ManyThreadsScoreAndLearnAtOnce) {
  views_ = testing::WorldViews();
  Start();
  const ServicePlanPtr plan = WorldService(views_);
  const Scorer scorer = store_->Bind("p", plan).value();
  std::vector<std::thread> threads;
  std::atomic<int64_t> failures{0};
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      std::vector<double> vector(plan->inputs.size());
      for (size_t i = t; i < world_.size(); i += 3) {
        failures += scorer.Score(Row(world_[i], plan->fields), vector).ok() ? 0 : 1;
        failures += store_->Learn(kKey, Row(world_[i], testing::WorldSchema())).ok() ? 0 : 1;
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 3; ++i) failures += store_->Snapshot().ok() && store_->Flush().ok() ? 0 : 1;
  });
  threads.emplace_back([&] {
    for (int i = 0; i < 20; ++i) (void)store_->Stats();
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
  const SourceStats stats = store_->Stats().front();
  EXPECT_EQ(stats.events + stats.late, 60);
}

}  // namespace
}  // namespace millrace::feature
