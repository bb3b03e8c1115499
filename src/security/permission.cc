#include "security/permission.h"

#include <array>

#include "security/identity.h"

namespace millrace::security {
namespace {

struct PermissionRow {
  Permission permission;
  std::string_view name;
  bool viewer;
  bool editor;
};

// One line a permission; an admin has them all.
constexpr std::array<PermissionRow, 12> kTable = {{
    {Permission::kPublic, "public", true, true},
    {Permission::kResourcesRead, "resources.read", true, true},
    {Permission::kResourcesWrite, "resources.write", false, true},
    {Permission::kPredict, "predict", true, true},
    {Permission::kFeaturesRead, "features.read", true, true},
    {Permission::kPush, "push", false, true},
    {Permission::kRegistryRead, "registry.read", true, true},
    {Permission::kRegistryWrite, "registry.write", false, true},
    {Permission::kLogsRead, "logs.read", true, true},
    {Permission::kMetricsRead, "metrics.read", true, true},
    {Permission::kAuditRead, "audit.read", false, false},
    {Permission::kAdmin, "admin", false, false},
}};

constexpr std::array<Role, 3> kRoles = {Role::kViewer, Role::kEditor, Role::kAdmin};

constexpr std::array<Permission, kTable.size()> Permissions() {
  std::array<Permission, kTable.size()> all{};
  for (size_t i = 0; i < kTable.size(); ++i) all[i] = kTable[i].permission;
  return all;
}
constexpr std::array<Permission, kTable.size()> kPermissions = Permissions();

}  // namespace

bool RoleHas(Role role, Permission permission) {
  for (const PermissionRow& row : kTable) {
    if (row.permission != permission) continue;
    switch (role) {
      case Role::kViewer:
        return row.viewer;
      case Role::kEditor:
        return row.editor;
      case Role::kAdmin:
        return true;
    }
  }
  return false;
}

std::string_view PermissionName(Permission permission) {
  for (const PermissionRow& row : kTable) {
    if (row.permission == permission) return row.name;
  }
  return "unknown";
}

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kEditor:
      return "editor";
    case Role::kAdmin:
      return "admin";
  }
  return "unknown";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (Role role : kRoles) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

std::span<const Permission> AllPermissions() { return kPermissions; }
std::span<const Role> AllRoles() { return kRoles; }

Identity SystemIdentity(const std::string& name) {
  return {.name = "system:" + name, .kind = IdentityKind::kSystem, .role = Role::kAdmin};
}

}  // namespace millrace::security
