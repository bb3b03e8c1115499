// Names of things in the Kubernetes API: kinds, resources, objects, and the
// paths that they have on the server.
//
//   const GroupVersionResource kJobs{"batch", "v1", "jobs"};
//   PathOf({kJobs, "team-a", "train-7"})   → /apis/batch/v1/namespaces/team-a/jobs/train-7
//   Describe({kJobs, "team-a", "train-7"}) → jobs.batch "train-7" in namespace "team-a"
//
// Values; PathOf fails with InvalidArgument for a part that could not stand in a
// path (empty, "..", with a slash), so that a name from outside never reaches
// another object.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::kube {

struct GroupVersionKind {
  std::string group;  // "" is the core group
  std::string version;
  std::string kind;

  auto operator<=>(const GroupVersionKind&) const = default;
  // "batch/v1", or "v1" for the core group.
  std::string ApiVersion() const;
  // "batch/v1 Job"
  std::string ToString() const;
};

struct GroupVersionResource {
  std::string group;  // "" is the core group
  std::string version;
  std::string resource;  // plural, lower case: "jobs"

  auto operator<=>(const GroupVersionResource&) const = default;
  std::string ApiVersion() const;
  // "jobs.batch", or "pods" for the core group.
  std::string ToString() const;
};

// "batch/v1" and a kind, as they stand in an object.
Result<GroupVersionKind> ParseApiVersion(std::string_view api_version, std::string_view kind);

struct ObjectName {
  GroupVersionResource resource;
  std::string ns;           // "": cluster-wide, or all namespaces of a list
  std::string name;         // "": the collection
  std::string subresource;  // "status", "scale", "log", …

  auto operator<=>(const ObjectName&) const = default;
};

Result<std::string> PathOf(const ObjectName& object);
std::string Describe(const ObjectName& object);

}  // namespace millrace::kube
