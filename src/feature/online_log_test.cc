// The online store's log and the offline tables behind it: nothing that was accepted is lost.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "feature/testing/online_world.h"

namespace millrace::feature {
namespace {

namespace fs = std::filesystem;
using testing::kKey;
using testing::LoadEmpty;
using testing::MustOpen;
using testing::OracleEvent;
using testing::Plans;
using testing::Row;
using testing::WorldService;
using testing::WorldView;

class OnlineLog : public testing::OnlineStoreFixture {
 protected:
  void Start(OnlineStoreOptions options) {
    store_.reset();
    options.directory = directory_.path();
    store_ = OnlineStore::Open(std::move(options)).value();
    if (store_->Stats().empty()) LoadEmpty(*store_, views_);
  }
  void Restart() { Start({}); }
  int64_t Segments() const {
    int64_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path()))
      count += entry.path().extension() == ".wal" ? 1 : 0;
    return count;
  }
  // The value of a view's first output for event i's key, a second after that event.
  Value First(size_t i) {
    const std::vector<OracleEvent> keyed = testing::WithKeys({world_[i]}, views_.back());
    const EventTime time{world_[i].time + testing::kKnownAfter + testing::kWorldSecond};
    return store_->Lookup(kKey, views_.back().plan->name, keyed[0].key, time)->values[0];
  }
  AppendResult Label(size_t i, Value value) {
    return store_->Update(kKey, std::vector<LateColumns>{{*world_[i].id, {{"late", std::move(value)}}}})
        .value();
  }
};

// A view of one feature: the last label of a key, four seconds late.
WorldView Labels() {
  resource::FeatureViewSpec spec;
  spec.source = "world";
  spec.entities = {"id"};
  spec.delay = Micros(testing::kKnownAfter);
  spec.windows = {std::chrono::hours(1)};
  resource::FeatureSpec feature;
  feature.name = "label";
  feature.aggregate = "last";
  feature.of = "late";
  spec.features = {feature};
  WorldView view;
  view.plan = CompileView("labels", spec, testing::WorldSource()).value();
  view.keys = {testing::kIdColumn};
  return view;
}

TEST_F(OnlineLog, TheLastValueThatWasAcceptedIsAColumnsValueAndNullSaysNothing) {
  views_ = {Labels()};
  Restart();
  world_[0].columns[testing::kLate] = int64_t{5};
  EXPECT_EQ(Accepted(0, 3), 3);
  EXPECT_EQ(First(0), Value(int64_t{5}));
  EXPECT_EQ(Label(0, int64_t{1}).joined, 1);
  EXPECT_EQ(Label(0, int64_t{0}).joined, 1) << "a correction";
  EXPECT_EQ(Label(0, int64_t{0}).duplicates, 1);
  EXPECT_EQ(Label(0, Null{}).duplicates, 1);
  EXPECT_EQ(First(0), Value(int64_t{0}));
  OracleEvent again = world_[0];
  again.columns[testing::kLate] = int64_t{7};
  ASSERT_TRUE(store_->Append(kKey, testing::ToTable({again})).ok());
  for (int restart = 0; restart < 3; ++restart) {
    EXPECT_EQ(First(0), Value(int64_t{7})) << "after " << restart << " restarts";
    if (restart == 1) {
      ASSERT_TRUE(store_->Snapshot().ok());
    }
    Restart();
  }
}

// Whether an id is known depends on the events alone: not on when ids were swept, nor on restarts.
TEST_F(OnlineLog, AnEventBeyondWhatAnyViewSeesIsForgottenAtOnceAndTheSameAfterARestart) {
  views_ = {Labels()};
  Restart();
  EXPECT_EQ(Accepted(0, 1), 1);
  OracleEvent later = world_[1];
  later.columns[testing::kTime] = EventTime{world_[0].time + 3 * 3600 * testing::kWorldSecond};
  ASSERT_EQ(store_->Append(kKey, testing::ToTable({later}))->accepted, 1);
  for (int restart = 0; restart < 3; ++restart) {
    const AppendResult again = store_->Append(kKey, testing::ToTable({world_[0]})).value();
    EXPECT_EQ(again.duplicates + again.joined, 0) << "after " << restart << " restarts";
    ASSERT_EQ(again.refused.size(), 1U) << "after " << restart << " restarts";
    EXPECT_NE(again.refused[0].reason.find("late"), std::string::npos);
    EXPECT_EQ(Label(0, int64_t{1}).refused.size(), 1U) << "after " << restart << " restarts";
    Restart();
  }
  // Its id may be another event's now, as it may after a restart.
  OracleEvent reused = later;
  reused.columns[testing::kIdColumn] = *world_[0].id;
  EXPECT_EQ(store_->Append(kKey, testing::ToTable({reused}))->accepted, 1);
  EXPECT_EQ(store_->Append(kKey, testing::ToTable({reused}))->accepted, 0);
}

// Without a view or a column that is known later, ids are held no longer than events may be late.
TEST_F(OnlineLog, AnEventAtTheVeryEdgeOfLatenessIsKnownAfterAKill) {
  SourcePlan source = testing::WorldSource();
  source.known_after.clear();
  store_ = MustOpen(directory_.path());
  ASSERT_TRUE(store_->Load(kKey, source, {}, testing::ToTable({}), {.marker = "v0"}).ok());
  const OracleEvent first = testing::WithoutLate(world_[0]);
  OracleEvent edge = testing::WithoutLate(world_[1]);
  edge.columns[testing::kTime] = EventTime{first.time - testing::kLateness};
  ASSERT_EQ(store_->Append(kKey, testing::ToTable({first, edge}))->accepted, 2);
  const TempDirectory copy;  // as a kill leaves it
  fs::copy(directory_.path(), copy.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::unique_ptr<OnlineStore> killed = MustOpen(copy.path());
  EXPECT_EQ(killed->Stats().front().events, 2);
  EXPECT_EQ(killed->Append(kKey, testing::ToTable({edge}))->accepted, 0) << "it would count twice";
}

// The view with `where` does not see the event, yet the offline tables must.
TEST_F(OnlineLog, AJoinedColumnIsLoggedAlsoWhereNoViewSeesItsEvent) {
  WorldView view = Labels();
  resource::FeatureViewSpec spec = view.plan->spec;
  spec.where = "amount > 1e300";
  view.plan = CompileView("labels", spec, testing::WorldSource()).value();
  views_ = {view};
  Restart();
  EXPECT_EQ(Accepted(0, 3), 3);
  EXPECT_EQ(Label(1, int64_t{1}).joined, 1);
  const LogRange range = store_->ReadLog(kKey, 0).value();
  ASSERT_EQ(range.updates.size(), 1U);
  EXPECT_EQ(range.is_event, std::vector<bool>({true, true, true, false}));
}

TEST_F(OnlineLog, RowsThatCannotBeUsedSurviveAKillAndAreReadBackOnce) {
  Restart();
  EXPECT_EQ(Accepted(0, 2), 2);
  const std::vector<UnusedRow> rows = {
      {.origin = "push", .row = 3, .reason = "no time", .text = std::string(9000, 'x')}};
  ASSERT_TRUE(store_->KeepUnused(kKey, rows).ok());
  const TempDirectory copy;  // as a kill leaves it
  fs::copy(directory_.path(), copy.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::unique_ptr<OnlineStore> killed = MustOpen(copy.path());
  const LogRange range = killed->ReadLog(kKey, 0).value();
  EXPECT_EQ(range.events.num_rows(), 2U);
  ASSERT_EQ(range.unused.size(), 1U);
  EXPECT_EQ(range.unused[0].first, 2U);
  EXPECT_EQ(range.unused[0].second.row, 3);
  EXPECT_EQ(range.unused[0].second.reason, "no time");
  EXPECT_EQ(range.unused[0].second.text.size(), 4096U);
  EXPECT_TRUE(killed->ReadLog(kKey, range.through)->unused.empty());
  EXPECT_EQ(killed->Stats().front().events, 2);
}

TEST_F(OnlineLog, ALearnedEventThatIsLateIsKeptWithItsReason) {
  Restart();
  EXPECT_EQ(Accepted(20, 30), 30);
  ASSERT_TRUE(store_->Learn(kKey, Row(world_[0], testing::WorldSchema())).ok());
  const LogRange range = store_->ReadLog(kKey, 0).value();
  ASSERT_EQ(range.unused.size(), 1U);
  EXPECT_EQ(range.unused[0].second.origin, "learn");
  EXPECT_NE(range.unused[0].second.reason.find("is late"), std::string::npos);
  EXPECT_NE(range.unused[0].second.text.find("\"id\":" + std::to_string(*world_[0].id)), std::string::npos)
      << range.unused[0].second.text;
}

TEST_F(OnlineLog, SegmentsGoOnlyOnceTheOfflineTablesHaveThem) {
  OnlineStoreOptions options;
  options.snapshot_log_bytes = 64;  // everything is old after a snapshot
  Start(options);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(Accepted(i, 1), 1);
    ASSERT_TRUE(store_->Snapshot().ok());
  }
  EXPECT_GE(Segments(), 20);
  EXPECT_EQ(store_->ReadLog(kKey, 0)->events.num_rows(), 20U) << "none was confirmed";
  EXPECT_GT(store_->Stats().front().unconfirmed_bytes, 0);
  ASSERT_TRUE(store_->Confirm(kKey, 10).ok());
  EXPECT_LT(Segments(), 20);
  EXPECT_EQ(store_->ReadLog(kKey, 10)->events.num_rows(), 10U);
  EXPECT_EQ(store_->ReadLog(kKey, 10)->missing, 0U);
  ASSERT_TRUE(store_->Confirm(kKey, 20).ok());
  EXPECT_LE(Segments(), 2);
  EXPECT_EQ(store_->Stats().front().unconfirmed_bytes, 0);
  // What was confirmed is remembered by the next snapshot.
  EXPECT_EQ(Accepted(20, 1), 1);
  Restart();
  EXPECT_EQ(store_->Stats().front().confirmed, 20U);
  EXPECT_EQ(store_->ReadLog(kKey, 20)->events.num_rows(), 1U);
}

// A segment that is a pipe holds up whoever reads the log, for as long as the test wants.
TEST_F(OnlineLog, WhatIsConfirmedWhileTheLogIsReadIsPrunedAfterwards) {
  OnlineStoreOptions options;
  options.snapshot_log_bytes = 64;  // everything is old after a snapshot
  Start(options);
  const std::string first = NewestSegment();
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Accepted(i, 1), 1);
    ASSERT_TRUE(store_->Snapshot().ok());
  }
  const int64_t before = Segments();
  const std::string bytes = ReadFile(first).value();
  fs::rename(first, first + ".kept");
  ASSERT_EQ(::mkfifo(first.c_str(), 0600), 0);
  std::thread reader([&] { EXPECT_EQ(store_->ReadLog(kKey, 0)->events.num_rows(), 5U); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  UniqueFd pipe;
  while (!pipe && std::chrono::steady_clock::now() < deadline) {
    pipe = UniqueFd(::open(first.c_str(), O_WRONLY | O_NONBLOCK));  // ENXIO until somebody reads
    if (!pipe) std::this_thread::yield();
  }
  ASSERT_TRUE(pipe);
  fs::rename(first + ".kept", first);
  ASSERT_TRUE(store_->Confirm(kKey, 5).ok());
  EXPECT_EQ(Segments(), before) << "the log is being read";
  ASSERT_TRUE(WriteAll(pipe.get(), bytes).ok());
  pipe.Close();
  reader.join();
  EXPECT_LT(Segments(), before);
  EXPECT_EQ(store_->Stats().front().unconfirmed_bytes, 0);
}

TEST_F(OnlineLog, AtItsLimitEventsAreRefusedAndTakenAgainOnceConfirmed) {
  OnlineStoreOptions options;
  options.max_unconfirmed_bytes = 4096;
  Start(options);
  size_t accepted = 0;
  while (accepted < 60 && Accepted(accepted, 1) == 1) ++accepted;
  ASSERT_LT(accepted, 60U) << "the limit was never reached";
  ASSERT_TRUE(store_->Snapshot().ok());
  const Result<AppendResult> refused = store_->Append(kKey, testing::ToTable({world_[accepted]}));
  EXPECT_EQ(refused.status().code(), Code::kUnavailable) << refused.status().ToString();
  EXPECT_NE(refused.status().message().find("offline tables"), std::string::npos);
  EXPECT_EQ(store_->Learn(kKey, Row(world_[accepted], testing::WorldSchema())).code(), Code::kUnavailable);
  EXPECT_EQ(store_->KeepUnused(kKey, std::vector<UnusedRow>(1)).code(), Code::kUnavailable);
  EXPECT_EQ(store_->Stats().front().events, static_cast<int64_t>(accepted)) << "nothing entered the state";
  EXPECT_EQ(store_->ReadLog(kKey, 0)->events.num_rows(), accepted) << "nothing was lost";
  ASSERT_TRUE(store_->Confirm(kKey, store_->Stats().front().log_position).ok());
  EXPECT_EQ(Accepted(accepted, 1), 1);
}

// What was pushed under the columns of before is in the log still, and in the new state.
TEST_F(OnlineLog, ChangedColumnsLoseNoEventThatWasAccepted) {
  Restart();
  EXPECT_EQ(Accepted(0, 10), 10);
  EXPECT_EQ(Label(3, int64_t{1}).joined, 1);
  SourcePlan changed = testing::WorldSource();
  std::vector<Field> fields = changed.schema.fields();
  std::swap(fields[testing::kWhole], fields[testing::kFlag]);  // other places
  fields[testing::kText].type = DataType::kInt64;              // another type
  fields.push_back({"new", DataType::kDouble});
  changed.schema = Schema(fields);
  std::vector<Column> none;
  for (const Field& field : fields) none.push_back(Column::Nulls(field.type, 0));
  const Table empty = Table::Create(changed.schema, none).value();
  ASSERT_TRUE(store_->Load(kKey, changed, {}, empty, {.marker = "v2"}).ok());
  for (int restart = 0; restart < 2; ++restart) {
    const LogRange range = store_->ReadLog(kKey, 0).value();
    ASSERT_EQ(range.events.num_rows(), 10U);
    ASSERT_EQ(range.updates.size(), 1U);
    EXPECT_EQ(range.updates[0].columns[0].first, "late");
    for (size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(range.events.column(testing::kFlag).Get(i), world_[i].columns[testing::kWhole]);
      EXPECT_TRUE(range.events.column(testing::kText).IsNull(i));
    }
    EXPECT_EQ(store_->Append(kKey, range.events.Take(std::vector<int64_t>{0}))->duplicates, 1)
        << "its id is known";
    Restart();
  }
}

// Learned while snapshots are taken and new states loaded: all are there, once, in the log and the state.
TEST_F(OnlineLog, NothingThatIsLearnedWhileStatesAreSwitchedIsLost) {
  std::mt19937_64 random(5);
  world_ = testing::RandomEvents(random, 400);
  SourcePlan source = testing::WorldSource();
  source.lateness = std::chrono::hours(24);  // whatever the threads do, none is late
  views_.clear();
  for (const WorldView& view : testing::WorldViews()) {
    WorldView made = view;
    made.plan = CompileView(view.plan->name, view.plan->spec, source).value();
    views_.push_back(made);
  }
  store_ = MustOpen(directory_.path());
  const auto load = [&](const std::string& marker) {
    return store_->Load(kKey, source, Plans(views_), testing::ToTable({}), {.marker = marker});
  };
  ASSERT_TRUE(load("v0").ok());
  std::atomic<int64_t> failures{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < world_.size(); i += 2)
        failures += store_->Learn(kKey, Row(world_[i], testing::WorldSchema())).ok() ? 0 : 1;
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 6; ++i)
      failures += (i % 2 == 0 ? load(std::to_string(i)) : store_->Snapshot()).ok() ? 0 : 1;
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
  ASSERT_TRUE(store_->Flush().ok());
  EXPECT_EQ(store_->ReadLog(kKey, 0)->events.num_rows(), world_.size());
  for (int restart = 0; restart < 2; ++restart) {
    const Result<AppendResult> again = store_->Append(kKey, testing::ToTable(world_));
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(again->accepted, 0) << "after " << restart << " restarts";
    EXPECT_TRUE(again->refused.empty());
    const SourceStats stats = store_->Stats().front();
    EXPECT_EQ(stats.ids, static_cast<int64_t>(world_.size()));
    store_.reset();
    store_ = MustOpen(directory_.path());
  }
}

}  // namespace
}  // namespace millrace::feature
