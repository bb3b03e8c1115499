// Dropping a source: what each moment at which the process may die leaves, failures, and who else is at it.
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "feature/testing/online_world.h"

namespace millrace::feature {
namespace {

namespace fs = std::filesystem;
using testing::kKey;
using testing::LoadEmpty;
using testing::MustOpen;

// As long as it lives, nothing can be made, named or removed in `directory`, even by root.
class ReadOnly {
 public:
  explicit ReadOnly(std::string directory) : directory_(std::move(directory)) {
    ::chmod(directory_.c_str(), 0555);
    ::setfsuid(65534);  // of this thread
  }
  ~ReadOnly() {
    ::setfsuid(::geteuid());
    ::chmod(directory_.c_str(), 0700);
  }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;

 private:
  const std::string directory_;
};

class OnlineDrop : public testing::OnlineStoreFixture {
 protected:
  // A source with a snapshot and two segments behind it, on disk; and a second source.
  void MakeFiles() {
    Start();
    EXPECT_EQ(Accepted(0, 10), 10);
    ASSERT_TRUE(store_->Snapshot().ok());
    EXPECT_EQ(Accepted(10, 10), 10);
    ASSERT_TRUE(
        store_->Load("p/other", testing::WorldSource(), testing::Plans(views_), testing::ToTable({}), {})
            .ok());
    store_.reset();
    ASSERT_TRUE(fs::exists(Path() + "/snapshot"));
  }
  std::string Path() const { return directory_.path() + "/p%2Fworld"; }
  std::string Aside() const { return Path() + "%dropped"; }
  void RemoveFirstSegment(const std::string& directory) {
    std::vector<fs::path> segments;
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == ".wal") segments.push_back(entry.path());
    }
    std::sort(segments.begin(), segments.end());
    ASSERT_GE(segments.size(), 2U);
    fs::remove(segments.front());
  }
  void ExpectOnlyTheOther() {
    EXPECT_FALSE(fs::exists(Aside()));
    EXPECT_FALSE(store_->Marker(kKey).has_value());
    EXPECT_TRUE(store_->Marker("p/other").has_value());
  }
};

TEST_F(OnlineDrop, KilledBeforeTheNewNameItIsAllThere) {
  MakeFiles();
  store_ = MustOpen(directory_.path());
  EXPECT_EQ(store_->Stats().back().events, 20);
  ASSERT_TRUE(store_->Drop(kKey).ok());
  ExpectOnlyTheOther();
  EXPECT_FALSE(fs::exists(Path()));
}

TEST_F(OnlineDrop, KilledAfterTheNewNameItIsGone) {
  MakeFiles();
  fs::rename(Path(), Aside());
  store_ = MustOpen(directory_.path());
  ExpectOnlyTheOther();
}

// Any of its files may be gone by then; without the first segment, the source itself could not be opened.
TEST_F(OnlineDrop, KilledWhileFilesAreRemovedItIsGoneAndTheOthersStart) {
  MakeFiles();
  fs::rename(Path(), Aside());
  RemoveFirstSegment(Aside());
  store_ = MustOpen(directory_.path());
  ExpectOnlyTheOther();
}

TEST_F(OnlineDrop, WhatAnEarlierOneLeftDoesNotStopTheNext) {
  MakeFiles();
  store_ = MustOpen(directory_.path());
  fs::copy(Path(), Aside());
  ASSERT_TRUE(store_->Drop(kKey).ok());
  ExpectOnlyTheOther();
  EXPECT_FALSE(fs::exists(Path()));
}

TEST_F(OnlineDrop, ADirectoryThatNoSourceIsOpenInIsRemoved) {
  MakeFiles();
  fs::remove(Path() + "/snapshot");  // so Open leaves it alone
  store_ = MustOpen(directory_.path());
  EXPECT_TRUE(fs::exists(Path()));
  ASSERT_TRUE(store_->Drop(kKey).ok());
  EXPECT_FALSE(fs::exists(Path()));
  EXPECT_TRUE(store_->Drop(kKey).ok()) << "there is nothing left to do";
}

TEST_F(OnlineDrop, AfterAFailureItCanBeCalledAgain) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  {
    const ReadOnly locked(directory_.path());
    EXPECT_FALSE(store_->Drop(kKey).ok());
    EXPECT_FALSE(store_->Drop(kKey).ok()) << "the files are still there";
  }
  EXPECT_TRUE(fs::exists(Path()));
  EXPECT_EQ(store_->Append(kKey, testing::ToTable({})).status().code(), Code::kNotFound);
  EXPECT_TRUE(store_->Snapshot().ok());
  ASSERT_TRUE(store_->Drop(kKey).ok());
  EXPECT_FALSE(fs::exists(Path()));
}

TEST_F(OnlineDrop, ALoadAfterAFailureCompletesItFirst) {
  Start();
  EXPECT_EQ(Accepted(0, 10), 10);
  {
    const ReadOnly locked(directory_.path());
    EXPECT_FALSE(store_->Drop(kKey).ok());
  }
  LoadEmpty(*store_, views_);
  EXPECT_EQ(store_->Stats().front().events, 0);
  EXPECT_EQ(Accepted(0, 5), 5);
  store_.reset();
  EXPECT_EQ(MustOpen(directory_.path())->Stats().front().events, 5);
}

// Snapshots make files in the very directory that goes; and a new source of the name comes.
TEST_F(OnlineDrop, SnapshotsPushesAndReadsMeanwhileLeaveNothingBehind) {
  OnlineStoreOptions options{.directory = directory_.path()};
  options.snapshot_log_bytes = 64;
  store_ = OnlineStore::Open(options).value();
  std::atomic<bool> stop{false};
  std::atomic<int64_t> failures{0};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!stop.load()) failures += store_->Snapshot().ok() && store_->Flush().ok() ? 0 : 1;
  });
  threads.emplace_back([&] {
    for (uint64_t i = 0, through = 0; !stop.load(); ++i) {
      (void)store_->Append(kKey, testing::ToTable({world_[i % world_.size()]}));
      const Result<LogRange> range = store_->ReadLog(kKey, through);
      if (range.ok()) through = range->through;
      (void)store_->Confirm(kKey, through);
    }
  });
  for (int round = 0; round < 25; ++round) {
    const Status loaded = store_->Load(kKey, testing::WorldSource(), testing::Plans(views_),
                                       testing::ToTable({}), {.marker = "v0"});
    EXPECT_TRUE(loaded.ok()) << loaded.ToString();
    for (size_t i = 0; i < 20; ++i) (void)store_->Append(kKey, testing::ToTable({world_[i]}));
    const Status dropped = store_->Drop(kKey);
    EXPECT_TRUE(dropped.ok()) << dropped.ToString();
    EXPECT_FALSE(fs::exists(Path()));
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_FALSE(fs::exists(Path()));
  EXPECT_FALSE(fs::exists(Aside()));
}

}  // namespace
}  // namespace millrace::feature
