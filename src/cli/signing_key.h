// The key of a data directory, which signs the model packages that are written
// there and is the only one that is trusted.
//
// A directory from before packages were signed gets its key here, and what its
// registry names as ready is signed: those packages are checked against their
// digests first, and the audit log says so. A key that is gone while signed
// packages are there is an error: a new one would trust none of them.
#pragma once

#include <string>

#include "base/ed25519.h"
#include "base/status.h"
#include "registry/registry.h"
#include "security/audit.h"

namespace millrace::cli {

Result<SigningKey> OpenSigningKey(const std::string& data_dir, const registry::Registry& registry,
                                  security::AuditLog& audit);

}  // namespace millrace::cli
