// A Resource: metadata, a spec that a person wrote, a status that controllers
// write; in JSON it has the shape that the Kubernetes API gives its objects.
//
//   Resource model = …;
//   SetCondition(model.status, {.type = "Ready", .status = ConditionStatus::kFalse,
//                               .reason = "GateFailed", .message = "average_precision is 0.41, below 0.6."},
//                clock.Now());
//
// Plain values; copy freely.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"

namespace millrace::resource {

struct ResourceKey {
  std::string kind;
  std::string project;  // "" for a Project
  std::string name;

  auto operator<=>(const ResourceKey&) const = default;
  // "FeatureView customer-spending", with "project/" before the name where it isn't the default one.
  std::string ToString() const;
};

struct OwnerReference {
  std::string kind;
  std::string name;
  std::string uid;
  bool operator==(const OwnerReference&) const = default;
};

struct Metadata {
  std::string name;
  std::string project;           // `namespace` in JSON; "" for a Project
  std::string uid;               // set by the store
  std::string resource_version;  // set by the store; grows with every write of any resource
  int64_t generation = 0;        // set by the store; grows with every change of spec
  Json labels = Json::object();
  Json annotations = Json::object();
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owner_references;
  EventTime creation_time;                 // set by the store
  std::optional<EventTime> deletion_time;  // set when deletion was asked for and finalizers remain
  std::string manager;                     // who applied it last
};

struct Resource {
  std::string kind;
  Metadata metadata;
  Json spec = Json::object();
  Json status = Json::object();

  ResourceKey Key() const { return {kind, metadata.project, metadata.name}; }
  Json ToJson() const;
  // Expects the shape only (strings are strings, …): the kinds' rules are validate.h's.
  static Result<Resource> FromJson(const Json& document);
};

enum class ConditionStatus : uint8_t { kTrue, kFalse, kUnknown };
std::string_view ConditionStatusName(ConditionStatus status);

struct Condition {
  std::string type;  // "Ready"
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason;   // one word, PascalCase
  std::string message;  // a sentence for a person
  int64_t observed_generation = 0;
  EventTime last_transition_time;  // set by SetCondition
};

// Replaces the condition of that type, or adds it. The transition time changes
// only with the status. True when anything but that time changed.
bool SetCondition(Json& status, Condition condition, EventTime now);
std::optional<Condition> FindCondition(const Json& status, std::string_view type);
// The condition is there and true.
bool IsTrue(const Json& status, std::string_view type);

// The value of a path such as "spec.split.gap", "status.features[0].name" or
// "status.conditions[Ready]" (that condition's status); null when there is none.
Json ValueAt(const Json& document, std::string_view path);

// "a=b,c!=d,e,!f,g in (x,y),h notin (z)": the label selectors of Kubernetes.
class LabelSelector {
 public:
  static Result<LabelSelector> Parse(std::string_view text);  // "" matches all
  bool Matches(const Json& labels) const;
  bool empty() const { return requirements_.empty(); }

 private:
  enum class Operator : uint8_t { kIn, kNotIn, kExists, kNotExists };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;
  };
  static Result<Requirement> ParseRequirement(std::string_view text);
  std::vector<Requirement> requirements_;
};

}  // namespace millrace::resource
