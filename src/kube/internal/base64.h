// Base64 of RFC 4648 with padding; blanks and line ends between are passed over.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::kube::internal {

std::optional<std::string> DecodeBase64(std::string_view text);
std::string EncodeBase64(std::string_view bytes);

}  // namespace millrace::kube::internal
