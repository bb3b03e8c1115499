#include "security/authorizer.h"

#include <algorithm>

namespace millrace::security {
namespace {

std::optional<Role> GrantedIn(const Identity& identity, std::string_view project, const Grants& grants) {
  auto in_project = grants.find(project);
  if (in_project == grants.end()) return std::nullopt;
  auto grant = in_project->second.find(identity.name);
  if (grant == in_project->second.end()) return std::nullopt;
  return grant->second;
}

std::string RolesWith(Permission permission) {
  std::string out;
  for (Role role : AllRoles()) {
    if (!RoleHas(role, permission)) continue;
    if (!out.empty()) out += " or ";
    out += RoleName(role);
  }
  return out;
}

std::string Denial(const Identity& identity, Permission permission, std::string_view project,
                   std::optional<Role> granted) {
  std::string where = project.empty() ? "on the platform" : fmt::format("in project '{}'", project);
  std::string has;
  if (granted) {
    has = fmt::format("'{}' is {} there", identity.name, RoleName(*granted));
  } else if (identity.role) {
    has = fmt::format("'{}' is {}", identity.name, RoleName(*identity.role));
  } else {
    has = fmt::format("'{}' has no role there", identity.name);
  }
  return fmt::format("{} {} needs the role {}; {}", PermissionName(permission), where, RolesWith(permission),
                     has);
}

}  // namespace

Decision Authorize(const Identity& identity, Permission permission, std::string_view project,
                   const Grants& grants) {
  if (permission == Permission::kPublic) return {.allowed = true, .reason = {}};
  if (identity.role && RoleHas(*identity.role, permission)) return {.allowed = true, .reason = {}};
  std::optional<Role> granted;
  if (!project.empty()) granted = GrantedIn(identity, project, grants);
  if (granted && RoleHas(*granted, permission)) return {.allowed = true, .reason = {}};
  return {.allowed = false, .reason = Denial(identity, permission, project, granted)};
}

bool AllowedSomewhere(const Identity& identity, Permission permission, const Grants& grants) {
  if (permission == Permission::kPublic) return true;
  if (identity.role && RoleHas(*identity.role, permission)) return true;
  return std::any_of(grants.begin(), grants.end(), [&](const auto& entry) {
    auto grant = entry.second.find(identity.name);
    return grant != entry.second.end() && RoleHas(grant->second, permission);
  });
}

Access::Access(Options options) : options_(std::move(options)), grants_(std::make_shared<const Grants>()) {}

void Access::SetProjectGrants(const std::string& project, std::map<std::string, Role, std::less<>> grants) {
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<Grants>(*grants_);
  (*next)[project] = std::move(grants);
  grants_ = std::move(next);
  generation_.fetch_add(1, std::memory_order_release);
}

void Access::RemoveProject(const std::string& project) {
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<Grants>(*grants_);
  next->erase(project);
  grants_ = std::move(next);
  generation_.fetch_add(1, std::memory_order_release);
}

void Access::SetGrants(Grants grants) {
  std::lock_guard lock(mutex_);
  grants_ = std::make_shared<const Grants>(std::move(grants));
  generation_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Grants> Access::grants() const {
  std::lock_guard lock(mutex_);
  return grants_;
}

Status Access::Refresh() { return options_.tokens ? options_.tokens->Refresh() : Ok(); }

uint64_t Access::generation() const {
  // Both only grow, so the sum changes whenever one of them does.
  uint64_t tokens = options_.tokens ? options_.tokens->generation() : 0;
  return generation_.load(std::memory_order_acquire) + tokens;
}

Result<Identity> Access::Authenticate(std::string_view authorization) const {
  if (authorization.empty()) {
    if (options_.anonymous)
      return Identity{.name = "anonymous", .kind = IdentityKind::kAnonymous, .role = options_.anonymous};
    return Unauthenticated(
        "a token is needed: send the header 'Authorization: Bearer TOKEN' (millrace up keeps the admin's in "
        "the data directory; millrace token create makes others)");
  }
  MR_ASSIGN_OR_RETURN(std::string_view token, ParseBearer(authorization));
  if (options_.tokens) {
    if (std::optional<Identity> found = options_.tokens->Find(token)) return *found;
  }
  return Unauthenticated(
      "the token is not known here: it was revoked, or belongs to another data directory (millrace token "
      "list "
      "names the valid ones)");
}

Result<std::string_view> ParseBearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer";
  size_t space = authorization.find(' ');
  std::string_view scheme = authorization.substr(0, space);
  bool bearer = scheme.size() == kScheme.size() && std::equal(scheme.begin(), scheme.end(), kScheme.begin(),
                                                              [](char a, char b) { return (a | 0x20) == b; });
  if (!bearer || space == std::string_view::npos) {
    return Unauthenticated("the Authorization header is not of the form 'Bearer TOKEN'");
  }
  std::string_view token = authorization.substr(space + 1);
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
  // RFC 6750: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
  constexpr size_t kLongest = 512;
  auto is_token_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  };
  if (token.empty() || token.size() > kLongest || !std::all_of(token.begin(), token.end(), is_token_char)) {
    return Unauthenticated(
        "the token in the Authorization header is empty, too long, or has characters that no token has");
  }
  return token;
}

}  // namespace millrace::security
