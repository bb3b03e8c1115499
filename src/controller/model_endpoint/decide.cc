#include "controller/model_endpoint/decide.h"

namespace millrace::controller::model_endpoint {
namespace {

constexpr Micros kWhileLoading = std::chrono::milliseconds(250);

// Ready when another version serves meanwhile.
Ready Meanwhile(const Snapshot& snapshot, std::string reason, std::string message) {
  if (!snapshot.serving) return NotReady(std::move(reason), std::move(message));
  message += fmt::format(" Version {} keeps answering.", *snapshot.serving);
  return IsReady(std::move(reason), std::move(message));
}

}  // namespace

Decision Decide(const Snapshot& snapshot) {
  Decision decision;
  if (!snapshot.wanted.ok()) {
    const bool none_yet = snapshot.wanted.status().code() == Code::kNotFound;
    decision.ready = Meanwhile(snapshot, none_yet ? "WaitingForVersion" : "Unresolvable",
                               fmt::format("{}: {}", snapshot.model, snapshot.wanted.status().message()));
    return decision;
  }
  const int64_t wanted = *snapshot.wanted;
  if (snapshot.serving == wanted) {
    decision.ready = IsReady("Serving", fmt::format("Version {} answers at {}.", wanted, snapshot.url));
    return decision;
  }
  if (snapshot.task && snapshot.task->running) {
    decision.look_again = kWhileLoading;
    decision.ready =
        Meanwhile(snapshot, "Loading", fmt::format("Version {} is being loaded.", snapshot.task->input));
    return decision;
  }
  if (!snapshot.inputs.ok()) {
    decision.ready = Meanwhile(snapshot, "WaitingForInputs", snapshot.inputs.message());
    return decision;
  }
  if (snapshot.task && !snapshot.task->result.ok() && snapshot.task->input == std::to_string(wanted)) {
    decision.ready = Meanwhile(
        snapshot, std::string(CodeName(snapshot.task->result.code())),
        fmt::format("Version {} cannot be served{}: {}", wanted,
                    Retryable(snapshot.task->result.code()) ? " yet" : "", snapshot.task->result.message()));
    const std::optional<Micros> retry = RetryIn(*snapshot.task);
    if (!retry) return decision;
    decision.look_again = *retry;
    if (retry->count() > 0) return decision;
  }
  decision.load = wanted;
  decision.look_again = kWhileLoading;
  decision.ready = Meanwhile(snapshot, "Loading", fmt::format("Version {} is to be loaded.", wanted));
  return decision;
}

}  // namespace millrace::controller::model_endpoint
