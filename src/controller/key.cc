#include "controller/key.h"

#include "base/status.h"
#include "base/text.h"

namespace millrace::controller {

std::string KeyOf(const resource::ResourceKey& key) {
  return fmt::format("{}/{}/{}", key.kind, key.project, key.name);
}

resource::ResourceKey ParseKey(std::string_view key) {
  const std::vector<std::string> parts = Split(key.substr(0, key.find('#')), '/');
  MR_CHECK(parts.size() == 3, "'{}' is no key", key);
  return {parts[0], parts[1], parts[2]};
}

}  // namespace millrace::controller
