// The condition Ready, as decide functions say it, and what they share.
//
// Each kind has one condition of this type and one writer of it: its
// controller. `reason` is one word for programs, `message` a sentence for people.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "base/time.h"
#include "controller/task_set.h"
#include "resource/resource.h"

namespace millrace::controller {

struct Ready {
  resource::ConditionStatus status = resource::ConditionStatus::kUnknown;
  std::string reason;
  std::string message;

  bool operator==(const Ready&) const = default;
};

Ready IsReady(std::string reason, std::string message);
Ready NotReady(std::string reason, std::string message);
// Not ready because of `status`: its code is the reason, its sentence the message.
Ready NotReady(const Status& status);

// "reading files: 1,200,000 of 1,754,155 (68%), 4 s left"; "waiting for its turn" before the first report.
std::string ProgressText(const TaskView& task);

// 1234567 → "1,234,567".
std::string GroupDigits(int64_t number);

// True when trying the same again may help: the cause lies outside the input.
bool Retryable(Code code);

// How long to wait before the ended, failed task is tried again; 0: now; empty: never.
std::optional<Micros> RetryIn(const TaskView& task);

}  // namespace millrace::controller
