// Project: its grants are what the authorizer asks. Decide is pure.
#pragma once

#include <map>
#include <span>
#include <string>

#include "controller/ready.h"
#include "resource/spec.h"
#include "security/permission.h"

namespace millrace::controller::project {

struct Decision {
  std::map<std::string, security::Role, std::less<>> grants;
  Ready ready;
};

// The last grant of a subject counts. An unknown role grants nothing, and the condition names it.
Decision Decide(std::span<const resource::Grant> grants);

}  // namespace millrace::controller::project
