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

Decision Unreadable(const Snapshot& snapshot, const Status& why) {
  Decision decision;
  decision.look_again = kPoll;
  decision.ready = NotReady(why);
  if (snapshot.committed) {
    if (!decision.ready.message.ends_with('.')) decision.ready.message += '.';
    decision.ready.message +=
        fmt::format(" What was read before stays in use: {}.", Holds(*snapshot.committed));
  }
  return decision;
}

// The table holds what the files do. `append`: why pushed events could not be put there last time.
Ready UpToDate(const Snapshot& snapshot, const Status& append) {
  std::string text = Holds(*snapshot.committed) + ".";
  const bool much = snapshot.unconfirmed_bytes >= kMuchUnconfirmed;
  if (append.ok() && !much) return IsReady("UpToDate", text);
  text += fmt::format(" {} pushed events wait in the log ({} MiB) to be put there",
                      GroupDigits(snapshot.pushed), snapshot.unconfirmed_bytes >> 20);
  if (!append.ok()) text += fmt::format("; the last attempt failed: {}", append.message());
  if (!text.ends_with('.')) text += '.';
  if (snapshot.unconfirmed_bytes >= snapshot.unconfirmed_limit)
    return NotReady("PushesRefused",
                    text + " The log is at its limit: new events are refused, so that none is lost.");
  if (much) {
    text += fmt::format(" From {} MiB on new events are refused, so that none is lost.",
                        snapshot.unconfirmed_limit >> 20);
  }
  return IsReady("AppendBehind", text);
}

}  // namespace

Decision Decide(const Snapshot& snapshot) {
  if (snapshot.task && snapshot.task->running) return Working(snapshot);
  if (!snapshot.input.ok()) return Unreadable(snapshot, snapshot.input.status());

  Decision decision;
  decision.look_again = kPoll;
  const bool current = snapshot.committed && snapshot.committed->input == *snapshot.input;
  const bool tried = snapshot.task && snapshot.task->input == *snapshot.input && !snapshot.task->result.ok();
  if (current) {
    const bool waited = !tried || snapshot.task->ended_ago >= kAppendEvery;
    const bool due = snapshot.pushed > 0 && snapshot.since_append >= kAppendEvery && waited;
    decision.work = due ? Work::kAppend : Work::kNone;
    decision.ready = UpToDate(snapshot, tried && snapshot.pushed > 0 ? snapshot.task->result : Ok());
    return decision;
  }
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
