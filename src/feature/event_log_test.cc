#include "feature/internal/event_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

namespace millrace::feature {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Records(const std::string& directory) {
  std::vector<std::string> records;
  const std::vector<LogSegment> segments = ListSegments(directory).value();
  for (const LogSegment& segment : segments) {
    const Result<SegmentRead> read =
        ReadSegment(segment.path, 0, std::nullopt, [&](uint64_t, std::string_view payload) {
          records.emplace_back(payload);
          return Ok();
        });
    EXPECT_TRUE(read.ok()) << read.status().ToString();
  }
  return records;
}

Status AddAndWait(EventLog& log, std::string_view payload) {
  log.Add(payload);
  return log.Wait(log.position());
}

// A limit on file sizes stands in for a full disk: write() fails in the same way.
TEST(EventLog, ANewSegmentThatFailsLeavesTheOneInUseAlone) {
  const TempDirectory directory;
  const std::unique_ptr<EventLog> log = EventLog::Create(directory.path(), "schema", 0, 1 << 20).value();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = 4;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Status rolled = log->Roll("another schema");  // at the same position: of the same name
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(rolled.ok());
  ASSERT_TRUE(AddAndWait(*log, "acknowledged").ok());
  EXPECT_EQ(Records(directory.path()), std::vector<std::string>({"acknowledged"}));
}

TEST(EventLog, ASegmentOfTheSameNameTakesThePlaceOfTheEmptyOne) {
  const TempDirectory directory;
  const std::unique_ptr<EventLog> log = EventLog::Create(directory.path(), "schema", 7, 1 << 20).value();
  ASSERT_TRUE(log->Roll("another schema").ok());
  ASSERT_TRUE(AddAndWait(*log, "one").ok());
  ASSERT_TRUE(log->Roll("a third").ok());
  ASSERT_TRUE(AddAndWait(*log, "two").ok());
  EXPECT_EQ(Records(directory.path()), std::vector<std::string>({"one", "two"}));
  EXPECT_EQ(ListSegments(directory.path())->size(), 2U);
}

// What a crash leaves of a segment that was being made.
TEST(EventLog, AnUnfinishedHeadIsNoSegment) {
  const TempDirectory directory;
  {
    const auto log = EventLog::Create(directory.path(), "schema", 0, 1 << 20).value();
  }
  const std::string segment = ListSegments(directory.path())->front().path;
  fs::copy_file(segment, segment + ".tmp");
  fs::resize_file(segment + ".tmp", 5);
  EXPECT_EQ(ListSegments(directory.path())->size(), 1U);
  const auto log = EventLog::Create(directory.path(), "schema", 0, 1 << 20).value();
  EXPECT_FALSE(fs::exists(segment + ".tmp"));
}

}  // namespace
}  // namespace millrace::feature
