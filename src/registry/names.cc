#include "registry/internal/names.h"

#include <algorithm>

namespace millrace::registry::internal {
namespace {

constexpr size_t kMaxName = 250;  // MLflow's limit of a key

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

bool IsPackageFileName(std::string_view name) {
  const auto allowed = [](char c) {
    return IsDigit(c) || IsLower(c) || IsUpper(c) || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 255 && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), allowed);
}

Status CheckName(std::string_view what, std::string_view name) {
  if (name.empty()) return InvalidArgument("{} needs a name", what);
  if (name.size() > kMaxName) {
    return InvalidArgument("the name of {} has {} bytes; at most {} are allowed", what, name.size(),
                           kMaxName);
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return InvalidArgument("the name of {} holds a control character", what);
  }
  return Ok();
}

Status CheckAlias(std::string_view alias) {
  MR_RETURN_IF_ERROR(CheckName("an alias", alias));
  const auto allowed = [](char c) { return IsDigit(c) || IsLower(c) || c == '.' || c == '_' || c == '-'; };
  if (!std::all_of(alias.begin(), alias.end(), allowed)) {
    return InvalidArgument("the alias '{}' may hold only lower-case letters, digits, '.', '_' and '-'",
                           alias);
  }
  if (alias == "latest" || std::all_of(alias.begin(), alias.end(), IsDigit)) {
    return InvalidArgument("'{}' cannot be an alias: it reads as a version", alias);
  }
  return Ok();
}

}  // namespace millrace::registry::internal
