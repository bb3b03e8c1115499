// fuzz: registry
// The manifest and the signature of a model package: what parses is written back the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "registry/package.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::registry;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = ParseManifest(text); manifest.ok()) {
    const auto again = ParseManifest(ManifestToJson(*manifest));
    if (!again.ok() || again->files != manifest->files) __builtin_trap();
  }
  if (const auto signature = ParseSignature(text); signature.ok()) {
    const auto again = ParseSignature(SignatureToJson(*signature));
    if (!again.ok() || *again != *signature) __builtin_trap();
  }
  return 0;
}
