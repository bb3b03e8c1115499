// The version of this program: the project's in CMakeLists.txt.
#pragma once

#include <string_view>

namespace millrace::cli {

extern const std::string_view kVersion;

}  // namespace millrace::cli
