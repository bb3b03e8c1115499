#include "resource/validate.h"

#include <set>

#include "resource/internal/universe.h"
#include "resource/kind.h"
#include "resource/structure.h"

namespace millrace::resource {
namespace {

Diagnostics CheckAll(std::span<const Document> documents, std::span<const Resource> existing,
                     const DefinitionCheck& check) {
  Universe universe(documents, existing);
  CheckReferences(universe);
  CheckRules(universe);
  CheckLeakage(universe);
  if (check) CheckDefinitions(universe, existing, check);
  return universe.TakeDiagnostics();
}

}  // namespace

Diagnostics Validate(std::span<const Document> documents, std::span<const Resource> existing,
                     const DefinitionCheck& check) {
  // What was wrong before is not this set's doing.
  std::set<std::string> before;
  const Diagnostics old = CheckAll({}, existing, nullptr);
  for (const Diagnostic& item : old.items()) before.insert(item.ToString());
  Diagnostics found;
  const Diagnostics now = CheckAll(documents, existing, check);
  for (const Diagnostic& item : now.items()) {
    if (!before.contains(item.ToString())) found.Add(item);
  }
  found.Sort();
  return found;
}

Diagnostics Validate(const YamlSet& set, std::span<const Resource> existing, const DefinitionCheck& check) {
  if (set.diagnostics.empty()) return Validate(std::span<const Document>(set.documents), existing, check);
  Diagnostics found = set.diagnostics;
  for (const Document& document : set.documents) found.Append(CheckStructure(document));
  found.Sort();
  return found;
}

Diagnostics ValidateSpec(std::string_view kind, const Json& spec) {
  const Document document = FromJson(Json{{"kind", std::string(kind)}, {"spec", spec}});
  const Kind* known = FindKind(kind);
  if (known != nullptr) return CheckValue(document, known->spec, spec, "spec");
  Diagnostics unknown;
  unknown.Add({{}, "", "kind", fmt::format("unknown kind '{}'", kind)});
  return unknown;
}

}  // namespace millrace::resource
