// Kubernetes' MicroTime: RFC 3339 in UTC with exactly six digits of fraction;
// its parser takes no other form.
#pragma once

#include <string>

#include "base/time.h"

namespace millrace::kube::internal {

inline std::string FormatMicroTime(EventTime time) {
  int64_t fraction = time.micros % 1'000'000;
  if (fraction < 0) fraction += 1'000'000;
  std::string text = FormatTime({time.micros - fraction});
  text.pop_back();  // the Z
  return fmt::format("{}.{:06}Z", text, fraction);
}

}  // namespace millrace::kube::internal
