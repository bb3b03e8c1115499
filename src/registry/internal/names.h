// What may be called how in the registry. Pure; thread safe.
#pragma once

#include <string_view>

#include "base/status.h"

namespace millrace::registry::internal {

// Letters, digits, '.', '_' and '-', not beginning with '.' or '-', at most 255:
// no name that could leave the package's directory, or be missed in a listing.
bool IsPackageFileName(std::string_view name);

// Of experiments, models, parameters, metrics and tags; `what` begins the message.
Status CheckName(std::string_view what, std::string_view name);

// Of aliases: CheckName, and neither "latest" nor a number nor a capital.
Status CheckAlias(std::string_view alias);

}  // namespace millrace::registry::internal
