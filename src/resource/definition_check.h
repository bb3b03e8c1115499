// DefinitionCheck: the hook by which definitions are checked with the code that
// will run them (expressions, types, gates, parameters of a trainer), which this
// module may not include.
//
//   DefinitionCheck check = controller::CheckDefinitions(data_dir);
//   Diagnostics wrong = Validate(set.documents, existing, check);
//
// A check sees all resources as they would be once a set was applied, as far as
// each is sound by itself, and says what is wrong with those that the set
// affects. It is called inside the transaction that writes: it must be quick, and
// must not call the store. Thread safe, as a const call.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "resource/diagnostics.h"
#include "resource/resource.h"

namespace millrace::resource {

struct Definition {
  Resource resource;      // with absolute paths
  bool given = false;     // it stands in the set and says something new; otherwise it exists
  bool affected = false;  // it, or what it refers to, directly or not, stands in the set
  Json stored = nullptr;  // the spec that exists, with absolute paths; null when there is none yet
};

using Definitions = std::map<ResourceKey, Definition>;

struct DefinitionProblem {
  ResourceKey key;
  FieldProblem problem;
};

using DefinitionCheck = std::function<std::vector<DefinitionProblem>(const Definitions& definitions)>;

}  // namespace millrace::resource
