#include "controller/feature_service/decide.h"

#include "base/text.h"

namespace millrace::controller::feature_service {

Decision Decide(const Snapshot& snapshot) {
  if (!snapshot.waiting_for.empty()) {
    return {NotReady("WaitingForViews", fmt::format("Not ready yet: {}.", Join(snapshot.waiting_for, ", ")))};
  }
  if (!snapshot.features.ok()) return {NotReady(snapshot.features.status())};
  return {IsReady("Compiled", fmt::format("{} inputs, in order.", *snapshot.features))};
}

}  // namespace millrace::controller::feature_service
