#include "resource/watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "resource/sqlite_store.h"

namespace millrace::resource {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

Resource Source(const std::string& name, Json labels = Json::object()) {
  Resource resource;
  resource.kind = "DataSource";
  resource.metadata.name = name;
  resource.metadata.project = "default";
  resource.metadata.labels = std::move(labels);
  return resource;
}

std::unique_ptr<SqliteStore> Open(size_t history = 100) {
  return std::move(SqliteStore::Create({.path = ":memory:", .history = history}).value());
}

// "ADDED a", …; all that is there now.
std::vector<std::string> Drain(Watch& watch) {
  std::vector<std::string> events;
  for (;;) {
    const auto event = watch.TryNext();
    if (!event.ok()) {
      events.push_back(event.status().ToString());
      return events;
    }
    if (!event->has_value()) return events;
    events.push_back(fmt::format("{} {}", EventTypeName((*event)->type), (*event)->resource.metadata.name));
  }
}

using Events = std::vector<std::string>;

TEST(Watch, ResumesAfterTheStoreWasReopened) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/resources.db";
  std::string version;
  {
    auto store = std::move(SqliteStore::Create({.path = path}).value());
    ASSERT_TRUE(store->Create(Source("a")).ok());
    version = store->List({})->resource_version;
    ASSERT_TRUE(store->Create(Source("b")).ok());
  }
  auto store = std::move(SqliteStore::Create({.path = path}).value());
  EXPECT_EQ(Drain(**store->StartWatch({.resource_version = version})), (Events{"ADDED b"}));
}

TEST(Watch, IsExpiredBeforeTheOldestKeptVersion) {
  auto store = Open(3);
  for (const char* name : {"a", "b", "c", "d", "e"}) ASSERT_TRUE(store->Create(Source(name)).ok());
  EXPECT_EQ(Drain(**store->StartWatch({.resource_version = "2"})), (Events{"ADDED c", "ADDED d", "ADDED e"}));
  const Status old = store->StartWatch({.resource_version = "1"}).status();
  EXPECT_TRUE(IsExpired(old)) << old.ToString();
  EXPECT_TRUE(IsExpired(store->StartWatch({.resource_version = "99"}).status()));
  EXPECT_EQ(store->StartWatch({.resource_version = "x"}).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(IsExpired(FailedPrecondition("something else")));
}

TEST(Watch, BookmarksTheVersionUpToWhichAllWasDelivered) {
  auto store = Open();
  const auto watch = store->StartWatch({.kind = "DataSource"}).value();
  ASSERT_TRUE(store->Create(Source("a")).ok());
  ASSERT_TRUE(store->Create(Source("b")).ok());
  ASSERT_TRUE(watch->TryNext().ok());
  EXPECT_EQ(watch->Bookmark().resource.metadata.resource_version, "1");
  ASSERT_TRUE(watch->TryNext().ok());
  Resource other = Source("m");
  other.kind = "Model";
  ASSERT_TRUE(store->Create(other).ok());
  EXPECT_EQ(watch->Bookmark().resource.metadata.resource_version, "3")
      << "it was not for this watch, but is done with";
  EXPECT_EQ(watch->Bookmark().type, EventType::kBookmark);
}

TEST(Watch, NextWaitsForAnEventUntilItsDeadline) {
  auto store = Open();
  const auto watch = store->StartWatch({}).value();
  const auto nothing = watch->Next(steady_clock::now());
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->has_value());
  std::thread writer([&] { EXPECT_TRUE(store->Create(Source("a")).ok()); });
  const auto event = watch->Next(steady_clock::now() + seconds(60));
  writer.join();
  ASSERT_TRUE(event.ok() && event->has_value());
  EXPECT_EQ((*event)->resource.metadata.name, "a");
}

TEST(Watch, CallsBackWhenThereIsSomething) {
  auto store = Open();
  ASSERT_TRUE(store->Create(Source("a")).ok());
  const auto watch = store->StartWatch({}).value();
  std::atomic<int> calls = 0;
  watch->OnReady([&] {
    ++calls;
    EXPECT_TRUE(store->List({}).ok());  // no lock is held
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(Drain(*watch).size(), 1U);
  ASSERT_TRUE(store->Create(Source("b")).ok());
  EXPECT_EQ(calls, 2);
}

TEST(Watch, ThatIsReadTooSlowlyExpires) {
  Watch watch;
  for (size_t i = 0; i <= Watch::kMaxQueued; ++i) watch.Push(WatchEvent{EventType::kAdded, Source("a")}, "1");
  EXPECT_TRUE(IsExpired(watch.TryNext().status()));
}

TEST(Watch, ReadersSeeEveryWriteOfConcurrentWritersOnceAndInOrder) {
  auto store = Open(1000);
  constexpr int kWriters = 3;
  constexpr int kEach = 30;
  const auto watch = store->StartWatch({}).value();
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(store->Create(Source(fmt::format("s{}-{}", w, i))).ok());
    });
  }
  int64_t last = 0;
  for (int i = 0; i < kWriters * kEach; ++i) {
    const auto event = watch->Next(steady_clock::now() + seconds(60));
    ASSERT_TRUE(event.ok() && event->has_value());
    const int64_t version = std::stoll((*event)->resource.metadata.resource_version);
    EXPECT_EQ(version, last + 1);
    last = version;
  }
  for (std::thread& writer : writers) writer.join();
}

}  // namespace
}  // namespace millrace::resource
