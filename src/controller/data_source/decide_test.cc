#include "controller/data_source/decide.h"

#include <gtest/gtest.h>

namespace millrace::controller::data_source {
namespace {

using resource::ConditionStatus;
using std::chrono::seconds;

TaskView RunningFor(const std::string& input) {
  TaskView task;
  task.input = input;
  task.running = true;
  task.stage = "reading files";
  return task;
}

TaskView FailedFor(const std::string& input, Status why, int64_t failures = 1, Micros ago = Micros(0)) {
  TaskView task;
  task.input = input;
  task.result = std::move(why);
  task.failures = failures;
  task.ended_ago = ago;
  return task;
}

const Committed kOld{.version = 3, .input = "old", .rows = 1000, .dead_letters = 2};
const Committed kNow{.version = 4, .input = "now", .rows = 1200, .dead_letters = 0};

struct Case {
  std::string name;
  Snapshot snapshot;
  Work work;
  bool cancel;
  ConditionStatus ready;
  std::string reason;
  std::string message_has;
};

std::vector<Case> ReadingCases() {
  return {
      {"nothing was read: read",
       {.input = std::string("now")},
       Work::kRead,
       false,
       ConditionStatus::kFalse,
       "Reading",
       "First read"},
      {"the table is current: nothing",
       {.input = std::string("now"), .committed = kNow},
       Work::kNone,
       false,
       ConditionStatus::kTrue,
       "UpToDate",
       "1,200 events in version 4."},
      {"files changed: read, and what is there stays ready",
       {.input = std::string("now"), .committed = kOld},
       Work::kRead,
       false,
       ConditionStatus::kTrue,
       "Updating",
       "1,000 events in version 3; 2 rows could not be used"},
      {"a read runs: wait",
       {.input = std::string("now"), .task = RunningFor("now")},
       Work::kNone,
       false,
       ConditionStatus::kFalse,
       "Reading",
       "reading files"},
      {"files changed while they are read: call it off",
       {.input = std::string("now"), .committed = kOld, .task = RunningFor("old")},
       Work::kNone,
       true,
       ConditionStatus::kTrue,
       "Updating",
       "reading files"},
      {"files vanish while they are read: let it end",
       {.input = NotFound("no file"), .task = RunningFor("old")},
       Work::kNone,
       false,
       ConditionStatus::kFalse,
       "Reading",
       "reading files"},
  };
}

std::vector<Case> WaitingCases() {
  return {
      {"no files: say so",
       {.input = NotFound("no file matches data/*.parquet")},
       Work::kNone,
       false,
       ConditionStatus::kFalse,
       "NotFound",
       "no file matches"},
      {"files are gone: the table stays in use",
       {.input = NotFound("no file."), .committed = kOld},
       Work::kNone,
       false,
       ConditionStatus::kFalse,
       "NotFound",
       "What was read before stays in use: 1,000 events"},
      {"a damaged file: not again until it changes",
       {.input = std::string("now"), .task = FailedFor("now", DataLoss("a.parquet is truncated"))},
       Work::kNone,
       false,
       ConditionStatus::kFalse,
       "DataLoss",
       "truncated"},
      {"a damaged file was replaced: read",
       {.input = std::string("now"), .task = FailedFor("old", DataLoss("a.parquet is truncated"))},
       Work::kRead,
       false,
       ConditionStatus::kFalse,
       "Reading",
       "First read"},
      {"replaced while read: again after the back-off, not before",
       {.input = std::string("now"), .task = FailedFor("now", Unavailable("replaced"), 3, Micros(0))},
       Work::kNone,
       false,
       ConditionStatus::kFalse,
       "Unavailable",
       "replaced"},
      {"replaced while read: again after the back-off",
       {.input = std::string("now"), .task = FailedFor("now", Unavailable("replaced"), 3, seconds(1))},
       Work::kRead,
       false,
       ConditionStatus::kFalse,
       "Reading",
       ""},
      {"pushed events wait for their interval",
       {.input = std::string("now"), .committed = kNow, .pushed = 5, .since_append = seconds(1)},
       Work::kNone,
       false,
       ConditionStatus::kTrue,
       "UpToDate",
       ""},
      {"pushed events are appended",
       {.input = std::string("now"), .committed = kNow, .pushed = 5, .since_append = kAppendEvery},
       Work::kAppend,
       false,
       ConditionStatus::kTrue,
       "UpToDate",
       ""},
      {"the interval alone appends nothing",
       {.input = std::string("now"), .committed = kNow, .pushed = 0, .since_append = kAppendEvery},
       Work::kNone,
       false,
       ConditionStatus::kTrue,
       "UpToDate",
       ""},
  };
}

std::vector<Case> BehindCases() {
  Snapshot behind{.input = std::string("now"), .committed = kNow, .pushed = 5, .since_append = kAppendEvery};
  Snapshot failed = behind;
  failed.append = FailedFor("pushed events", DataLoss("the table is damaged"), 1, seconds(1));
  Snapshot waited = failed;
  waited.append->ended_ago = kAppendEvery;
  Snapshot much = behind;
  much.unconfirmed_bytes = kMuchUnconfirmed;
  Snapshot full = failed;
  full.unconfirmed_bytes = full.unconfirmed_limit;
  return {
      {"an append failed: say why, and not again at once", failed, Work::kNone, false, ConditionStatus::kTrue,
       "AppendBehind", "the last attempt failed: the table is damaged."},
      {"an append failed: again after the interval, whatever it was", waited, Work::kAppend, false,
       ConditionStatus::kTrue, "AppendBehind", "5 pushed events wait"},
      {"much waits in the log: say from when on events are refused", much, Work::kAppend, false,
       ConditionStatus::kTrue, "AppendBehind", "From 2048 MiB on new events are refused"},
      {"the log is at its limit", full, Work::kNone, false, ConditionStatus::kFalse, "PushesRefused",
       "the table is damaged. The log is at its limit"},
  };
}

// Pushed events are due, whatever the files and the clock do.
std::vector<Case> DueCases() {
  const Snapshot due{
      .input = std::string("now"), .committed = kNow, .pushed = 5, .since_append = kAppendEvery};
  Snapshot gone = due;
  gone.input = NotFound("no file.");
  Snapshot gone_and_behind = gone;
  gone_and_behind.append = FailedFor("pushed events", DataLoss("the table is damaged"), 1, seconds(1));
  Snapshot changed = due;
  changed.committed = kOld;
  Snapshot damaged = changed;
  damaged.task = FailedFor("now", DataLoss("a.parquet is truncated"));
  Snapshot being_read = changed;
  being_read.task = RunningFor("now");
  Snapshot being_appended = due;
  being_appended.append = RunningFor("pushed events");
  Snapshot changed_meanwhile = changed;
  changed_meanwhile.append = RunningFor("pushed events");
  Snapshot first = due;
  first.committed.reset();
  Snapshot ahead = due;
  ahead.since_append = -std::chrono::hours(5);
  Snapshot ahead_just_done = ahead;
  ahead_just_done.append = FailedFor("pushed events", Ok(), 0, seconds(59));
  Snapshot ahead_done = ahead;
  ahead_done.append = FailedFor("pushed events", Ok(), 0, kAppendEvery);
  constexpr ConditionStatus kTrue = ConditionStatus::kTrue;
  constexpr ConditionStatus kFalse = ConditionStatus::kFalse;
  return {
      {"files are gone", gone, Work::kAppend, false, kFalse, "NotFound", "stays in use: 1,200 events"},
      {"files are gone and an append failed", gone_and_behind, Work::kNone, false, kFalse, "NotFound",
       "5 pushed events wait in the log (0 MiB) to be put there; the last attempt failed: the table is"},
      {"a file is damaged", damaged, Work::kAppend, false, kFalse, "DataLoss", "truncated"},
      {"files changed: before they are read", changed, Work::kAppend, false, kTrue, "Updating", "reading"},
      {"files are read: not beside it", being_read, Work::kNone, false, kTrue, "Updating", "reading files"},
      {"they are appended", being_appended, Work::kNone, false, kTrue, "UpToDate", "version 4."},
      {"files change while they are appended: read afterwards", changed_meanwhile, Work::kNone, false, kTrue,
       "Updating", "reading what has changed"},
      {"nothing was read: there is no table yet", first, Work::kRead, false, kFalse, "Reading", "First"},
      {"the table is of a time ahead", ahead, Work::kAppend, false, kTrue, "UpToDate", ""},
      {"of a time ahead, and appended just now", ahead_just_done, Work::kNone, false, kTrue, "UpToDate", ""},
      {"of a time ahead, and appended an interval ago", ahead_done, Work::kAppend, false, kTrue, "UpToDate",
       ""},
  };
}

TEST(DecideDataSource, FollowsItsTable) {
  std::vector<Case> cases = ReadingCases();
  for (const std::vector<Case>& more : {WaitingCases(), BehindCases(), DueCases()})
    cases.insert(cases.end(), more.begin(), more.end());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Decision decision = Decide(c.snapshot);
    EXPECT_EQ(decision.work, c.work);
    EXPECT_EQ(decision.cancel, c.cancel);
    EXPECT_EQ(decision.ready.status, c.ready);
    EXPECT_EQ(decision.ready.reason, c.reason);
    EXPECT_NE(decision.ready.message.find(c.message_has), std::string::npos) << decision.ready.message;
    EXPECT_GT(decision.look_again, Micros(0)) << "no event tells of changed files";
    EXPECT_LE(decision.look_again, kPoll);
  }
}

}  // namespace
}  // namespace millrace::controller::data_source
