// The structure of a document against its kind's description: unknown and
// missing fields, types, bounds, names. Used by validate.h and decode.h.
//
//   Diagnostics wrong = CheckStructure(document);
//
// Pure; thread safe.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "resource/diagnostics.h"
#include "resource/kind.h"
#include "resource/yaml.h"

namespace millrace::resource {

// The whole document, its kind included.
Diagnostics CheckStructure(const Document& document);

// One value of the document, which stands at `path`, against its description.
Diagnostics CheckValue(const Document& document, const Field& field, const Json& value,
                       const std::string& path);

// "FeatureView customer-spending", as far as the document says.
std::string DocumentLabel(const Json& document);

// For messages: "the number 5", "the text 'abc'", "a list".
std::string DescribeValue(const Json& value);

// Lower-case letters, digits and '-'; at most 63; a letter or digit at both ends (RFC 1123).
bool IsDnsLabel(std::string_view name);
// [A-Za-z_][A-Za-z0-9_]*
bool IsIdentifier(std::string_view name);

}  // namespace millrace::resource
