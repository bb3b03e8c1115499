// What may be done (Permission) and who may do it (Role → permissions).
//
// A route is declared with exactly one Permission. A Role is a fixed set of
// permissions; somebody has a role on the whole platform (a token's role) or in
// one Project (a grant). Plain values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace::security {

// There is deliberately no "none": what needs nothing says kPublic.
enum class Permission : uint8_t {
  kPublic = 1,      // health alone: no identity needed
  kResourcesRead,   // get, list and watch resources and their status
  kResourcesWrite,  // create, change, apply and delete resources
  kPredict,         // ask an endpoint for predictions
  kFeaturesRead,    // look features up
  kPush,            // send events
  kRegistryRead,    // experiments, runs, versions, aliases
  kRegistryWrite,   // log runs, register versions, move aliases
  kLogsRead,        // a training run's log
  kMetricsRead,     // /metrics
  kAuditRead,       // the audit log
  kAdmin,           // projects, grants and tokens
};

enum class Role : uint8_t { kViewer = 1, kEditor, kAdmin };

// viewer: reads, features and predictions. editor: also writes, pushes and the
// registry. admin: everything.
bool RoleHas(Role role, Permission permission);

// "resources.read", "predict", …
std::string_view PermissionName(Permission permission);
// "viewer", "editor", "admin".
std::string_view RoleName(Role role);
std::optional<Role> ParseRole(std::string_view name);

std::span<const Permission> AllPermissions();
std::span<const Role> AllRoles();

}  // namespace millrace::security
