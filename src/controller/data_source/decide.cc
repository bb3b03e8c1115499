#include "controller/data_source/decide.h"

namespace millrace::controller::data_source {
namespace {

std::string Holds(const Committed& committed) {
  std::string text = fmt::format("{} events in version {}", GroupDigits(committed.rows), committed.version);
  if (committed.dead_letters > 0) {
    text += fmt::format("; {} rows could not be used", GroupDigits(committed.dead_letters));
  }
  return text;
}

Decision Working(const Snapshot& snapshot) {
  Decision decision;
  decision.look_again = kPollWhileWorking;
  decision.cancel = snapshot.input.ok() && snapshot.task->input != *snapshot.input;
  const std::string progress = ProgressText(*snapshot.task);
  decision.ready = snapshot.committed
                       ? IsReady("Updating", fmt::format("{}; {}.", Holds(*snapshot.committed), progress))
                       : NotReady("Reading", fmt::format("First read; {}.", progress));
  return decision;
}

// Pushed events that could not be put in the table, or are many: how many, why, and what comes of it.
struct Waiting {
  std::string text;      // "" when there is nothing to say
  bool refused = false;  // no more are taken
};

Waiting WaitingInLog(const Snapshot& snapshot) {
  Waiting waiting;
  const bool much = snapshot.unconfirmed_bytes >= kMuchUnconfirmed;
  const bool failed =
      snapshot.pushed > 0 && snapshot.append && !snapshot.append->running && !snapshot.append->result.ok();
  if (!failed && !much) return waiting;
  waiting.text = fmt::format(" {} pushed events wait in the log ({} MiB) to be put there",
                             GroupDigits(snapshot.pushed), snapshot.unconfirmed_bytes >> 20);
  if (failed) {
    waiting.text += fmt::format("; the last attempt failed: {}", snapshot.append->result.message());
  }
  if (!waiting.text.ends_with('.')) waiting.text += '.';
  waiting.refused = snapshot.unconfirmed_bytes >= snapshot.unconfirmed_limit;
  if (waiting.refused) {
    waiting.text += " The log is at its limit: new events are refused, so that none is lost.";
  } else if (much) {
    waiting.text += fmt::format(" From {} MiB on new events are refused, so that none is lost.",
                                snapshot.unconfirmed_limit >> 20);
  }
  return waiting;
}

Decision Unreadable(const Snapshot& snapshot, const Status& why) {
  Decision decision;
  decision.look_again = kPoll;
  decision.ready = NotReady(why);
  if (snapshot.committed) {
    if (!decision.ready.message.ends_with('.')) decision.ready.message += '.';
    decision.ready.message +=
        fmt::format(" What was read before stays in use: {}.", Holds(*snapshot.committed));
    decision.ready.message += WaitingInLog(snapshot).text;
  }
  return decision;
}

// The table holds what the files do.
Ready UpToDate(const Snapshot& snapshot) {
  const std::string text = Holds(*snapshot.committed) + ".";
  const Waiting waiting = WaitingInLog(snapshot);
  if (waiting.text.empty()) return IsReady("UpToDate", text);
  return waiting.refused ? NotReady("PushesRefused", text + waiting.text)
                         : IsReady("AppendBehind", text + waiting.text);
}

// What the files ask for.
Decision DecideFiles(const Snapshot& snapshot) {
  if (!snapshot.input.ok()) return Unreadable(snapshot, snapshot.input.status());
  Decision decision;
  decision.look_again = kPoll;
  if (snapshot.committed && snapshot.committed->input == *snapshot.input) {
    decision.ready = UpToDate(snapshot);
    return decision;
  }
  const bool tried = snapshot.task && snapshot.task->input == *snapshot.input && !snapshot.task->result.ok();
  if (tried) {
    Decision failed = Unreadable(snapshot, snapshot.task->result);
    const std::optional<Micros> retry = RetryIn(*snapshot.task);
    if (retry && retry->count() > 0) failed.look_again = std::min(*retry, kPoll);
    if (!retry || retry->count() > 0) return failed;
  }
  decision.work = Work::kRead;
  decision.look_again = kPollWhileWorking;
  decision.ready =
      snapshot.committed
          ? IsReady("Updating", fmt::format("{}; reading what has changed.", Holds(*snapshot.committed)))
          : NotReady("Reading", "First read of the files.");
  return decision;
}

// By the clock that may step, since the table's newest version, and by the one that may not, since this
// process last tried: a table from a time ahead is no reason to wait until then, nor to go on and on.
bool AppendIsDue(const Snapshot& snapshot) {
  if (!snapshot.committed || snapshot.pushed <= 0) return false;
  if (snapshot.append && snapshot.append->ended_ago < kAppendEvery) return false;
  return snapshot.since_append >= kAppendEvery || snapshot.since_append < Micros(0);
}

}  // namespace

// Read and append write the same tables: one at a time. The append goes first, because files that
// change faster than they are read would keep it waiting for ever.
Decision Decide(const Snapshot& snapshot) {
  if (snapshot.task && snapshot.task->running) return Working(snapshot);
  Decision decision = DecideFiles(snapshot);
  if (snapshot.append && snapshot.append->running) {
    decision.work = Work::kNone;
    decision.look_again = std::min(decision.look_again, kPollWhileWorking);
  } else if (AppendIsDue(snapshot)) {
    decision.work = Work::kAppend;
  }
  return decision;
}

OnlineDecision DecideOnline(const OnlineSnapshot& snapshot) {
  OnlineDecision decision;
  if (snapshot.wanted.empty() || snapshot.wanted == snapshot.held) return decision;
  decision.look_again = kPollWhileWorking;
  if (snapshot.task && snapshot.task->running) return decision;
  if (snapshot.task && snapshot.task->input == snapshot.wanted && !snapshot.task->result.ok()) {
    decision.failure = snapshot.task->result.message();
    const std::optional<Micros> retry = RetryIn(*snapshot.task);
    decision.look_again = retry.value_or(Micros(0));
    decision.load = retry && retry->count() == 0;
    return decision;
  }
  decision.load = true;
  return decision;
}

}  // namespace millrace::controller::data_source
