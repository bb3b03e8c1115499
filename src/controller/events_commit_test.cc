#include "controller/events_commit.h"

#include <gtest/gtest.h>

namespace millrace::controller {
namespace {

TEST(EventsCommit, IsReadBackAsItWasWritten) {
  const EventsCommit full{
      .input = "abc",
      .dead_letters = 3,
      .through = 99,
      .pushed_rows = 12,
      .change = EventsChange{.added_from = EventTime{5}, .columns_from = {{"fraud", EventTime{-3}}}},
      .oldest = EventTime{5},
      .newest = EventTime{-7}};
  EXPECT_EQ(ParseEventsCommit(ToMetadata(full)), full);
  const EventsCommit empty{.input = "", .dead_letters = 0, .through = 0};
  EXPECT_EQ(ParseEventsCommit(ToMetadata(empty)), empty);
}

TEST(EventsCommit, AnythingElseIsNoCommitOfOurs) {
  for (const char* text :
       {"", "abc", "[]", "{}", R"({"input":1,"deadLetters":0,"through":0})",
        R"({"input":"a","deadLetters":"0","through":0})", R"({"input":"a","deadLetters":0})"}) {
    EXPECT_EQ(ParseEventsCommit(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace millrace::controller
