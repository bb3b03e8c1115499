// Keys of the work queue and of tasks: "Kind/project/name", with "#what" behind
// it for a resource's second task.
#pragma once

#include <string>
#include <string_view>

#include "resource/resource.h"

namespace millrace::controller {

std::string KeyOf(const resource::ResourceKey& key);
// Precondition: made by KeyOf; what follows a '#' is left out.
resource::ResourceKey ParseKey(std::string_view key);

}  // namespace millrace::controller
