// Validation of a set of documents together with what exists already.
//
// Checked are each document's structure (from its kind's description), and, over
// all of them together: names that stand twice, references, cycles, the inputs
// of services, and leakage, that is, anything that could see a column before it
// is known (knownAfter); and, by the DefinitionCheck, whether the code that will
// run them can compile them. All problems are found in one go. A problem of a
// resource that exists counts only if this set causes it.
//
//   Diagnostics wrong = Validate(set.documents, existing, check);
//
// Pure, but for what the check looks at; thread safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resource/definition_check.h"
#include "resource/diagnostics.h"
#include "resource/resource.h"
#include "resource/yaml.h"

namespace millrace::resource {

// Sorted by place.
Diagnostics Validate(std::span<const Document> documents, std::span<const Resource> existing,
                     const DefinitionCheck& check = nullptr);

// What could not be read and what is wrong with the rest. Where something could
// not be read, only each document by itself is checked: what it refers to may
// stand in the part that is missing.
Diagnostics Validate(const YamlSet& set, std::span<const Resource> existing,
                     const DefinitionCheck& check = nullptr);

// A spec alone, against its kind's description: types, bounds, unknown fields.
Diagnostics ValidateSpec(std::string_view kind, const Json& spec);

// What the resource's spec refers to, by the description of its kind.
std::vector<ResourceKey> References(const Resource& resource);

// Those of `all` that refer to `key`.
std::vector<ResourceKey> Dependents(const ResourceKey& key, std::span<const Resource> all);

// The columns that an expression mentions: names outside quotes that no '('
// follows, without keywords. For messages before the expression is compiled.
std::vector<std::string> MentionedColumns(std::string_view expression);

}  // namespace millrace::resource
