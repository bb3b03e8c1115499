#include "controller/project/decide.h"

namespace millrace::controller::project {

Decision Decide(std::span<const resource::Grant> grants) {
  Decision decision;
  for (const resource::Grant& grant : grants) {
    const std::optional<security::Role> role = security::ParseRole(grant.role);
    if (!role) {
      decision.ready = NotReady(
          "UnknownRole",
          fmt::format("'{}' is no role (for {}): viewer, editor or admin.", grant.role, grant.subject));
      continue;
    }
    decision.grants[grant.subject] = *role;
  }
  if (decision.ready.reason.empty()) {
    decision.ready = IsReady("Granted", fmt::format("{} subjects have a role here.", decision.grants.size()));
  }
  return decision;
}

}  // namespace millrace::controller::project
