// Plain scalars of YAML by the core schema (YAML 1.2.2, section 10.3.2), and the
// characters that a YAML text may hold. Used by yaml.h alone. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "resource/diagnostics.h"

namespace millrace::resource {

// 5, 0x1F, 0o17 and -3 are integers (a text when they don't fit 64 bits), 1.5,
// 1e3 and .inf doubles, true and false booleans, ~ and null null; else a text.
Json PlainScalar(const std::string& text);

// Text that read plain would be something else than this text.
bool NeedsQuotes(const std::string& text);

// Where the text stops being UTF-8 without control characters but tab and line
// ends; none when it is all fine.
std::optional<SourceMark> FirstBadCharacter(std::string_view text);

}  // namespace millrace::resource
