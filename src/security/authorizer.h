// Authorizer: may this identity do that, there?
//
// Authorize is a pure function of the identity, the permission, the Project and
// the grants. Access holds what it needs for a running server: the tokens, the
// grants, and what an anonymous caller on loopback is.
//
//   Decision d = Authorize(identity, Permission::kPredict, "risk", grants);
//   if (!d.allowed) return PermissionDenied("{}", d.reason);
//
// Access is thread safe. Readers take an immutable snapshot; a generation
// number tells a connection that what it cached is out of date, so that the
// request path takes no lock.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "security/identity.h"
#include "security/permission.h"
#include "security/token.h"

namespace millrace::security {

// Project → subject (an Identity's name) → role.
using Grants = std::map<std::string, std::map<std::string, Role, std::less<>>, std::less<>>;

struct Decision {
  bool allowed = false;
  std::string reason;  // when denied: who may not do what, where, and what would help
};

// `project` "" is the platform: only the identity's own role counts there.
Decision Authorize(const Identity& identity, Permission permission, std::string_view project,
                   const Grants& grants);

// True when Authorize would allow it in at least one Project or on the platform.
bool AllowedSomewhere(const Identity& identity, Permission permission, const Grants& grants);

class Access {
 public:
  struct Options {
    std::shared_ptr<TokenStore> tokens;  // shared with the commands that change it
    std::optional<Role> anonymous;       // the role of callers without a token; unset: they are refused
  };
  explicit Access(Options options);

  // Replaces the grants of one Project, or (SetGrants) of all.
  void SetProjectGrants(const std::string& project, std::map<std::string, Role, std::less<>> grants);
  void RemoveProject(const std::string& project);
  void SetGrants(Grants grants);

  std::shared_ptr<const Grants> grants() const;

  // From the value of an Authorization header, "" when there was none.
  // Unauthenticated says what is wrong with it, never the token itself.
  Result<Identity> Authenticate(std::string_view authorization) const;

  // Sees tokens that another process made or revoked (TokenStore::Refresh).
  Status Refresh();

  // Changes with every change of tokens or grants.
  uint64_t generation() const;

 private:
  Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Grants> grants_;  // shared with the readers of a snapshot
  std::atomic<uint64_t> generation_{1};
};

// The token in "Bearer TOKEN"; Unauthenticated for any other scheme or form.
Result<std::string_view> ParseBearer(std::string_view authorization);

}  // namespace millrace::security
