#include "resource/internal/kube_mirror.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/json.h"

namespace millrace::resource {
namespace {

using std::chrono::milliseconds;

Resource Source(const std::string& name, const std::string& version, const std::string& uid = "u") {
  Resource resource;
  resource.kind = "DataSource";
  resource.metadata.name = name;
  resource.metadata.project = "default";
  resource.metadata.uid = uid + name;
  resource.metadata.resource_version = version;
  return resource;
}

std::vector<std::string> Drain(Watch& watch) {
  std::vector<std::string> events;
  for (;;) {
    const auto event = watch.TryNext();
    if (!event.ok() || !event->has_value()) return events;
    events.push_back(fmt::format("{} {} {}", EventTypeName((*event)->type), (*event)->resource.metadata.name,
                                 (*event)->resource.metadata.resource_version));
  }
}

using Events = std::vector<std::string>;

// Whether a read returns now, without the end of its patience.
bool IsShown(KubeMirror& mirror) {
  auto read = std::async(std::launch::async, [&] { mirror.WaitUntilShown(); });
  const bool now = read.wait_for(milliseconds(100)) == std::future_status::ready;
  // Whatever was waited for is told now, so that the reader ends.
  if (!now) {
    mirror.Put(Source("a", "1000"));
    mirror.Remove(Source("a", "1001"));
  }
  return now;
}

TEST(KubeMirror, AReadWaitsForTheWriteBeforeIt) {
  KubeMirror mirror(10);
  mirror.Put(Source("a", "5"));
  mirror.Expect(Source("a", "9"));
  auto read = std::async(std::launch::async, [&] {
    mirror.WaitUntilShown();
    return mirror.Find({"DataSource", "default", "a"})->metadata.resource_version;
  });
  EXPECT_NE(read.wait_for(milliseconds(50)), std::future_status::ready);
  mirror.Put(Source("b", "20"));
  mirror.Put(Source("a", "7"));
  EXPECT_NE(read.wait_for(milliseconds(50)), std::future_status::ready) << "that was before";
  mirror.Put(Source("a", "9"));
  EXPECT_EQ(read.get(), "9");
}

TEST(KubeMirror, AWriteThatWasToldBeforeItsAnswerIsNotWaitedFor) {
  KubeMirror mirror(10);
  mirror.Put(Source("a", "9"));
  mirror.Put(Source("a", "12"));
  mirror.Expect(Source("a", "9"));
  EXPECT_TRUE(IsShown(mirror)) << "a later version is there";
  mirror.Put(Source("c", "13"));
  mirror.Remove(Source("c", "14"));
  mirror.Expect(Source("c", "13"));
  EXPECT_TRUE(IsShown(mirror)) << "it came and went";
  mirror.ExpectGone(Source("c", "13"));
  EXPECT_TRUE(IsShown(mirror));
}

TEST(KubeMirror, WhatIsToGoIsWaitedForUntilItIsGone) {
  KubeMirror mirror(10);
  mirror.Put(Source("a", "5"));
  mirror.ExpectGone(Source("a", "5"));
  EXPECT_FALSE(IsShown(mirror));
  EXPECT_TRUE(IsShown(mirror));
  mirror.Put(Source("a", "30", "another"));
  mirror.ExpectGone(Source("a", "5"));
  EXPECT_TRUE(IsShown(mirror)) << "another one of its name is none of ours";
}

TEST(KubeMirror, WatchesBeginInTheOrderOfChangesAndCanGoOnFromAnyOfThem) {
  KubeMirror mirror(10);
  mirror.Put(Source("b", "5"));
  mirror.Put(Source("a", "6"));
  mirror.Put(Source("b", "7"));
  EXPECT_EQ(Drain(**mirror.StartWatch({})), (Events{"ADDED a 6", "ADDED b 7"}));
  EXPECT_EQ(Drain(**mirror.StartWatch({.resource_version = "6"})), (Events{"MODIFIED b 7"}));
  const std::string now = mirror.Version();
  mirror.Remove(Source("a", "8"));
  EXPECT_EQ(Drain(**mirror.StartWatch({.resource_version = now})), (Events{"DELETED a 8"}));
  mirror.Put(Source("b", "7"));
  EXPECT_EQ(Drain(**mirror.StartWatch({.resource_version = mirror.Version()})), Events{}) << "told once";
}

TEST(KubeMirror, ForgetsTheOldestChanges) {
  KubeMirror mirror(3);
  const std::string begin = mirror.Version();
  for (int i = 1; i <= 3; ++i) mirror.Put(Source("a", std::to_string(i)));
  EXPECT_EQ(Drain(**mirror.StartWatch({.resource_version = begin})).size(), 3U);
  mirror.Put(Source("a", "4"));
  EXPECT_TRUE(IsExpired(mirror.StartWatch({.resource_version = begin}).status()));
  EXPECT_TRUE(IsExpired(mirror.StartWatch({.resource_version = "1"}).status()));
  EXPECT_EQ(Drain(**mirror.StartWatch({.resource_version = "2"})).size(), 2U);
  KubeMirror another(3);
  EXPECT_TRUE(IsExpired(another.StartWatch({.resource_version = mirror.Version()}).status()));
  for (const char* nonsense : {"x", "-1", "1x", "99999999999999999999999"}) {
    EXPECT_EQ(mirror.StartWatch({.resource_version = nonsense}).status().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace millrace::resource
