#include "cli/progress.h"

#include <algorithm>

#include "controller/ready.h"

namespace millrace::cli {
namespace {

// Reasons that time changes.
bool Passes(const std::string& reason) {
  for (const std::string_view prefix : {"Starting", "Waiting", "Reading", "Computing", "Loading", "Running",
                                        "Retrying", "Training", "Cancelling", "Updating"}) {
    // "TrainingFailed" and "TrainingCancelled" do not pass.
    if (reason.starts_with(prefix)) return !reason.ends_with("Failed") && !reason.ends_with("Cancelled");
  }
  return reason == "Unavailable";
}

bool IsCurrent(const resource::Resource& resource, const resource::Condition& condition) {
  return condition.observed_generation >= resource.metadata.generation;
}

}  // namespace

Overview Summarise(const std::vector<resource::Resource>& resources) {
  Overview overview;
  for (const resource::Resource& resource : resources) {
    ++overview.total;
    const std::optional<resource::Condition> ready = resource::FindCondition(resource.status, "Ready");
    if (!ready || !IsCurrent(resource, *ready)) continue;
    if (ready->status == resource::ConditionStatus::kTrue) {
      // A model that still trains its next version is not done, though it answers.
      if (!Passes(ready->reason)) ++overview.ready;
    } else if (!Passes(ready->reason) && overview.failure.empty()) {
      overview.failure = fmt::format("{}: {}", resource.Key().ToString(), ready->message);
    }
  }
  return overview;
}

void Progress::SayChanges(const std::vector<resource::Resource>& resources) {
  for (const resource::Resource& resource : resources) {
    const std::optional<resource::Condition> ready = resource::FindCondition(resource.status, "Ready");
    if (!ready || !IsCurrent(resource, *ready)) continue;
    std::string& said = said_[resource.Key()];
    const bool holds = ready->status == resource::ConditionStatus::kTrue;
    if (said == ready->reason) continue;
    said = ready->reason;
    // What passes is in the live line.
    if (Passes(ready->reason)) continue;
    line_.Say(fmt::format("{} {}: {}", holds ? "✓" : "✗", resource.Key().ToString(), ready->message));
  }
}

void Progress::Tick() {
  const Result<resource::ResourceList> list = platform_.resources().List(resource::ListOptions());
  if (!list.ok()) return;
  overview_ = Summarise(list->items);
  SayChanges(list->items);
  const std::map<std::string, controller::TaskView> running = platform_.Running();
  const auto busiest = std::find_if(running.begin(), running.end(),
                                    [](const auto& task) { return !task.second.stage.empty(); });
  if (busiest == running.end()) return;
  std::string name = busiest->first.substr(0, busiest->first.find('#'));
  name = name.substr(0, name.find('/')) + " " + name.substr(name.rfind('/') + 1);
  std::string text = fmt::format("{}: {}", name, controller::ProgressText(busiest->second));
  const double seconds = static_cast<double>(busiest->second.elapsed.count()) / 1e6;
  if (busiest->second.done > 1000 && seconds > 0.5) {
    text += fmt::format(
        " ({}/s)",
        controller::GroupDigits(static_cast<int64_t>(static_cast<double>(busiest->second.done) / seconds)));
  }
  if (running.size() > 1) text += fmt::format(" and {} more", running.size() - 1);
  line_.Show(text);
}

}  // namespace millrace::cli
