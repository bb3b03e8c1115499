#include <algorithm>
#include <utility>

#include "resource/resource.h"

namespace millrace::resource {
namespace {

Json ToJson(const Condition& condition) {
  return {{"type", condition.type},
          {"status", std::string(ConditionStatusName(condition.status))},
          {"reason", condition.reason},
          {"message", condition.message},
          {"observedGeneration", condition.observed_generation},
          {"lastTransitionTime", FormatTime(condition.last_transition_time)}};
}

std::string TextOr(const Json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Condition FromJson(const Json& json) {
  Condition condition;
  condition.type = TextOr(json, "type");
  condition.reason = TextOr(json, "reason");
  condition.message = TextOr(json, "message");
  for (const ConditionStatus status : {ConditionStatus::kTrue, ConditionStatus::kFalse}) {
    if (TextOr(json, "status") == ConditionStatusName(status)) condition.status = status;
  }
  if (const auto found = json.find("observedGeneration"); found != json.end() && found->is_number_integer()) {
    condition.observed_generation = found->get<int64_t>();
  }
  condition.last_transition_time = ParseTime(TextOr(json, "lastTransitionTime")).value_or(EventTime{});
  return condition;
}

// The entry of that type in status.conditions; null when there is none.
template <typename JsonType>
JsonType* Entry(JsonType& status, std::string_view type) {
  if (!status.is_object()) return nullptr;
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return nullptr;
  for (auto& entry : *conditions) {
    if (entry.is_object() && TextOr(entry, "type") == type) return &entry;
  }
  return nullptr;
}

}  // namespace

std::string_view ConditionStatusName(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kTrue:
      return "True";
    case ConditionStatus::kFalse:
      return "False";
    case ConditionStatus::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

bool SetCondition(Json& status, Condition condition, EventTime now) {
  if (!status.is_object()) status = Json::object();
  condition.last_transition_time = now;
  Json* entry = Entry(status, condition.type);
  if (entry == nullptr) {
    Json& conditions = status["conditions"];
    if (!conditions.is_array()) conditions = Json::array();
    conditions.push_back(ToJson(condition));
    return true;
  }
  const Condition before = FromJson(*entry);
  if (before.status == condition.status) condition.last_transition_time = before.last_transition_time;
  Json after = ToJson(condition);
  const bool changed = after != *entry;
  *entry = std::move(after);
  return changed;
}

std::optional<Condition> FindCondition(const Json& status, std::string_view type) {
  const Json* entry = Entry(status, type);
  if (entry == nullptr) return std::nullopt;
  return FromJson(*entry);
}

bool IsTrue(const Json& status, std::string_view type) {
  const std::optional<Condition> condition = FindCondition(status, type);
  return condition && condition->status == ConditionStatus::kTrue;
}

}  // namespace millrace::resource
