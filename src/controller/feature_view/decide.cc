#include "controller/feature_view/decide.h"

namespace millrace::controller::feature_view {
namespace {

constexpr Micros kWhileWorking = std::chrono::seconds(1);

Decision Working(const Snapshot& snapshot) {
  Decision decision;
  decision.look_again = kWhileWorking;
  decision.cancel = snapshot.input.ok() && snapshot.task->input != *snapshot.input;
  decision.ready =
      NotReady("Computing", fmt::format("The table of features is made; {}.", ProgressText(*snapshot.task)));
  return decision;
}

}  // namespace

Decision Decide(const Snapshot& snapshot) {
  Decision decision;
  if (!snapshot.source_version) {
    decision.ready =
        NotReady("WaitingForSource", fmt::format("DataSource {} has no events yet.", snapshot.source));
    return decision;
  }
  if (snapshot.task && snapshot.task->running) return Working(snapshot);
  if (!snapshot.input.ok()) {
    decision.ready = NotReady(snapshot.input.status());
    return decision;
  }
  if (snapshot.offline_input != *snapshot.input) {
    const bool tried =
        snapshot.task && snapshot.task->input == *snapshot.input && !snapshot.task->result.ok();
    if (tried) {
      decision.ready = NotReady(snapshot.task->result);
      const std::optional<Micros> retry = RetryIn(*snapshot.task);
      if (!retry) return decision;
      decision.look_again = *retry;
      if (retry->count() > 0) return decision;
    }
    decision.compute = true;
    decision.look_again = kWhileWorking;
    decision.ready = NotReady("Computing", "The table of features is to be made.");
    return decision;
  }
  if (!snapshot.online) {
    decision.look_again = kWhileWorking;
    decision.ready =
        NotReady("LoadingOnline", fmt::format("{} rows in version {} of the table; the events are being "
                                              "loaded into the online state.",
                                              GroupDigits(snapshot.rows), snapshot.offline_version));
    return decision;
  }
  decision.ready = IsReady("UpToDate", fmt::format("{} rows in version {} of the table; {} keys online.",
                                                   GroupDigits(snapshot.rows), snapshot.offline_version,
                                                   GroupDigits(snapshot.online_keys)));
  return decision;
}

}  // namespace millrace::controller::feature_view
