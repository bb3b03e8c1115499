// JSON values outside the request path, where simdjson reads instead.
// Include base/json.h where values are built or read, and base/json_fwd.h
// where they are only passed on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

using Json = nlohmann::json;

// Parses one document. Refused, with line and column: syntax errors, duplicate
// keys, more than `max_depth` levels, text that is not UTF-8.
Result<Json> ParseJson(std::string_view text, int max_depth = 64);

// The value's text; on one line, or with `indent` spaces a level. Bytes that
// are not UTF-8 come out as U+FFFD: Json::dump would throw, and a file's name
// in a message must not end the process.
std::string FormatJson(const Json& value, int indent = -1);

// RFC 7386: a null removes, an object merges, anything else replaces.
void MergePatch(Json& target, const Json& patch);

// The smallest patch that MergePatch makes `to` of `from` with, but for nulls in
// `to`, which such a patch cannot write. Empty when nothing is to be done. Both are objects.
Json MergeDiff(const Json& from, const Json& to);

}  // namespace millrace
