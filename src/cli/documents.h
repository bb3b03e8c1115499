// YAML for `up`, `apply`, `validate` and `delete -f`.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "resource/yaml.h"

namespace millrace::cli {

// The documents of all files and folders, or InvalidArgument with every problem on
// a line of its own. NotFound when a path is not there, or holds no document.
Result<std::vector<resource::Document>> LoadDocuments(const std::vector<std::string>& paths);

}  // namespace millrace::cli
