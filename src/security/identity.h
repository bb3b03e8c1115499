// Who is asking: the name that grants and the audit log use, and how it was
// established. A value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "security/permission.h"

namespace millrace::security {

enum class IdentityKind : uint8_t {
  kAnonymous,  // nobody was named
  kToken,      // the holder of a token
  kSystem,     // Millrace itself: a controller
};

struct Identity {
  std::string name = "anonymous";
  IdentityKind kind = IdentityKind::kAnonymous;
  std::optional<Role> role;  // on the whole platform; grants may add others by Project

  bool operator==(const Identity&) const = default;
};

// A controller acting on its own: Identity{"system:NAME", kSystem, admin}.
Identity SystemIdentity(const std::string& name);

}  // namespace millrace::security
