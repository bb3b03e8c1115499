#include "controller/ready.h"

#include <algorithm>
#include <cstdlib>

#include "controller/work_queue.h"

namespace millrace::controller {

Ready IsReady(std::string reason, std::string message) {
  return {resource::ConditionStatus::kTrue, std::move(reason), std::move(message)};
}

Ready NotReady(std::string reason, std::string message) {
  return {resource::ConditionStatus::kFalse, std::move(reason), std::move(message)};
}

Ready NotReady(const Status& status) {
  return NotReady(std::string(CodeName(status.code())), status.message());
}

std::string GroupDigits(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string ProgressText(const TaskView& task) {
  if (task.stage.empty()) return "waiting for its turn";
  if (task.done <= 0) return task.stage;
  if (task.total <= 0 || task.done > task.total)
    return fmt::format("{}: {}", task.stage, GroupDigits(task.done));
  const double share = static_cast<double>(task.done) / static_cast<double>(task.total);
  std::string text = fmt::format("{}: {} of {} ({:.0f}%)", task.stage, GroupDigits(task.done),
                                 GroupDigits(task.total), std::min(100.0, share * 100));
  const double seconds = static_cast<double>(task.elapsed.count()) / 1e6;
  if (seconds >= 1 && task.done < task.total)
    text += fmt::format(", {:.0f} s left", seconds / share * (1 - share));
  return text;
}

bool Retryable(Code code) {
  switch (code) {
    case Code::kConflict:
    case Code::kResourceExhausted:
    case Code::kDeadlineExceeded:
    case Code::kCancelled:
    case Code::kUnavailable:
    case Code::kInternal:
      return true;
    default:
      return false;
  }
}

std::optional<Micros> RetryIn(const TaskView& task) {
  if (!Retryable(task.result.code())) return std::nullopt;
  return std::max(Micros(0), Backoff(task.failures) - task.ended_ago);
}

}  // namespace millrace::controller
