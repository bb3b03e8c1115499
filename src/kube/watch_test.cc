#include "kube/watch.h"

#include <gtest/gtest.h>

#include "kube/api_error.h"
#include "kube/internal/line_decoder.h"

namespace millrace::kube {
namespace {

using internal::LineDecoder;

TEST(LineDecoder, LinesDoNotDependOnWhereTheStreamIsCut) {
  const std::string stream = "one\n\ntwo\r\nthree and more\nrest";
  const std::vector<std::string> expected = {"one", "two", "three and more"};
  for (size_t cut = 1; cut <= stream.size(); ++cut) {
    LineDecoder decoder(100);
    std::vector<std::string> lines;
    const auto take = [&lines](std::string_view line) {
      lines.emplace_back(line);
      return Ok();
    };
    for (size_t at = 0; at < stream.size(); at += cut) {
      ASSERT_TRUE(decoder.Feed(std::string_view(stream).substr(at, cut), take).ok());
    }
    EXPECT_EQ(lines, expected) << "cut every " << cut;
    EXPECT_EQ(decoder.rest(), "rest");
  }
}

TEST(LineDecoder, ALineThatIsTooLongIsRefusedBeforeItsEnd) {
  const auto ignore = [](std::string_view) { return Ok(); };
  LineDecoder whole(4);
  EXPECT_TRUE(whole.Feed("1234\n", ignore).ok());
  EXPECT_EQ(whole.Feed("12345\n", ignore).code(), Code::kResourceExhausted);
  LineDecoder pieces(4);
  EXPECT_TRUE(pieces.Feed("123", ignore).ok());
  EXPECT_EQ(pieces.Feed("45", ignore).code(), Code::kResourceExhausted);
}

TEST(LineDecoder, AFailureOfTheReaderEndsIt) {
  LineDecoder decoder(100);
  int lines = 0;
  const Status status = decoder.Feed(
      "a\nb\nc\n", [&lines](std::string_view) { return ++lines == 2 ? Cancelled("enough") : Ok(); });
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_EQ(lines, 2);
}

TEST(WatchLine, EventsAreRead) {
  const WatchEvent added =
      ParseWatchLine(R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}})").value();
  EXPECT_EQ(added.type, WatchEventType::kAdded);
  EXPECT_EQ(added.resource_version, "7");
  EXPECT_EQ(
      ParseWatchLine(R"({"type":"DELETED","object":{"metadata":{"resourceVersion":"8"}}})").value().type,
      WatchEventType::kDeleted);
  EXPECT_EQ(
      ParseWatchLine(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})").value().type,
      WatchEventType::kBookmark);
}

TEST(WatchLine, AnErrorEventIsItsFailure) {
  const auto expired = ParseWatchLine(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}})");
  EXPECT_TRUE(IsExpired(expired.status()));
  const auto internal =
      ParseWatchLine(R"({"type":"ERROR","object":{"kind":"Status","code":500,"message":"x"}})");
  EXPECT_EQ(internal.status().code(), Code::kUnavailable);
}

TEST(WatchLine, WhatIsNoEventIsRefused) {
  for (const char* line :
       {"", "{", "7", "[]", "{}", R"({"type":"ADDED"})", R"({"type":"ADDED","object":7})",
        R"({"type":"NEW","object":{"metadata":{"resourceVersion":"1"}}})", R"({"type":"ADDED","object":{}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":7}}})", R"({"type":7,"object":{}})"}) {
    EXPECT_FALSE(ParseWatchLine(line).ok()) << line;
  }
}

}  // namespace
}  // namespace millrace::kube
