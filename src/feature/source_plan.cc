// SourcePlan: what time and identity mean in a source's rows.
#include "feature/internal/plan_text.h"
#include "feature/plan.h"

namespace millrace::feature {

Result<SourcePlan> PlanSource(const std::string& name, const resource::DataSourceSpec& spec,
                              const Schema& schema) {
  SourcePlan plan;
  plan.name = name;
  plan.schema = schema;
  plan.lateness = spec.lateness;
  MR_ASSIGN_OR_RETURN(plan.event_time, FindColumn(schema, spec.event_time, "spec.eventTime"));
  if (schema[plan.event_time].type != DataType::kTimestamp) {
    return InvalidArgument("spec.eventTime: {} is {}, and an event time is a timestamp", spec.event_time,
                           DataTypeName(schema[plan.event_time].type));
  }
  if (!spec.event_id.empty()) {
    MR_ASSIGN_OR_RETURN(plan.event_id, FindColumn(schema, spec.event_id, "spec.eventId"));
    const DataType type = schema[*plan.event_id].type;
    if (type != DataType::kInt64 && type != DataType::kString) {
      return InvalidArgument("spec.eventId: {} is {}, and an id is int64 or string", spec.event_id,
                             DataTypeName(type));
    }
  }
  for (const resource::SourceColumn& column : spec.columns) {
    if (!column.known_after || column.known_after->count() == 0) continue;
    const std::string where = fmt::format("spec.columns: {}", column.name);
    MR_ASSIGN_OR_RETURN(const size_t index, FindColumn(schema, column.name, "spec.columns"));
    if (index == plan.event_time || index == plan.event_id) {
      return InvalidArgument("{}: an event's time and id are known with it, not later", where);
    }
    if (*column.known_after < Micros(0) || *column.known_after > kLongestTime) {
      return InvalidArgument("{}: knownAfter must lie between 0 and 36500d", where);
    }
    plan.known_after.emplace(column.name, *column.known_after);
  }
  return plan;
}

}  // namespace millrace::feature
