#include "controller/status_writer.h"

#include "base/log.h"

namespace millrace::controller {

Status WriteStatus(Context& context, const resource::Resource& resource, const Json& fields,
                   const Ready& ready) {
  resource::Resource changed = resource;
  MergePatch(changed.status, fields);
  changed.status["observedGeneration"] = resource.metadata.generation;
  const std::optional<resource::Condition> before = resource::FindCondition(resource.status, "Ready");
  const bool condition_changed = resource::SetCondition(changed.status,
                                                        {.type = "Ready",
                                                         .status = ready.status,
                                                         .reason = ready.reason,
                                                         .message = ready.message,
                                                         .observed_generation = resource.metadata.generation,
                                                         .last_transition_time = {}},
                                                        context.stores.clock.Now());
  if (!condition_changed && changed.status == resource.status) return Ok();
  MR_RETURN_IF_ERROR(context.stores.resources.UpdateStatus(changed, {.actor = std::string(kActor)}).status());
  if (!before || before->reason != ready.reason || before->status != ready.status) {
    Log(ready.status == resource::ConditionStatus::kFalse ? LogLevel::kDebug : LogLevel::kInfo, ready.message,
        {{"resource", resource.Key().ToString()}, {"reason", ready.reason}});
  }
  return Ok();
}

}  // namespace millrace::controller
