#include "controller/model/decide.h"

#include <algorithm>

namespace millrace::controller::model {
namespace {

// The newest version of the current definition; null when there is none.
const Version* Current(const Snapshot& snapshot) {
  const Version* newest = nullptr;
  for (const Version& version : snapshot.versions) {
    if (version.definition != *snapshot.definition) continue;
    if (newest == nullptr || version.version > newest->version) newest = &version;
  }
  return newest;
}

// Ready when an older version serves meanwhile.
Ready Meanwhile(const Snapshot& snapshot, std::string reason, std::string message) {
  if (!snapshot.promoted) return NotReady(std::move(reason), std::move(message));
  if (!message.ends_with('.')) message += '.';
  message += fmt::format(" Version {} is {} meanwhile.", *snapshot.promoted, snapshot.alias);
  return IsReady(std::move(reason), std::move(message));
}

Ready OfVersion(const Snapshot& snapshot, const Version& version) {
  if (snapshot.promoted == version.version) {
    return IsReady("Promoted", fmt::format("Version {} is {}.", version.version, snapshot.alias));
  }
  if (version.passed) {
    return Meanwhile(
        snapshot, "NotPromoted",
        fmt::format("Version {} may be promoted ({}), but the alias {} has not been moved to it.",
                    version.version, version.reason, snapshot.alias));
  }
  return Meanwhile(
      snapshot, "NotPromoted",
      fmt::format("Version {} was not promoted: {}", version.version,
                  version.reason.empty() ? "nobody has moved the alias to it." : version.reason));
}

Ready OfJob(const Snapshot& snapshot, const Job& job) {
  if (job.phase == "Failed" || job.phase == "Cancelled") {
    return Meanwhile(
        snapshot, "Training" + job.phase,
        fmt::format("TrainingJob {}: {}{} Delete the job to try again, or change the definition.", job.name,
                    job.message, job.message.ends_with('.') ? "" : "."));
  }
  return Meanwhile(
      snapshot, "Training",
      fmt::format("TrainingJob {} {}", job.name,
                  job.message.empty() ? "was made for the current definition." : "says: " + job.message));
}

}  // namespace

std::string JobName(const std::string& model, const std::string& definition) {
  // A resource's name has at most 63 characters.
  return model.substr(0, 54) + "-" + definition.substr(0, 8);
}

Decision Decide(const Snapshot& snapshot) {
  if (!snapshot.definition.ok()) {
    const Status& why = snapshot.definition.status();
    const std::string reason =
        why.code() == Code::kUnavailable ? "WaitingForInputs" : std::string(CodeName(why.code()));
    return {.create_job = "", .ready = Meanwhile(snapshot, reason, why.message())};
  }
  // A job that goes on has its last word yet to say: it registers, then promotes.
  const bool job_ended = !snapshot.job || snapshot.job->phase == "Succeeded" ||
                         snapshot.job->phase == "Failed" || snapshot.job->phase == "Cancelled";
  const Version* version = Current(snapshot);
  if (version != nullptr && (job_ended || snapshot.promoted == version->version)) {
    return {.create_job = "", .ready = OfVersion(snapshot, *version)};
  }
  if (snapshot.job) return {.create_job = "", .ready = OfJob(snapshot, *snapshot.job)};
  const std::string job = JobName(snapshot.name, *snapshot.definition);
  return {.create_job = job,
          .ready = Meanwhile(snapshot, "Training",
                             fmt::format("TrainingJob {} is made for the current definition.", job))};
}

}  // namespace millrace::controller::model
