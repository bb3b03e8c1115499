// YAML of one document as JSON whose scalars are all strings: what a kubeconfig
// needs, where a token of digits must stay text. Bounded in bytes, depth and
// values; aliases and tags are refused. Fails with file, line and column.
#pragma once

#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"

namespace millrace::kube::internal {

Result<Json> ParseYamlStrings(std::string_view text, const std::string& file);

}  // namespace millrace::kube::internal
