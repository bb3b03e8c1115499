// fuzz: kube
// A kubeconfig: refused in a sentence, or a configuration that names a server.
#include <cstddef>
#include <cstdint>
#include <string>

#include "kube/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = millrace::kube::ParseKubeconfig({{"/fuzz/config", text}});
  if (!config.ok()) {
    MR_CHECK(!config.status().message().empty(), "a refusal without a sentence");
    return 0;
  }
  MR_CHECK(!config->server.empty() && !config->insecure, "a configuration that cannot be used safely");
  return 0;
}
