// DataSource: keep the table of cleaned events equal to what the files hold,
// and take in the events that came by push.
//
//   files ─▶ input digest ─▶ differs from the table's? ─▶ read ─▶ new version of offline/P/sources/S
//   pushed events ─▶ append to it, at intervals, whatever becomes of the files
//
// Decide is pure: a snapshot in, what to do and what to say out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "controller/ready.h"
#include "controller/task_set.h"

namespace millrace::controller::data_source {

// What the newest version of the table of events was made from.
struct Committed {
  int64_t version = 0;
  std::string input = {};  // digest of the files and of what the spec reads from them
  int64_t rows = 0;
  int64_t dead_letters = 0;
};

struct Snapshot {
  Result<std::string> input = std::string();  // the digest now, or why the files cannot be read
  std::optional<Committed> committed = {};
  int64_t pushed = 0;                            // events that came by push and are not in the table
  Micros since_append{0};                        // since its newest version; negative: the clock went back
  int64_t unconfirmed_bytes = 0;                 // of the online log, with events that are not in the table
  int64_t unconfirmed_limit = int64_t{2} << 30;  // where the online log takes no more of them
  std::optional<TaskView> task = {};             // the read that runs or ended last
  std::optional<TaskView> append = {};           // the append that runs or ended last
};

enum class Work { kNone, kRead, kAppend };

struct Decision {
  Work work = Work::kNone;
  bool cancel = false;  // the running read's input is out of date
  Ready ready;
  Micros look_again{0};  // no event tells of changed files
};

// How often files are looked at, and how long pushed events wait to be in the table.
inline constexpr Micros kPoll = std::chrono::seconds(2);
inline constexpr Micros kPollWhileWorking = std::chrono::seconds(1);
inline constexpr Micros kAppendEvery = std::chrono::seconds(60);

// Pushed events that wait in the log are spoken of from here on.
inline constexpr int64_t kMuchUnconfirmed = int64_t{256} << 20;

Decision Decide(const Snapshot& snapshot);

// The online state of the source: which events and views it should hold, and
// which it does.
struct OnlineSnapshot {
  std::string wanted = {};  // marker; "" while nothing was read
  std::string held = {};    // marker of what was loaded last; "" for nothing
  std::optional<TaskView> task = {};
};

struct OnlineDecision {
  bool load = false;
  std::string failure;  // why the last load failed, "" when it did not
  Micros look_again{0};
};

OnlineDecision DecideOnline(const OnlineSnapshot& snapshot);

}  // namespace millrace::controller::data_source
