// The version of this program; the same as in CMakeLists.txt.
#pragma once

#include <string_view>

namespace millrace::cli {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace millrace::cli
