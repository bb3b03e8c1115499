// What the kinds' descriptions say, as text for a terminal, as JSON Schema and
// as the pages of docs/reference.
//
//   std::cout << *Explain("Model.spec.split.gap");
//
// Pure; thread safe.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "resource/kind.h"

namespace millrace::resource {

// A kind by any of its names, and a path; "Model.split" is taken as
// "Model.spec.split". NotFound, with the nearest name, when there is none.
Result<std::string> Explain(std::string_view path);
// The kinds, one a line.
std::string ExplainKinds();

// Draft 2020-12 of the whole document. (A cluster's schema is crd.h's.)
Json JsonSchema(const Kind& kind);

// The page docs/reference/<singular>.md, and the index README.md.
std::string ReferencePage(const Kind& kind);
std::string ReferenceIndex();

}  // namespace millrace::resource
