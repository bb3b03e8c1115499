// fuzz: resource
// YAML to documents, through validation and back to YAML: nothing may crash or
// hang, and what is written out must be read back as the same value.
#include <cstdlib>
#include <string_view>

#include "resource/admit.h"
#include "resource/validate.h"
#include "resource/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::resource;
  if (size > 1 << 16) return 0;
  const YamlSet set = ParseYaml(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.yaml");
  const Diagnostics found = Validate(set, {});
  for (const Document& document : set.documents) {
    const std::string text = ToYaml(document.value);
    // Long keys or DEL in a double-quoted text are beyond what is written for people.
    const YamlSet back = ParseYaml(text, "back.yaml");
    if (!back.diagnostics.empty() || back.documents.empty()) continue;
    const std::string first = document.value.dump(-1, ' ', false, millrace::Json::error_handler_t::replace);
    const std::string second =
        back.documents[0].value.dump(-1, ' ', false, millrace::Json::error_handler_t::replace);
    if (first != second) std::abort();
    if (found.empty() && !ToResource(document).ok()) std::abort();
  }
  return 0;
}
